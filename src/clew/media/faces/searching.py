"""Where in a picture a detector looks, and at which scale: everywhere, finely or coarsely, or near a known face."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.media.faces.base import Box, Detection, FaceDetector, by_area, without_doubles

Image = NDArray[np.uint8]

# Sides in pixels of the smallest faces looked for: dlib with one upsampling, as FaceForensics++ uses it, finds 36.
SMALLEST = 36.0
FINE = 40.0
COARSE = 84.0
# The work on one picture is bounded: larger ones are searched for larger faces only.
MOST_SEARCHED = 8_300_000
LEAST_SIDE = 8


def search(picture: Image, detector: FaceDetector, smallest: float, lenient: bool = False) -> list[Detection]:
    """Faces of at least `smallest` pixels anywhere in a picture (H, W) or (H, W, 3), the largest first."""
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return []
    factor = min(detector.smallest / smallest, (MOST_SEARCHED / (height * width)) ** 0.5)
    return _find(picture, 0, 0, factor, detector, lenient)


def search_near(picture: Image, box: Box, reach: float, detector: FaceDetector) -> list[Detection]:
    """Faces about as large as `box` within `reach` times its side around its middle, faint ones too."""
    side = max(box.width, box.height)
    x, y = box.centre
    half = side * reach / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(picture.shape[1], int(x + half)), min(picture.shape[0], int(y + half))
    if min(right - left, bottom - top) < LEAST_SIDE:
        return []
    part = picture[top:bottom, left:right]
    found = _find(part, left, top, min(detector.best / side, 3.0), detector, lenient=True)
    return [face for face in found if 0.5 < max(face.box.width, face.box.height) / side < 2]


def faces_in_picture(picture: Image, detector: FaceDetector, smallest: float = SMALLEST) -> list[Detection]:
    """Faces of at least `smallest` pixels in a still picture (H, W, 3), the largest first.

    Small pictures are enlarged for it; beyond 8.3 million pixels of work only larger faces are found.
    """
    found = search(picture, detector, smallest)
    if found:
        return without_doubles(found)
    # A face that fills the picture: detectors want some space around it.
    height, width = picture.shape[:2]
    border = max(1, min(height, width) // 4)
    wider = cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_REPLICATE)
    factor = min(1.0, 3 * detector.best / min(height, width))
    moved = _find(np.asarray(wider, np.uint8), -border, -border, factor, detector, lenient=False)
    return without_doubles(moved)


def _find(picture: Image, left: int, top: int, factor: float, detector: FaceDetector, lenient: bool) -> list[Detection]:
    """Faces of a part of a picture, in the whole picture's pixels."""
    resized, across, down = _resized(picture, factor)
    return by_area(_placed(detector.find(resized, lenient), left, top, across, down))


def _placed(found: Iterable[Detection], left: int, top: int, across: float, down: float) -> Iterable[Detection]:
    for face in found:
        b = face.box
        box = Box(b.x / across + left, b.y / down + top, b.width / across, b.height / down)
        yield Detection(box, face.score)


def _resized(picture: Image, factor: float) -> tuple[Image, float, float]:
    height, width = picture.shape[:2]
    new_width, new_height = max(1, round(width * factor)), max(1, round(height * factor))
    if (new_width, new_height) == (width, height):
        return np.ascontiguousarray(picture), 1.0, 1.0
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(picture), (new_width, new_height), interpolation=how)
    return np.asarray(resized, np.uint8), new_width / width, new_height / height
