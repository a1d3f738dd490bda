"""Scene cuts: where following a face makes no sense."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE = (48, 27)
_BINS = 12


class Look:
    """How a frame looks, small: enough to tell whether the next one belongs to the same scene."""

    def __init__(self, grey: NDArray[np.uint8]) -> None:
        small = cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        self._small = (small - small.mean()) / (small.std() + 4.0)
        # Square roots tell dark tones apart; thirds of the frame tell where they are.
        tones = cv2.GaussianBlur(np.sqrt(small), (0, 0), 1)
        thirds = np.array_split(tones, 3, axis=1)
        self._tones = np.stack([np.histogram(part, bins=_BINS, range=(0, 16))[0] / part.size for part in thirds])

    def same_scene(self, other: Look) -> bool:
        """Whether two frames show one scene: their pictures (-1 to 1) and their tones (0 to 1) are alike together."""
        likeness = float((self._small * other._small).mean())
        tones = float(np.minimum(self._tones, other._tones).sum() / 3)
        return likeness + tones > 1.0
