"""Spoiled pictures, videos and tickets: every scan ends, with a finding that makes nothing up.

Each mutation is made by the seed and its number, and scanned by a crew of processes, so that a crash or a hang is seen
as one. It must end within --seconds, in a finding whose probabilities are numbers from 0 to 1 that stand where frames
could be read, and nowhere else. A spoiled ticket must end in a ClewError, or in the very finding of the ticket as it
was; every third has the seal that fits its spoiled bytes, and may then find something else. Pictures that have a score
though Pillow, a stricter decoder, refuses them are counted as lenient: nothing says which of the two is right.

    python benchmarks/scan_fuzz.py --ticket T.safetensors PATH... [--seed 0] [--count 2000] [--kept FOLDER]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from clew.base.errors import ClewError
from clew.base.files import write_json
from clew.base.progress import Progress
from clew.cli.console import progress as shown_progress
from clew.media.pictures import is_picture
from clew.media.videos import is_video
from clew.scan import crew
from clew.scan.finding import REASONS, Finding
from clew.scan.one_file import scan_file
from clew.scan.settings import ScanSettings
from clew.scan.stored import finding_from
from clew.scan.ticket import ready_ticket
from mutations import mutated, resealed

SHARES = {"picture": 0.55, "video": 0.2, "ticket": 0.25}
SETTINGS = ScanSettings(frames=4, threads=1)


@dataclass(frozen=True)
class Plan:
    """What the processes are told: the ticket, the seed, a picture for spoiled tickets, a folder for failures."""

    ticket: Path
    form: str
    seed: int
    picture: Path
    kept: Path | None


@dataclass(frozen=True)
class Item:
    """Mutation `number` of a file, with another file's bytes for what is spliced."""

    number: int
    what: str
    path: Path
    other: Path


@dataclass
class Outcome:
    """How it ended: in words, what is wrong with that ("": nothing), and how long it took."""

    number: int
    what: str
    source: str
    how: str = ""
    ended: str = ""
    wrong: list[str] = field(default_factory=list)
    lenient: str = ""  # why Pillow refuses a picture that was read
    seconds: float = 0.0


def begin(plan: Plan) -> Callable[[Item, Progress], Outcome]:
    """Loads the ticket, and returns what tries one mutation."""
    settings = replace(SETTINGS, form=plan.form)
    by_faces = {faces: ready_ticket(plan.ticket, replace(settings, faces=faces)) for faces in ("dlib", "none")}
    whole = replace(settings, faces="none")
    expected = _facts(scan_file(plan.picture, by_faces["none"], whole))
    folder = tempfile.mkdtemp(prefix="clew-fuzz-")

    def ticketed(path: Path, out: Outcome, sealed: bool) -> None:
        try:
            found = scan_file(plan.picture, ready_ticket(path, whole), whole)
        except ClewError as error:
            out.ended = "refused"
            out.wrong += [] if path.name in str(error) else [f"the error does not name the file: {error}"]
            return
        out.wrong += list(_wrong(found))
        out.ended = "the same finding" if _facts(found) == expected else "another finding, sealed"
        if _facts(found) != expected and not sealed:
            out.wrong.append(f"another finding of a spoiled ticket: {found.text}")

    def work(item: Item, _: Progress) -> Outcome:
        out, start = Outcome(item.number, item.what, item.path.name), time.monotonic()
        data, other = item.path.read_bytes(), item.other.read_bytes()
        out.how, suffix, spoiled = mutated(plan.seed, item.number, item.path.suffix, data, other)
        sealed = item.what == "ticket" and item.number % 3 == 0
        spoiled = resealed(spoiled) if sealed else spoiled
        path = Path(folder) / f"{item.number}{suffix}"
        path.write_bytes(spoiled)
        try:
            if item.what == "ticket":
                ticketed(path, out, sealed)
            else:
                faces = "none" if item.number % 2 else "dlib"
                found = scan_file(path, by_faces[faces], replace(settings, faces=faces))
                out.ended = found.reason or found.verdict
                out.wrong += list(_wrong(found))
                out.lenient = _refused(path) if found.kind == "picture" and found.probability is not None else ""
        except Exception as error:  # noqa: BLE001  # no scan may raise
            out.ended, out.wrong = "raised", [f"{type(error).__name__}: {error}"[:400]]
        finally:
            if out.wrong and plan.kept is not None:
                os.makedirs(plan.kept, exist_ok=True)
                (plan.kept / path.name).write_bytes(spoiled)
            path.unlink()
        out.seconds = time.monotonic() - start
        return out

    return work


def _refused(path: Path) -> str:
    """Why Pillow refuses a picture, "" where it reads it."""
    try:
        with Image.open(path) as picture:
            picture.load()
    except Exception as error:  # noqa: BLE001  # whatever it is: it could not be read
        return f"{type(error).__name__}: {error}"
    return ""


def _facts(found: Finding) -> dict[str, Any]:
    """What must be equal where nothing was changed; the ticket's name is another one."""
    facts = found.as_dict()
    return {name: facts[name] for name in ("verdict", "probability", "reason", "persons", "operating_point", "text")}


def _wrong(found: Finding) -> Iterator[str]:
    """What a finding says that it cannot know."""
    faces = [face for person in found.persons for face in person.faces]
    scores = [found.probability, *(one.probability for one in (*found.persons, *faces))]
    if any(score is not None and not (math.isfinite(score) and 0 <= score <= 1) for score in scores):
        yield f"a probability that is none: {scores}"
    if found.reason == "unreadable" and (found.persons or any(score is not None for score in scores)):
        yield "a score of a file that cannot be read"
    if found.verdict != "inconclusive" and found.probability is None:
        yield "a verdict without a probability"
    if found.reason and (found.reason not in REASONS or found.verdict != "inconclusive"):
        yield f"the reason {found.reason} of {found.verdict}"
    lost = {index for index, _ in found.sampling.get("unreadable", ())}
    read = set(found.sampling.get("frames", [0])) - lost
    if any(face.frame not in read for face in faces):
        yield "a face in a frame that could not be read"
    if any(face.probability is not None and face.reason for face in faces):
        yield "a score of a face that does not count"
    text = json.dumps(found.as_dict(), allow_nan=False)  # raises where a number is none
    if finding_from(json.loads(text)) != finding_from(json.loads(json.dumps(found.as_dict()))):
        yield "a finding that JSON changes"


def items(sources: dict[str, list[Path]], seed: int, count: int, only: int | None) -> Iterator[Item]:
    """The mutations, drawn by the seed: of each kind a share, of each file of a kind alike many."""
    kinds = [kind for kind in SHARES if sources[kind]]
    every = [path for kind in kinds for path in sources[kind]]
    for number in range(count) if only is None else [only]:
        rng = random.Random(f"{seed}-{number}-source")
        kind = rng.choices(kinds, [SHARES[kind] for kind in kinds])[0]
        yield Item(number, kind, rng.choice(sources[kind]), rng.choice(every if rng.random() < 0.3 else sources[kind]))


def found_in(paths: list[Path], ticket: Path, most: int, largest: int) -> dict[str, list[Path]]:
    """Pictures, videos and tickets below paths, of each at most so many, none larger than so many bytes."""
    found: dict[str, list[Path]] = {"picture": [], "video": [], "ticket": [ticket]}
    for path in paths:
        for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
            kind = "picture" if is_picture(one) else "video" if is_video(one) else ""
            kind = "ticket" if one.suffix == ".safetensors" else kind
            if kind and one.is_file() and one.stat().st_size <= largest:
                found[kind].append(one)
    return {kind: random.Random(kind).sample(ones, min(most, len(ones))) for kind, ones in found.items()}


def main() -> None:
    """Spoils, scans, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="pictures, videos and tickets, or folders of them")
    parser.add_argument("--ticket", type=Path, required=True, help="the ticket that judges, and is spoiled")
    parser.add_argument("--form", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--only", type=int, help="this one mutation alone")
    parser.add_argument("--most", type=int, default=60, help="files of each kind")
    parser.add_argument("--largest", type=int, default=2 * 2**20, help="bytes of a file")
    parser.add_argument("--seconds", type=float, default=120.0, help="that one may take")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kept", type=Path, help="a folder for files that something is wrong with")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sources = found_in(options.paths, options.ticket, options.most, options.largest)
    if not sources["picture"]:
        sys.exit("give at least one picture.")
    plan = Plan(options.ticket, options.form, options.seed, sources["picture"][0], options.kept)
    outcomes = run(plan, sources, options)
    report = summed(outcomes)
    for one in report["wrong"]:
        print(f"{one['number']} ({one['how']} {one['what']} {one['source']}): {'; '.join(one['wrong'])}")
    print(report["text"])
    if options.json:
        files = {kind: [path.name for path in ones] for kind, ones in sources.items()}
        write_json(options.json, {"seed": options.seed, "files": files, **report})
    sys.exit(1 if report["wrong"] else 0)


def run(plan: Plan, sources: dict[str, list[Path]], options: argparse.Namespace) -> list[Outcome]:
    """All outcomes; a crash counts at once, though a scan would try again."""
    crew.TRIES = 1
    todo = items(sources, options.seed, options.count, options.only)
    outcomes = []

    def lost(item: Item, why: str) -> Outcome:
        return Outcome(item.number, item.what, item.path.name, "", "lost", [why])

    with (
        crew.Crew(partial(begin, plan), options.workers, options.seconds) as workers,
        shown_progress().task("scanning spoiled files", options.count) as task,
    ):
        for outcome in workers.in_order(todo, lost):
            outcomes.append(outcome)
            task.advance(1, outcome.source)
    return outcomes


def summed(outcomes: list[Outcome]) -> dict[str, Any]:
    """Counts by kind, end and mutation, and all that is wrong."""
    ends = {what: dict(Counter(one.ended for one in outcomes if one.what == what).most_common()) for what in SHARES}
    wrong = [vars(one) for one in outcomes if one.wrong]
    lenient = [vars(one) for one in outcomes if one.lenient]
    slowest = max(outcomes, key=lambda one: one.seconds)
    lost = sum(one.ended == "lost" for one in outcomes)
    kinds = {what: ", ".join(f"{n} {end}" for end, n in ends[what].items()) for what in ends if ends[what]}
    told = "; ".join(f"{what}s: {counts}" for what, counts in kinds.items())
    text = f"{len(outcomes):,} mutations, {lost} lost by a crash or a hang, {len(wrong)} with something wrong. {told}. "
    text += f"{len(lenient)} pictures have a score that Pillow refuses. "
    text += f"The longest took {slowest.seconds:.1f} s ({slowest.number}, {slowest.source})."
    how = dict(Counter(one.how for one in outcomes).most_common())
    found = {"wrong": wrong, "lenient": lenient, "lost": lost}
    return {"mutations": len(outcomes), "ends": ends, "how": how, **found, "text": text}


if __name__ == "__main__":
    main()
