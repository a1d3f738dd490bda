"""Crops as networks take them: checked, resized, float32 in [0, 1]."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError

Pixel = TypeVar("Pixel", np.uint8, np.float32)


def resize(picture: NDArray[Pixel], size: int) -> NDArray[Pixel]:
    """A picture (H, W, ...) resized to (size, size, ...): area averaging down, cubic up, nothing when it fits."""
    if picture.shape[:2] == (size, size):
        return picture
    import cv2

    how = cv2.INTER_AREA if min(picture.shape[:2]) > size else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=how)  # type: ignore[return-value]


def check_crops(images: NDArray[Any]) -> None:
    """Raises ClewError for another shape than that of RGB crops (B, H, W, 3), or another type than uint8 and float."""
    if images.ndim != 4 or images.shape[3] != 3:
        raise ClewError(f"expected RGB crops of shape (B, H, W, 3), found {images.shape}.")
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise ClewError(f"expected uint8, or float in [0, 1], found {images.dtype}.")


def as_crops(images: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Crops (B, size, size, 3), float32 in [0, 1], of RGB ones (B, H, W, 3), uint8 or float in [0, 1], of any size.

    Raises ClewError for another shape, type or range.
    """
    images = np.asarray(images)
    check_crops(images)
    if images.dtype != np.uint8 and images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ClewError(f"expected float crops in [0, 1], found {images.min():g} to {images.max():g}.")
    out = np.empty((len(images), size, size, 3), np.float32)
    for row, image in enumerate(images):
        out[row] = resize(image if image.dtype == np.uint8 else image.astype(np.float32), size)
    return out / np.float32(255) if images.dtype == np.uint8 else np.clip(out, 0, 1)
