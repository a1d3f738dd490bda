"""Small functions on float32 maps that every part of the drawing shares."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Colour = tuple[float, float, float]


def f32(values: Any) -> Array:
    """`values` as a float32 array."""
    return np.asarray(values, dtype=np.float32)


def smoothstep(x: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, a smooth cubic between (`low` > `high` falls instead of rising)."""
    t = np.clip((x - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return cast(Array, t * t * (3.0 - 2.0 * t))


def soft(x: Array, width: float) -> Array:
    """Coverage of the half plane x > 0 by a pixel of `width`: 0.5 on the line itself."""
    return cast(Array, np.clip(x * np.float32(1.0 / width) + np.float32(0.5), 0.0, 1.0))


def gauss(x: Array, sigma: float) -> Array:
    """exp(-x^2 / 2 sigma^2)."""
    return cast(Array, np.exp(np.square(x) * np.float32(-0.5 / sigma**2)))


def over(canvas: Array, colour: Array | Colour, alpha: Array) -> None:
    """Paints `colour` (3,) or (H, W, 3) with `alpha` (H, W) over `canvas` (H, W, 3), in place."""
    canvas += (f32(colour) - canvas) * alpha[..., None]


def sample(texture: Array, x: Array, y: Array, border: int = cv2.BORDER_REPLICATE) -> Array:
    """Bilinear look-up of `texture` (H, W[, C]) at pixel coordinates `x`, `y` (any equal shape)."""
    return cast(Array, cv2.remap(texture, f32(x), f32(y), cv2.INTER_LINEAR, borderMode=border))


def resize(image: Array, size: int, *, smooth: bool = False) -> Array:
    """`image` (H, W[, C]) as (size, size[, C]): by area when it shrinks, bilinear or cubic when it grows."""
    if image.shape[0] == size:
        return image
    grow = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    how = cv2.INTER_AREA if size < image.shape[0] else grow
    return cast(Array, cv2.resize(image, (size, size), interpolation=how))


def blur(image: Array, sigma: float) -> Array:
    """Gaussian blur by `sigma` pixels; nothing below 0.15."""
    if sigma < 0.15:
        return image
    return cast(Array, cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))
