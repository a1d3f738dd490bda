"""Time and recall of Clew's face crops against the customary way, side by side on the same videos.

The customary way (FaceForensics++, DeepfakeBench): OpenCV reads every frame, dlib's HOG detector with one upsampling
searches each of the wanted full-size frames. Both cut every face found to the same size; its faces are the yardstick,
false alarms included.

    python benchmarks/face_cropping.py VIDEO_OR_FOLDER... [--frames 32] [--repeat 3] [--faces dlib] [--json FILE]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import dlib
import numpy as np

from clew.base.files import write_json
from clew.media.faces.base import Box, FaceDetector, iou, make_detector
from clew.media.faces.cutting import cut_face
from clew.media.faces.following import faces_in_video
from clew.media.videos import evenly_spaced, is_video, probe

# Below this score most of what dlib finds is no face; only told apart, never left out of the recall.
FAINT = 0.1


@dataclass
class Outcome:
    """The faces of each wanted frame, the crops' count and the seconds that they took."""

    wall: float = 0.0
    cpu: float = 0.0
    crops: int = 0
    faces: dict[int, list[tuple[Box, float]]] = field(default_factory=dict)


def customary(path: Path, frames: int, size: int) -> Outcome:
    """OpenCV and dlib, frame by frame."""
    found = dlib.get_frontal_face_detector()
    outcome, wall, cpu = Outcome(), time.perf_counter(), time.process_time()
    capture = cv2.VideoCapture(str(path))
    wanted = set(evenly_spaced(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), frames))
    index = 0
    while True:
        ok, bgr = capture.read()
        if not ok:
            break
        if index in wanted:
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            boxes, scores, _ = found.run(rgb, 1, 0.0)
            faces = [(Box(b.left(), b.top(), b.width(), b.height()), s) for b, s in zip(boxes, scores, strict=True)]
            outcome.crops += len([cut_face(rgb, box, size) for box, _ in faces])
            outcome.faces[index] = faces
        index += 1
    outcome.wall, outcome.cpu = time.perf_counter() - wall, time.process_time() - cpu
    return outcome


def ours(path: Path, frames: int, size: int, detector: FaceDetector, threads: int) -> Outcome:
    """Clew, probing included."""
    outcome, wall, cpu = Outcome(), time.perf_counter(), time.process_time()
    for frame in faces_in_video(path, evenly_spaced(probe(path).frames, frames), detector, threads=threads):
        outcome.faces[frame.index] = [(face.box, face.score) for face in frame.faces]
        outcome.crops += len([frame.cut(face.box, size) for face in frame.faces])
    outcome.wall, outcome.cpu = time.perf_counter() - wall, time.process_time() - cpu
    return outcome


def compared(theirs: Outcome, mine: Outcome) -> dict[str, int]:
    """How many of their faces are found on the same frames, and how many more there are."""
    counts = dict.fromkeys(("faces", "found", "faint", "faint_found", "extra"), 0)
    for index, faces in theirs.faces.items():
        boxes = [box for box, _ in mine.faces.get(index, [])]
        for box, score in faces:
            hit = any(iou(box, other) >= 0.5 for other in boxes)
            counts["faces"] += 1
            counts["found"] += hit
            counts["faint"] += score < FAINT
            counts["faint_found"] += hit and score < FAINT
        counts["extra"] += sum(all(iou(box, other) < 0.5 for other, _ in faces) for box in boxes)
    return counts


def videos_of(paths: list[Path]) -> list[Path]:
    """The videos among files and below folders."""
    found = [p for path in paths for p in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return [p for p in found if is_video(p)]


def measure(path: Path, options: argparse.Namespace, detector: FaceDetector) -> dict[str, Any]:
    """One video, both ways in turn, as often as asked."""
    theirs, mine = [], []
    for _ in range(options.repeat):
        theirs.append(customary(path, options.frames, options.size))
        mine.append(ours(path, options.frames, options.size, detector, options.threads))
    row: dict[str, Any] = {"video": path.name, **compared(theirs[0], mine[0])}
    for name, runs in (("customary", theirs), ("clew", mine)):
        row[f"{name}_s"] = statistics.median(run.wall for run in runs)
        row[f"{name}_cpu_s"] = statistics.median(run.cpu for run in runs)
    return row


def line(row: dict[str, Any]) -> str:
    """One row for people."""
    recall = row["found"] / max(1, row["faces"])
    ratio, cpu = row["customary_s"] / row["clew_s"], row["customary_cpu_s"] / row["clew_cpu_s"]
    return (
        f"{row['video'][:28]:28} {row['customary_s']:9.2f} {row['clew_s']:7.2f} {ratio:6.1f} {cpu:6.1f}"
        f" {row['found']:5d}/{row['faces']:<5d} {recall:7.1%}"
        f" {row['faint_found']:3d}/{row['faint']:<3d} {row['extra']:5d}"
    )


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="threads of the decoder in Clew's way")
    parser.add_argument("--faces", default="dlib")
    parser.add_argument("--model", type=Path, help="the detector's file, where it needs one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    detector = make_detector(options.faces, options.model)
    heads = f"{'customary':>9} {'clew s':>7} {'ratio':>6} {'cpu':>6} {'found':>11} {'recall':>7} {'faint':>7} extra"
    print(f"{'video':28} {heads}")
    rows = []
    for path in videos_of(options.paths):
        rows.append(measure(path, options, detector))
        print(line(rows[-1]), flush=True)
    total: dict[str, Any] = {
        "video": "all",
        **{k: float(np.sum([r[k] for r in rows])) for k in rows[0] if k != "video"},
    }
    total.update({k: int(total[k]) for k in ("faces", "found", "faint", "faint_found", "extra")})
    print(line(total))
    if options.json:
        machine = {"cpu": platform.processor() or platform.machine(), "python": platform.python_version()}
        settings = {
            "frames": options.frames,
            "size": options.size,
            "repeat": options.repeat,
            "threads": options.threads,
        }
        report = {"detector": detector.version, **settings, "machine": machine, "rows": rows, "total": total}
        write_json(options.json, report)


if __name__ == "__main__":
    main()
