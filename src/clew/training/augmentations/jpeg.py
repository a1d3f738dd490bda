"""JPEG, as pictures meet it on their way through the web."""

from __future__ import annotations

import numpy as np

from clew.datasets.blending.transforms import through_jpeg
from clew.training.augmentations.base import Crop, Family, augmentations, of_each

QUALITY = (30, 95)


def jpeg(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) after JPEG (4:2:0) of a quality from 30 to 95."""
    return through_jpeg(crop, int(rng.integers(*QUALITY, endpoint=True)))


augmentations.register("jpeg")(Family(0.2, of_each(jpeg)))
