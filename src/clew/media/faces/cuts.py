"""Scene cuts: where following a face makes no sense."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE = (48, 27)
_SHIFT = (4, 7)  # rows and columns by which the camera may have moved
_BINS = 12
# Measured on frames 0.1 to 0.5 s apart: at least 1.34 within scenes, with moving cameras too; at most 1.22 across the
# cuts of a concert and 1.13 between videos.
_SAME = 1.28


class Look:
    """How a frame looks, small: enough to tell whether the next one belongs to the same scene."""

    def __init__(self, grey: NDArray[np.uint8]) -> None:
        self._small = cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        # Square roots tell dark tones apart; thirds of the frame tell where they are.
        tones = cv2.GaussianBlur(np.sqrt(self._small), (0, 0), 1)
        thirds = np.array_split(tones, 3, axis=1)
        self._tones = np.stack([np.histogram(part, bins=_BINS, range=(0, 16))[0] / part.size for part in thirds])

    def same_scene(self, other: Look) -> bool:
        """Whether two frames show one scene: pictures (-1 to 1, shifted at best) and tones (0 to 1) are alike."""
        tones = float(np.minimum(self._tones, other._tones).sum() / len(self._tones))
        return max(self._within(other), other._within(self)) + tones > _SAME

    def _within(self, other: Look) -> float:
        """Correlation of this frame's middle with the place in the other one that is most like it."""
        rows, columns = _SHIFT
        middle = np.ascontiguousarray(self._small[rows:-rows, columns:-columns])
        if middle.std() < 1 or other._small.std() < 1:  # plain frames are like any other
            return float(abs(middle.mean() - other._small.mean()) < 10)
        best = float(cv2.matchTemplate(other._small, middle, cv2.TM_CCOEFF_NORMED).max())
        return best if np.isfinite(best) else 0.0
