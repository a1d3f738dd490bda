"""Writes a planned set: all cores, resumable, the same bytes whatever the number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor, usable_cores
from clew.base.files import TEMPORARY, read_json, sweep_temporaries, write_json, write_text
from clew.base.jobs import Job, Report
from clew.base.progress import SILENT, Progress
from clew.datasets.synth import layouts  # noqa: F401  (registers them)
from clew.datasets.synth.pictures import RECORD
from clew.datasets.synth.sets import LAYOUTS, Plan, Unit, VideoSettings
from clew.datasets.synth.truth import TRUTH, write_truth

STARTED = "synth.started.json"  # the settings of a set that is not finished

DOING = "drawing"

Piece = tuple[Unit, frozenset[str]]  # a unit and the files of it that are wanted


def write_videos(
    out: Path,
    layout: str,
    *,
    videos: int,
    seed: int = 0,
    compression: Sequence[str] = ("c23",),
    frames: int = 8,
    size: int = 240,
    seconds: tuple[float, float] = (1.0, 1.4),
    fractions: tuple[float, float, float] = (0.72, 0.14, 0.14),
    workers: int = 0,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Draws `videos` originals and their forgeries into `out` in the layout of a public set; returns what it holds.

    `size` is the height of a frame in pixels, `seconds` the least and the most that a clip lasts, `frames` how many
    of each video are kept where the layout holds frames, `workers` the processes that draw (0: one a core);
    truth.csv says what every sample is. A complete folder with the same settings is left alone, an unfinished one is
    completed. Raises ClewError for settings that cannot be drawn and for a folder that holds anything else.
    """
    out = Path(out)
    if workers < 0:
        raise ClewError(f"workers is {workers}; expected 0 (one a core) or more.")
    settings = VideoSettings(layout, videos, seed, tuple(compression), frames, size, seconds, fractions)
    plan = LAYOUTS.get(layout)(settings)
    summary = {**settings.as_json(), **plan.counts()}
    if _finished(out, summary):
        return summary
    _start(out, settings, plan)
    _make_all(out, _missing(out, plan), workers, progress)
    for name, text in plan.texts.items():
        write_text(out / name, text())
    write_text(out / TRUTH, write_truth(plan.truth))
    write_json(out / RECORD, summary)
    (out / STARTED).unlink(missing_ok=True)
    return summary


def _differing(held: Any, wanted: dict[str, Any]) -> str:
    names = [key for key in wanted if not isinstance(held, dict) or held.get(key) != wanted[key]]
    return ", ".join(names) or "unknown ones"


def _finished(out: Path, summary: dict[str, Any]) -> bool:
    """Whether `out` is complete with these settings; raises ClewError when it is complete with others."""
    if out.exists() and not out.is_dir():
        raise ClewError(f"{out} is a file; a folder is needed. Choose another name.")
    if not (out / RECORD).exists():
        return False
    held = read_json(out / RECORD)
    if held == summary:
        (out / STARTED).unlink(missing_ok=True)
        return True
    raise ClewError(
        f"{out} already holds data drawn with other settings ({_differing(held, summary)}). "
        "Choose another folder, or delete this one."
    )


def _start(out: Path, settings: VideoSettings, plan: Plan) -> None:
    """Notes the settings in `out`; raises ClewError when it holds anything but an unfinished set with them."""
    out.mkdir(parents=True, exist_ok=True)
    sweep_temporaries(out)
    own = {path for unit in plan.units for path in unit.paths} | {*plan.texts, TRUTH, STARTED}
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir())
    foreign = [name for name in found if name not in own and not name.rsplit("/", 1)[-1].startswith(TEMPORARY)]
    if (out / STARTED).exists() and (held := read_json(out / STARTED)) != settings.as_json():
        raise ClewError(
            f"{out} holds an unfinished set with other settings ({_differing(held, settings.as_json())}). "
            "Choose another folder, or delete this one."
        )
    if foreign or (found and STARTED not in found):
        raise ClewError(
            f"{out} is not empty and holds '{(foreign or found)[0]}', which no run with these settings left. "
            "Choose another folder, or empty this one."
        )
    if STARTED not in found:
        write_json(out / STARTED, settings.as_json())


def _missing(out: Path, plan: Plan) -> list[Piece]:
    pieces = [(unit, frozenset(p for p in unit.paths if not (out / p).is_file())) for unit in plan.units]
    return [(unit, wanted) for unit, wanted in pieces if wanted]


def _make(out: Path, unit: Unit, wanted: frozenset[str], report: Report) -> None:
    cv2.setNumThreads(1)  # in a process of its own; as many processes as cores
    unit.make(out, wanted)


def _make_all(out: Path, pieces: Sequence[Piece], workers: int, progress: Progress) -> None:
    """Draws the pieces, in this process or in several."""
    count = min(workers or usable_cores(), len(pieces))
    if count <= 1:
        with progress.task(DOING, sum(len(wanted) for _, wanted in pieces)) as bar:
            for unit, wanted in pieces:
                unit.make(out, wanted)
                bar.advance(len(wanted), unit.paths[0])
        return
    jobs = [Job(unit.paths[0], _make, (out, unit, wanted), size=len(wanted)) for unit, wanted in pieces]
    LocalExecutor(count).run(jobs, DOING, progress, failed=_stop)


def _stop(name: str, why: str, killed: bool) -> bool:
    raise ClewError(f"{name} could not be drawn: {why}")
