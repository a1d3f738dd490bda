"""Scaling down and up again, as pictures meet it in galleries and messengers."""

from __future__ import annotations

import numpy as np

from clew.datasets.blending.transforms import soften
from clew.training.augmentations.base import Crop, Family, augmentations, of_each

SHARE = (0.35, 0.9)


def resize(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) made smaller, to 35 to 90 % of its sides, and brought back to its size."""
    return soften(crop, rng.uniform(*SHARE))


augmentations.register("resize")(Family(0.2, of_each(resize)))
