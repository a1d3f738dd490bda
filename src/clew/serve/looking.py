"""A first look at an upload, before anything of it is decoded: what it is, and whether it keeps to the limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.media.pictures import header_size
from clew.media.videos import probe
from clew.scan.kinds import kind_of
from clew.serve.limits import Limits
from clew.serve.worker import Refused

_HEAD = 2**20  # bytes of a picture among which its size is told


def look(path: Path, limits: Limits) -> dict[str, Any]:
    """`kind`, `width` and `height`, of a video `duration_s`; raises Refused for what is not to be scanned.

    The kind is decided by the content alone.
    """
    kind, why = kind_of(path)
    if kind == "unknown" or why:
        raise Refused("unknown-kind", f"{why or 'it is of no kind known here'}.")
    found = _picture(path) if kind == "picture" else _video(path)
    if found["width"] * found["height"] > limits.pixels:
        raise Refused(
            "too-many-pixels",
            f"it claims {found['width']} x {found['height']} pixels; at most {limits.pixels:,} are read.",
        )
    if found["duration_s"] > limits.duration_s:
        raise Refused("too-long", f"it lasts {found['duration_s']:.0f} s; at most {limits.duration_s:g} s are scanned.")
    return {"kind": kind, **found}


def _picture(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        size = header_size(file.read(_HEAD))
    if size is None or 0 in size:
        raise Refused("unreadable", "it begins as a picture does, but tells no size.")
    return {"width": size[0], "height": size[1], "duration_s": 0.0}


def _video(path: Path) -> dict[str, Any]:
    try:
        facts = probe(path)
    except ClewError as error:
        raise Refused("unreadable", str(error).replace(str(path), "it").replace("file:", "")) from None
    return {"width": facts.width, "height": facts.height, "duration_s": facts.duration_s}
