"""What every face detector gives: boxes with scores, the same for the same picture each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clew.base.registry import Registry


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; x and y are its left and top edges and may lie outside the picture."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle (x, y)."""
        return self.x + self.width / 2, self.y + self.height / 2

    def shifted(self, x: float, y: float) -> Box:
        """The rectangle moved right by x and down by y."""
        return Box(self.x + x, self.y + y, self.width, self.height)


@dataclass(frozen=True)
class Detection:
    """A face found in a picture; scores of different detectors cannot be compared."""

    box: Box
    score: float


class FaceDetector(Protocol):
    """Finds upright faces in a picture at the scale that it has, in one thread, the same each time.

    version: what the crop protocol names, changes whenever the boxes may; smallest: the side in pixels of the smallest
    face that it finds; best: the side at which it finds them well; threshold: the score from which a face counts;
    sure: the score that hardly anything but a face gets.
    """

    name: str
    version: str
    smallest: float
    best: float
    threshold: float
    sure: float

    def find(self, picture: NDArray[np.uint8], lenient: bool = False) -> list[Detection]:
        """Faces in a picture, RGB (H, W, 3) or brightness (H, W), the largest first.

        lenient: fainter ones too, below `threshold`, for where a face is known to be near.
        """


face_detectors: Registry[Callable[[Path | None], FaceDetector]] = Registry("face detector")


def make_detector(name: str, model: Path | None = None) -> FaceDetector:
    """The face detector `name`; `model` is the file of those that need one (None: the one that was fetched).

    Raises ClewError for an unknown name and for a model file that is missing or wrong.
    """
    from clew.base.registry import import_all
    from clew.media.faces import backends

    import_all(backends)
    return face_detectors.get(name)(model)


def by_area(found: Iterable[Detection]) -> list[Detection]:
    """Largest first; equal ones from left to right, so that the order never depends on chance."""
    return sorted(found, key=lambda face: (-face.box.area, face.box.x, face.box.y, -face.score))


def overlap(a: Box, b: Box) -> float:
    """Square pixels that two boxes share."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(0.0, width) * max(0.0, height)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    shared = overlap(a, b)
    union = a.area + b.area - shared
    return shared / union if union > 0 else 0.0


def without_doubles(found: Iterable[Detection], most: float = 0.4) -> list[Detection]:
    """Of faces that overlap (IoU above `most`, or one mostly inside the other) the one with the best score."""
    kept: list[Detection] = []
    for face in sorted(found, key=lambda f: (-f.score, f.box.x, f.box.y)):
        inside = (overlap(face.box, k.box) / max(1e-9, min(face.box.area, k.box.area)) for k in kept)
        if all(share <= 0.7 for share in inside) and all(iou(face.box, k.box) <= most for k in kept):
            kept.append(face)
    return by_area(kept)
