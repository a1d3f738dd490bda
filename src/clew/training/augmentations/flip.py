"""Mirroring."""

from __future__ import annotations

import numpy as np

from clew.training.augmentations.base import Crops, Family, augmentations


def flip(crops: Crops, rng: np.random.Generator) -> Crops:
    """The crops (B, H, W, 3) with left and right exchanged."""
    return crops[:, :, ::-1]


augmentations.register("flip")(Family(0.5, flip))
