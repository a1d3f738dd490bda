"""Where in a face the ticket sees a fake, without gradients: what its score loses when a place is blurred.

Occlusion after Zeiler and Fergus (ECCV 2014, arXiv 1311.2901), with two changes: a patch becomes the crop's own blurred
self, since a grey square is nothing that a face ever shows, and it has soft edges, since a sharp one is a clue itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.crops import check_crops, resize
from clew.base.errors import ClewError

Logits = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # crops (B, H, W, 3) -> (B, K), class 0 real
Heatmaps = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # crops (B, H, W, 3) -> (B, h, w), for "fake"

CELLS = 8  # a side
OVERLAP = 1.0  # of the distance between two patches, by which each is wider
BLUR = 0.08  # standard deviation, of the crop's side
BATCH = 32  # crops that are scored at a time


def occlusion_of(logits: Logits, side: int, cells: int = CELLS) -> Heatmaps:
    """What makes heatmaps by a runtime: `logits` and `input_size` are its own (see `clew.load_runtime`)."""
    return lambda crops: occlusion(logits, crops, side, cells)


def occlusion(logits: Logits, crops: NDArray[np.uint8], side: int, cells: int = CELLS) -> NDArray[np.float32]:
    """Heatmaps (B, cells, cells) of crops (B, H, W, 3), uint8: what the logit of fake loses when a place is blurred.

    Above 0 a place speaks for fake, below 0 for real. The logit is the log-odds of fake against real; crops are first
    brought to `side`, the network's own size, at which the blur is made. One score of the crop and cells^2 of it
    changed, in batches that hold one crop alone, so that the rest of a batch changes nothing.
    """
    check_crops(crops)
    if crops.dtype != np.uint8 or not 1 <= cells <= side:
        raise ClewError(f"occlusion takes uint8 crops and 1 to {side} cells; found {crops.dtype} and {cells}.")
    patches = _patches(side, cells)
    found = np.empty((len(crops), cells * cells), np.float32)
    for row, crop in enumerate(crops):
        small = resize(crop, side)
        found[row] = _log_odds(logits, small[None])[0] - _without(logits, small, patches)
    return found.reshape(-1, cells, cells)


def _without(logits: Logits, crop: NDArray[np.uint8], patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds (P,) of a crop (S, S, 3) with each of P patches blurred."""
    whole = crop.astype(np.float32)
    change = cv2.GaussianBlur(whole, (0, 0), BLUR * len(crop), borderType=cv2.BORDER_REFLECT_101) - whole
    found = np.empty(len(patches), np.float32)
    for start in range(0, len(patches), BATCH):
        part = slice(start, start + BATCH)
        changed = np.rint(whole + patches[part, ..., None] * change).astype(np.uint8)
        found[part] = _log_odds(logits, changed)
    return found


def _log_odds(logits: Logits, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """log p(fake) - log p(real), (B,): of several kinds of fake, all together."""
    found = logits(crops)
    return np.asarray(np.logaddexp.reduce(found[:, 1:], axis=1) - found[:, 0], np.float32)


@lru_cache(maxsize=2)
def _patches(side: int, cells: int) -> NDArray[np.float32]:
    """How much of each patch lies on each pixel, (cells^2, side, side): 1 in its middle, 0 outside, soft between."""
    step = side / cells
    centres = (np.arange(cells) + 0.5) * step
    away = np.abs(np.arange(side) + 0.5 - centres[:, None]) / (step * (1 + OVERLAP) / 2)  # 1 at the patch's edge
    rows = np.where(away < 1, 0.5 + 0.5 * np.cos(np.pi * np.clip(2 * away - 1, 0, 1)), 0).astype(np.float32)
    return (rows[:, None, :, None] * rows[None, :, None, :]).reshape(cells * cells, side, side)
