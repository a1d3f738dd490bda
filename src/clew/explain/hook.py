"""Grad-CAM as a hook for those who have crops and want heatmaps, and know nothing of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clew.base.crops import resize
from clew.explain.observer import observer_of
from clew.explain.targets import FAKE


def grad_cam_of(ticket: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """What makes heatmaps (B, h, w) for "fake" of RGB crops (B, H, W, 3) by a ticket; raises ClewError without one."""
    observer = observer_of(ticket, "grad-cam", "", FAKE)

    def draw(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        sized = np.stack([resize(crop, observer.size) for crop in crops])
        return np.asarray(observer.see(sized)[1], np.float32)

    return draw
