"""How faces are cut out of a picture: as the crops were that the ticket was trained on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.scan.settings import AUTO, NONE

USUAL, SCALE = "dlib", 1.3  # for tickets of ready-made crops, which say nothing of how they were cut
FINDERS = ("dlib", "opencv", "yunet")
WIDEST = 4.0
SMALLEST, LARGEST = 16, 1024  # pixels of a crop


@dataclass(frozen=True)
class Cropping:
    """`faces` the face detector or none; `scale`: the square's side over the box's; `size` of the crop in pixels."""

    faces: str
    scale: float
    size: int


def cropping_for(header: Mapping[str, Any], faces: str = AUTO) -> Cropping:
    """The way that a ticket's header tells: `scan` where it has it, else its crop protocol; `faces` overrules it.

    Whatever else a hostile header says there counts as not said.
    """
    protocol = str(header.get("protocol") or "").split(";")[0]
    scan = header.get("scan")
    told = dict(scan) if isinstance(scan, Mapping) else {}
    finder = told.get("faces") or protocol.partition("-v")[0]
    usual = finder if finder in FINDERS or told.get("faces") == NONE else USUAL
    scale = _within(told.get("scale"), 1.0, WIDEST) or _number(r"(\d(?:\.\d{1,6})?) times the box", protocol) or SCALE
    size = _within(told.get("size"), SMALLEST, LARGEST) or _number(r"(\d{1,5}) px", protocol)
    side = size or float(header["detector"]["input_size"])
    return Cropping(
        usual if faces == AUTO else faces, min(max(scale, 1.0), WIDEST), int(min(max(side, SMALLEST), LARGEST))
    )


def _within(value: Any, low: float, high: float) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number and low <= value <= high else None


def _number(pattern: str, text: str) -> float | None:
    found = re.search(rf"\b{pattern}\b", text)
    return float(found.group(1)) if found else None
