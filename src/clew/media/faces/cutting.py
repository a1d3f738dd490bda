"""Squares around faces, as FaceForensics++ cuts them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.media.faces.base import Box

Pixel = TypeVar("Pixel", np.uint8, np.float32)


def face_square(box: Box, frame_width: int, frame_height: int, scale: float = 1.3) -> tuple[int, int, int]:
    """(x, y, side) in pixels: the longest side of `box` times `scale`, around its middle, shifted into the frame.

    The side is at most the frame's shorter one. The rule of FaceForensics++ (Rossler et al., 2019), which lets the
    square shrink at the right and lower edges where this one shifts it.
    """
    if frame_width < 1 or frame_height < 1 or scale <= 0:
        raise ClewError(f"no face can be cut from {frame_width} x {frame_height} pixels with scale {scale}.")
    side = round(max(box.width, box.height) * scale)
    side = max(1, min(side, frame_width, frame_height))
    middle_x, middle_y = box.centre
    x = min(max(round(middle_x - side / 2), 0), frame_width - side)
    y = min(max(round(middle_y - side / 2), 0), frame_height - side)
    return x, y, side


def cut_face(picture: NDArray[Pixel], box: Box, size: int, scale: float = 1.3) -> NDArray[Pixel]:
    """The square around `box` in a picture (H, W) or (H, W, C), resized to (size, size) or (size, size, C)."""
    x, y, side = face_square(box, picture.shape[1], picture.shape[0], scale)
    cut = resize(np.ascontiguousarray(picture[y : y + side, x : x + side]), size)
    return cut.reshape(size, size, *picture.shape[2:])  # OpenCV drops a single channel
