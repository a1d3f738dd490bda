"""Pictures of noise, the fakes with a trace that a net can learn."""

from __future__ import annotations

import cv2
import numpy as np


def noise_picture(rng: np.random.Generator, fake: bool, size: int = 32) -> np.ndarray:
    """A picture (size, size, 3) of smooth noise; a fake has a faint grid in its middle."""
    picture = cv2.GaussianBlur(rng.random((size, size, 3)).astype(np.float32), (0, 0), 2)
    picture = 0.5 + (picture - picture.mean()) * 2
    if fake:
        part = slice(size // 4, 3 * size // 4)
        picture[part, part][::2, ::2] += 0.25
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)
