"""Writes a folder of portraits, real and forged, in the layout of a public data set."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clew.base.errors import ClewError
from clew.base.executors import KILLED
from clew.base.files import TEMPORARY, read_json, sweep_temporaries, write_bytes, write_json, write_text
from clew.base.hashing import stable_seed
from clew.base.progress import SILENT, Progress
from clew.datasets.synth.camera import photograph
from clew.datasets.synth.forge import FORGERIES, Region, Target
from clew.datasets.synth.person import draw_person
from clew.datasets.synth.plan import Entry, Settings, plan, summarise
from clew.datasets.synth.render import render
from clew.datasets.synth.shot import draw_shot
from clew.datasets.synth.truth import TRUTH, Truth, write_truth
from clew.media.pictures import Picture, encode_jpeg

RECORD = "synth.json"
GROUPS = "groups.csv"


@dataclass(frozen=True)
class Portrait:
    """One finished picture: RGB before JPEG, its JPEG quality, and the forged region (None: genuine)."""

    picture: Picture
    quality: int
    region: Region | None


def draw_portrait(seed: int, person: int, number: int, method: str, size: int) -> Portrait:
    """Draws picture `number` of `person`: it depends on the arguments alone."""
    who = draw_person(np.random.default_rng(stable_seed("person", seed, person)))
    rng = np.random.default_rng(stable_seed("picture", seed, person, number, size))
    shot = draw_shot(rng)
    rendered = render(who, shot, size)
    picture = photograph(rendered.rgb, shot, rng)
    if method == "real":
        return Portrait(picture, shot.jpeg_quality, None)
    forger = np.random.default_rng(stable_seed("forgery", seed, person, number, size))
    donor = draw_person(forger)
    forged, region = FORGERIES.get(method)(Target(picture, rendered, who, shot), donor, forger)
    return Portrait(forged, shot.jpeg_quality, region)


def _png(region: Region) -> bytes:
    """A region (H, W) as a lossless PNG of 0 and 255."""
    done, data = cv2.imencode(".png", region.astype(np.uint8) * 255)
    if not done:
        raise ClewError(f"a region of shape {region.shape} cannot be written as PNG.")
    return bytes(data)


def _encode(entry: Entry, settings: Settings) -> tuple[bytes, bytes | None]:
    """The bytes of the picture and of its region."""
    drawn = draw_portrait(settings.seed, entry.person, entry.number, entry.method, settings.size)
    region = None if drawn.region is None else _png(drawn.region)
    return encode_jpeg(drawn.picture, drawn.quality), region


def _missing(out: Path, entry: Entry) -> bool:
    region = entry.region_path
    return not (out / entry.path).is_file() or (region is not None and not (out / region).is_file())


def _write_person(out: Path, settings: Settings, entries: Sequence[Entry]) -> int:
    """Draws what is missing of one person's pictures; returns how many pictures are there then."""
    for entry in entries:
        if _missing(out, entry):
            picture, region = _encode(entry, settings)
            if region is not None and entry.region_path is not None:
                write_bytes(out / entry.region_path, region)
            write_bytes(out / entry.path, picture)
    return len(entries)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _write_all(out: Path, settings: Settings, people: list[list[Entry]], workers: int) -> Iterator[int]:
    """Draws everybody, in this process or in a pool; yields the number of pictures as people are done."""
    count = min(workers or os.cpu_count() or 1, len(people))
    if count == 1:
        for entries in people:
            yield _write_person(out, settings, entries)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_one_thread) as pool:
        try:
            jobs = [pool.submit(_write_person, out, settings, entries) for entries in people]
            for job in as_completed(jobs):
                yield job.result()
        except BrokenProcessPool:
            raise ClewError(KILLED) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _own_names(entries: Sequence[Entry]) -> set[str]:
    regions = {e.region_path for e in entries if e.region_path is not None}
    return {e.path for e in entries} | regions | {GROUPS, TRUTH}


def _check_resumable(out: Path, settings: Settings, entries: Sequence[Entry]) -> None:
    """Raises ClewError unless what lies in `out` was left by an unfinished run with these settings."""
    found = {p.relative_to(out).as_posix() for p in out.rglob("*") if not p.is_dir()}
    own = _own_names(entries)
    foreign = sorted(n for n in found - own if not n.rsplit("/", 1)[-1].startswith(TEMPORARY))
    if foreign:
        raise ClewError(
            f"{out} is not empty and holds '{foreign[0]}', which no run with these settings writes. "
            "Choose another folder, or empty this one."
        )
    kept = next((e for e in entries if e.path in found and not _missing(out, e)), None)
    if kept is not None and _encode(kept, settings)[0] != (out / kept.path).read_bytes():
        raise ClewError(
            f"{out / kept.path} was drawn with other settings (or by another version). "
            "Choose another folder, or empty this one."
        )


def _finished(out: Path, summary: dict[str, Any]) -> bool:
    """Whether `out` is complete with these settings; raises ClewError when it is complete with others."""
    if out.exists() and not out.is_dir():
        raise ClewError(f"{out} is a file; a folder is needed. Choose another name.")
    if not (out / RECORD).exists():
        return False
    held = read_json(out / RECORD)
    if held == summary:
        return True
    different = [k for k in summary if not isinstance(held, dict) or held.get(k) != summary[k]]
    raise ClewError(
        f"{out} already holds pictures drawn with other settings ({', '.join(different) or 'unknown ones'}). "
        "Choose another folder, or delete this one."
    )


def _groups(entries: Sequence[Entry]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "group", "method"])
    table.writerows([e.path, e.group, e.method] for e in entries)
    return text.getvalue()


def _truth(entry: Entry) -> Truth:
    label = int(entry.method != "real")
    return Truth(
        entry.path, label, entry.method, entry.split, (entry.group,), entry.group, region=entry.region_path or ""
    )


def write_pictures(
    out: Path,
    layout: str,
    *,
    people: int = 240,
    per_person: int = 8,
    size: int = 256,
    seed: int = 0,
    workers: int = 0,
    fractions: tuple[float, float, float] = (0.60, 0.12, 0.28),
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Draws `people` x `per_person` face crops of `size` pixels into `out`; returns settings and counts.

    Half of everybody's pictures are forged; `regions/` holds where, `groups.csv` and truth.csv say what. `fractions`
    are the shares of people in train, val and test; `workers` processes draw (0: one a core). A complete folder
    with the same settings is left alone, an unfinished one is completed. Raises ClewError for settings that
    cannot be drawn and for a folder that holds anything else.
    """
    out = Path(out)
    if workers < 0:
        raise ClewError(f"workers is {workers}; expected 0 (one a core) or more.")
    settings = Settings(layout, people, per_person, size, seed, fractions)
    summary = summarise(settings)
    if _finished(out, summary):
        return summary
    drawn = list(plan(settings))
    entries = [entry for person in drawn for entry in person]
    _check_resumable(out, settings, entries)
    sweep_temporaries(out)
    out.mkdir(parents=True, exist_ok=True)
    with progress.task("drawing portraits", len(entries)) as task:
        for count in _write_all(out, settings, drawn, workers):
            task.advance(count)
    write_text(out / GROUPS, _groups(entries))
    write_text(out / TRUTH, write_truth(_truth(entry) for entry in entries))
    write_json(out / RECORD, summary)
    return summary
