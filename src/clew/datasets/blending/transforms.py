"""What a copy of a face goes through before it is laid over the face: colour, sharpness, place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.media.pictures import Picture, decode_picture, encode_jpeg

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def colour_matrix(
    shift: NDArray[np.floating], hue: float, saturation: float, brightness: float, contrast: float
) -> NDArray[np.float32]:
    """The affine map (3, 4) of RGB levels 0-255 that turns the hue, scales saturation and contrast, then shifts.

    Hue (degrees) turns the colour about the grey axis and `saturation` stretches it away from its grey, so that
    greys stay grey; contrast scales about the middle grey; brightness is a share of 255, `shift` (3,) in levels.
    """
    axis = np.ones(3) / np.sqrt(3)
    turn, _ = cv2.Rodrigues(axis * np.deg2rad(hue))
    grey = np.tile(LUMA, (3, 1))
    mixed = grey + saturation * (np.eye(3) - grey) @ turn
    offset = np.asarray(shift, np.float64) + 255 * brightness + 127.5 * (1 - contrast)
    return np.concatenate([contrast * mixed, offset[:, None]], 1).astype(np.float32)


def recolour(picture: Picture, matrix: NDArray[np.float32]) -> Picture:
    """The picture (H, W, 3) under an affine map (3, 4) of its colours, rounded once."""
    return to_levels(np.asarray(cv2.transform(picture.astype(np.float32), matrix), np.float32))


def soften(picture: Picture, share: float) -> Picture:
    """The picture (H, W, 3) made smaller by `share` and brought back to its size."""
    height, width = picture.shape[:2]
    small = (max(4, round(width * share)), max(4, round(height * share)))
    tiny = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(tiny, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def sharpen(picture: Picture, amount: float, radius: float) -> Picture:
    """Unsharp masking: the picture (H, W, 3) plus `amount` times what a blur of `radius` pixels takes away."""
    blurred = cv2.GaussianBlur(picture, (0, 0), radius)
    return np.asarray(cv2.addWeighted(picture, 1 + amount, blurred, -amount, 0), np.uint8)


def placement(
    shape: tuple[int, int], stretch: NDArray[np.floating], shift: NDArray[np.floating]
) -> NDArray[np.float64]:
    """The affine map (2, 3) that stretches (x, y) about the middle of a frame (H, W), then shifts by pixels (x, y)."""
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    return np.concatenate([np.diag(stretch), (middle - stretch * middle + shift)[:, None]], 1)


def elastic(shape: tuple[int, int], reach: float, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
    """Where each pixel of a frame (H, W) takes its value from, x and y: a smooth random push of `reach` pixels."""
    pushes = rng.standard_normal((6, 6, 2)).astype(np.float32) * np.float32(reach)
    field = cv2.resize(pushes, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    x = np.arange(shape[1], dtype=np.float32)[None, :] + field[..., 0]
    y = np.arange(shape[0], dtype=np.float32)[:, None] + field[..., 1]
    return x, y


def through_jpeg(picture: Picture, quality: int) -> Picture:
    """What is left of a picture (H, W, 3) after JPEG (4:2:0) of a quality from 1 to 100."""
    return decode_picture(encode_jpeg(picture, quality), "the crop")


def to_levels(picture: NDArray[np.floating]) -> Picture:
    """Levels as whole numbers from 0 to 255."""
    return np.clip(picture + np.float32(0.5), 0, 255).astype(np.uint8)
