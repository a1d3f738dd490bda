"""Speed of `clew scan` beside the customary way, by turns in one run: a 1080p video, and a folder of pictures.

The customary way: OpenCV reads every frame, dlib's HOG detector with one upsampling searches each whole frame, each
face is cut out and goes alone through the ticket's dense network in PyTorch, fp32, eager, on as many threads as Clew
has. A video takes it minutes: it reads the whole, but searches and scores --searched frames of it, spread evenly, and
what one of them takes is counted for all (--whole: all are searched). Both ways have their network loaded; "command" is
`clew scan` as a user types it, from the start of Python on.

A folder is scanned with all its processes, by a crew that starts anew each round; the plain loop reads, searches,
cuts and scores one picture after the other, of --plain of them. Memory: resident bytes of all processes after each
hundred pictures.

    python benchmarks/scan_speed.py [--video FILE] [--pictures FOLDER] [--ticket FILE] [--rounds 3] [--out FILE]

Without --video and --pictures both are drawn as `clew data synth` draws, enlarged.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import dlib
import numpy as np

from clew.base.files import write_json
from clew.base.packaged import packaged_ticket
from clew.media.faces.base import Box
from clew.media.faces.cutting import cut_face
from clew.media.pictures import is_picture
from clew.media.videos import evenly_spaced, probe
from clew.runtime.target import target
from clew.scan.finding import Finding
from clew.scan.inputs import Inputs
from clew.scan.many import scan_many
from clew.scan.one_file import scan_file
from clew.scan.order import order
from clew.scan.settings import ScanSettings
from clew.scan.ticket import ready_ticket

SCALE = 1.3  # the side of a face's square over its box's
EVERY = 100  # pictures between two looks at the memory
Score = Callable[[np.ndarray], float]


def eager(ticket: Path, threads: int) -> Score:
    """The dense network's probability of fake for one RGB crop, in PyTorch as it is commonly run."""
    import torch

    from clew.tickets.ticket import load_ticket

    torch.set_num_threads(threads)
    held = load_ticket(ticket)
    net, size = held.detector().eval(), held.config.input_size

    def score(crop: np.ndarray) -> float:
        sized = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            image = torch.from_numpy(sized).permute(2, 0, 1).float().div(255)[None]
            return float(1 - torch.softmax(net(image), 1)[0, 0])

    return score


def searched(bgr: np.ndarray, finder: Any, score: Score) -> int:
    """One whole picture searched, its faces scored one at a time; how many there are."""
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    boxes, _, _ = finder.run(rgb, 1, 0.0)
    for box in boxes:
        score(cut_face(rgb, Box(box.left(), box.top(), box.width(), box.height()), 256, SCALE))
    return len(boxes)


def customary(path: Path, some: int, score: Score) -> dict[str, float]:
    """Seconds of a whole video: reading all of it, and searching `some` frames (0: all), counted for all."""
    finder = dlib.get_frontal_face_detector()
    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = set(evenly_spaced(count, some or count))
    start, looking, faces, index = time.perf_counter(), 0.0, 0, 0
    while True:
        ok, bgr = capture.read()
        if not ok:
            break
        if index in wanted:
            before = time.perf_counter()
            faces += searched(bgr, finder, score)
            looking += time.perf_counter() - before
        index += 1
    reading = time.perf_counter() - start - looking
    return {"seconds": reading + looking / len(wanted) * index, "reading": reading, "searched": looking, "faces": faces}


def command(path: Path, ticket: Path) -> float:
    """Seconds of `clew scan FILE`, start of Python and all."""
    start = time.perf_counter()
    words = ["scan", str(path), "--ticket", str(ticket), "--json"]
    line = [sys.executable, "-c", "from clew.cli.main import run; run()", *words]
    done = subprocess.run(line, capture_output=True, check=False)
    if done.returncode not in (0, 3, 4):
        sys.exit(f"{' '.join(line)}: {done.stderr.decode()[-500:]}")
    return time.perf_counter() - start


def video(path: Path, ticket: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A video each way in turn."""
    settings = ScanSettings(threads=options.threads)
    ready, score, facts = ready_ticket(ticket, settings), eager(ticket, options.threads), probe(path)
    rounds: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        start = time.perf_counter()
        found = scan_file(path, ready, settings)
        mine = time.perf_counter() - start
        theirs = customary(path, 0 if options.whole else options.searched, score)
        rounds.append(
            {"clew": mine, "command": command(path, ticket), "customary": theirs["seconds"], "theirs": theirs}
        )
    middle = {name: statistics.median(one[name] for one in rounds) for name in ("clew", "command", "customary")}
    return {
        "video": {name: getattr(facts, name) for name in ("width", "height", "frames", "fps", "duration_s", "codec")},
        "form": ready.runtime.form,
        "frames_clew": found.sampling["wanted"],
        "frames_customary": facts.frames,
        "frames_customary_searched": facts.frames if options.whole else options.searched,
        "faces_clew": sum(len(person.faces) for person in found.persons),
        "rounds": rounds,
        "medians_s": middle,
        "duration_over_clew": facts.duration_s / middle["clew"],
        "duration_over_command": facts.duration_s / middle["command"],
        "customary_over_clew": middle["customary"] / middle["clew"],
        "customary_over_command": middle["customary"] / middle["command"],
    }


def scanned(folder: Path, ticket: Path, workers: int) -> dict[str, Any]:
    """A folder by Clew: seconds, and resident bytes after each hundred."""
    start, memory, times, verdicts = time.perf_counter(), [], [], {}
    found: Iterator[Finding] = scan_many(Inputs([str(folder)]), order(ticket, ScanSettings()), workers=workers)
    for number, one in enumerate(found, 1):
        verdicts[one.reason or one.verdict] = verdicts.get(one.reason or one.verdict, 0) + 1
        if number % EVERY == 0:
            memory.append(resident())
            times.append(time.perf_counter() - start)
    return {"seconds": time.perf_counter() - start, "memory": memory, "times": times, "verdicts": verdicts}


def plain(paths: list[Path], score: Score) -> float:
    """Seconds of a plain loop over pictures."""
    finder, start = dlib.get_frontal_face_detector(), time.perf_counter()
    for path in paths:
        searched(cv2.imread(str(path)), finder, score)
    return time.perf_counter() - start


def pictures(folder: Path, ticket: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A folder each way in turn."""
    paths, score = sorted(folder.iterdir()), eager(ticket, options.threads)
    some = paths[: options.plain]
    rounds = []
    for _ in range(options.rounds):
        mine = scanned(folder, ticket, options.threads)
        rounds.append({**mine, "plain": plain(some, score)})
    rate = len(paths) / statistics.median(one["seconds"] for one in rounds)
    theirs = len(some) / statistics.median(one["plain"] for one in rounds)
    memory = [one["memory"] for one in rounds]
    return {
        "pictures": len(paths),
        "pictures_plain": len(some),
        "rounds": rounds,
        "pictures_a_second": rate,
        "pictures_a_second_plain": theirs,
        "clew_over_plain": rate / theirs,
        "memory_last_over_second": [one[-1] / one[1] for one in memory if len(one) > 2],
    }


def resident() -> int:
    """Bytes of this process and of all below it (what they share counts in each)."""
    todo, total = [os.getpid()], 0
    while todo:
        process = Path(f"/proc/{todo.pop()}")
        try:
            todo += map(int, (process / "task" / process.name / "children").read_text().split())
            total += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def drawn_video(path: Path, seconds: float = 10.0, rate: int = 30) -> Path:
    """1080p H.264: a drawn portrait, enlarged, that moves about."""
    from clew.datasets.synth.pictures import draw_portrait

    portrait = cv2.resize(draw_portrait(0, 1, 0, "real", 512).picture, (1080, 1080), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number in range(round(seconds * rate)):
            frame = np.full((1080, 1920, 3), 96, np.uint8)
            left = 420 + round(300 * np.sin(2 * np.pi * number / 150))
            frame[:, left : left + 1080] = portrait
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def drawn_pictures(folder: Path, count: int = 24) -> list[Path]:
    """Drawn portraits."""
    from clew.datasets.synth.pictures import draw_portrait

    paths = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), cv2.cvtColor(draw_portrait(0, number, 0, "real", 320).picture, cv2.COLOR_RGB2BGR))
    return paths


@contextmanager
def filled(folder: Path | None, count: int) -> Iterator[Path]:
    """A folder of `count` pictures: those of a folder, or drawn ones, again and again."""
    with tempfile.TemporaryDirectory() as name:
        base, many = Path(name), Path(name) / "many"
        many.mkdir()
        paths = (
            drawn_pictures(base) if folder is None else [path for path in sorted(folder.rglob("*")) if is_picture(path)]
        )
        for number in range(count):
            source = paths[number % len(paths)]
            (many / f"{number:06}{source.suffix}").write_bytes(source.read_bytes())
        yield many


def told(found: dict[str, Any]) -> Iterator[str]:
    """What was found, for people."""
    if film := found.get("video"):
        seconds, length = film["medians_s"], film["video"]["duration_s"]
        part = film["frames_customary_searched"]
        how = "" if part == film["frames_customary"] else f", counted from {part} of {film['frames_customary']} frames"
        yield f"video of {length:.1f} s: Clew {seconds['clew']:.2f} s, the command {seconds['command']:.2f} s"
        yield f"  the customary way {seconds['customary']:.1f} s{how}"
        for other, name in (("duration", "it plays"), ("customary", "the customary way")):
            mine, command_ = film[f"{other}_over_clew"], film[f"{other}_over_command"]
            yield f"  {mine:.1f} times as fast as {name}, the command {command_:.1f} times"
    if many := found.get("pictures"):
        yield f"{many['pictures']:,} pictures: {many['pictures_a_second']:.1f} a second"
        yield f"  plain loop {many['pictures_a_second_plain']:.1f} (of {many['pictures_plain']})"
        yield f"  {many['clew_over_plain']:.1f} times as fast"
        for one in many["rounds"]:
            yield f"  MiB after each {EVERY}: {', '.join(f'{bytes_ / 2**20:.0f}' for bytes_ in one['memory'])}"


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--only", choices=["video", "pictures"])
    parser.add_argument("--ticket", type=Path, help="default: the packaged one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="cores for either way")
    parser.add_argument("--searched", type=int, default=5, help="frames that the customary way searches each round")
    parser.add_argument("--whole", action="store_true", help="the customary way searches every frame")
    parser.add_argument("--count", type=int, default=1000, help="pictures in the folder")
    parser.add_argument("--plain", type=int, default=100, help="pictures for the plain loop")
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    ticket = options.ticket or packaged_ticket()
    found: dict[str, Any] = {"processor": target("").cpu, "ticket": ticket.name, "threads": options.threads}
    if options.only != "pictures":
        with tempfile.TemporaryDirectory() as folder:
            path = options.video or drawn_video(Path(folder) / "drawn.mp4")
            found["video"] = video(path, ticket, options)
    if options.only != "video":
        with filled(options.pictures, options.count) as many:
            found["pictures"] = pictures(many, ticket, options)
    print(json.dumps(found) if options.json else "\n".join(told(found)))
    if options.out:
        write_json(options.out, found)


if __name__ == "__main__":
    main()
