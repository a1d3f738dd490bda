"""How crops are made: it stands beside every number that is measured on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.base.errors import ClewError

AS_GIVEN, BOXES = "as-given", "boxes"
PEOPLE = ("all", "largest")


@dataclass(frozen=True)
class Protocol:
    """The crop protocol: `name` is as-given (ready crops), boxes (the dataset's own), or the face detector's.

    `scale`: the face's square is so many times its box's longer side; `frames`: at most so many of a video, evenly
    spaced; `people`: every face as a track, or the largest of each frame; `finder`: the detector's own version.
    """

    name: str = AS_GIVEN
    version: int = 1
    size: int = 256
    frames: int = 32
    scale: float = 1.0
    people: str = "all"
    finder: str = ""

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 4096:
            raise ClewError(f"--size {self.size}: expected 16 to 4096 pixels.")
        if not 1 <= self.frames <= 100_000:
            raise ClewError(f"--frames {self.frames}: expected 1 to 100000 frames of each video.")
        if not 1.0 <= self.scale <= 4.0:
            raise ClewError(f"--scale {self.scale}: expected 1 to 4 times the face's box.")
        if self.people not in PEOPLE:
            raise ClewError(f"--people {self.people}: expected {' or '.join(PEOPLE)}.")


def describe(protocol: dict[str, Any]) -> str:
    """A stored protocol in one line, for people."""
    parts = [f"{protocol['name']}-v{protocol['version']}"]
    if protocol.get("scale", 1.0) != 1.0:
        parts.append(f"{protocol['scale']:g} times the box")
    if protocol.get("people") == "largest":
        parts.append("largest face")
    if protocol.get("videos"):
        parts.append(f"{protocol['frames']} frames a video")
    return ", ".join([*parts, f"{protocol['size']} px"])
