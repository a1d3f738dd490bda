"""One door to every layout: sets of pictures are counted in people, sets of videos in originals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError, unknown_name
from clew.base.progress import SILENT, Progress
from clew.datasets.synth.pictures import write_pictures
from clew.datasets.synth.plan import LAYOUTS as PICTURE_LAYOUTS
from clew.datasets.synth.produce import write_videos
from clew.datasets.synth.sets import LAYOUTS as VIDEO_LAYOUTS

VIDEOS = 40
PEOPLE, PER_PERSON, PICTURE_SIZE = 240, 8, 256


def known_layouts() -> list[str]:
    """Every layout that a set can be drawn in."""
    return sorted({*PICTURE_LAYOUTS, *VIDEO_LAYOUTS})


def write_set(
    out: Path,
    layout: str,
    *,
    videos: int | None = None,
    people: int | None = None,
    per_person: int | None = None,
    size: int | None = None,
    compression: str | None = None,
    frames: int | None = None,
    seed: int = 0,
    workers: int = 0,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Draws a set in `layout` into `out`; returns what it holds. None: the layout's own default.

    Raises ClewError for options that do not go with the layout or with each other.
    """
    if layout not in known_layouts():
        raise unknown_name("layout", layout, known_layouts())
    if videos is not None and people is not None:
        raise ClewError("--videos and --people were given; --videos counts originals, --people identities: give one.")
    as_videos = layout in VIDEO_LAYOUTS and (layout not in PICTURE_LAYOUTS or videos is not None)
    if as_videos:
        _refuse(layout, "videos", {"--people": people, "--per-person": per_person}, "--videos N counts originals")
        chosen = {"compression": compression.split(",") if compression else None, "frames": frames, "size": size}
        given = {name: value for name, value in chosen.items() if value is not None}
        count = VIDEOS if videos is None else videos
        return write_videos(out, layout, videos=count, seed=seed, workers=workers, progress=progress, **given)  # type: ignore[arg-type]
    _refuse(layout, "pictures", {"--compression": compression, "--frames": frames}, "it holds JPEG pictures")
    each = PER_PERSON if per_person is None else per_person
    return write_pictures(
        out,
        layout,
        people=_people(layout, videos, people, each),
        per_person=each,
        size=PICTURE_SIZE if size is None else size,
        seed=seed,
        workers=workers,
        progress=progress,
    )


def _refuse(layout: str, what: str, options: Mapping[str, Any], why: str) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ClewError(f"{given[0]} does not go with --layout {layout}, drawn as {what}: {why}.")


def _people(layout: str, videos: int | None, people: int | None, each: int) -> int:
    """How many people give `videos` genuine pictures, where half of everybody's `each` are genuine."""
    if videos is None:
        return PEOPLE if people is None else people
    if each % 2 or videos % (each // 2) or videos < 3 * (each // 2):
        raise ClewError(
            f"videos is {videos}; --layout {layout} counts {each} pictures a person, half of them originals: "
            f"name a multiple of {max(1, each // 2)}, at least {3 * max(1, each // 2)}, or --people."
        )
    return videos // (each // 2)
