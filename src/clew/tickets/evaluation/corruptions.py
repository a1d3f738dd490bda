"""What happens to pictures on their way: corruptions under which a detector is measured again, each an entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from clew.base.registry import Registry
from clew.datasets.blending.transforms import soften, through_jpeg, to_levels
from clew.training.augmentations.base import Crop
from clew.training.augmentations.recompress import through_h264


@dataclass(frozen=True)
class Corruption:
    """A change of one crop (H, W, 3) at its store's size, at several levels from mild to hard.

    `title` names it and `unit` its level, for people; all that is random comes from the generator.
    """

    title: str
    unit: str
    levels: tuple[float, ...]
    change: Callable[[Crop, float, np.random.Generator], Crop]


corruptions: Registry[Corruption] = Registry("corruption")


def _jpeg(crop: Crop, level: float, rng: np.random.Generator) -> Crop:
    return through_jpeg(crop, round(level))


def _blur(crop: Crop, level: float, rng: np.random.Generator) -> Crop:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), level), np.uint8)


def _noise(crop: Crop, level: float, rng: np.random.Generator) -> Crop:
    return to_levels(crop + np.float32(level) * rng.standard_normal(crop.shape, np.float32))


def _resize(crop: Crop, level: float, rng: np.random.Generator) -> Crop:
    return soften(crop, level)


def _h264(crop: Crop, level: float, rng: np.random.Generator) -> Crop:
    return through_h264(crop, round(level))


corruptions.register("jpeg")(Corruption("JPEG", "quality", (90, 70, 50, 30), _jpeg))
corruptions.register("blur")(Corruption("Gaussian blur", "sigma in pixels", (1, 2, 3), _blur))
corruptions.register("noise")(Corruption("Gaussian noise", "sigma in levels of 255", (5, 10, 20), _noise))
corruptions.register("resize")(Corruption("Made smaller and back", "share of each side", (0.75, 0.5, 0.25), _resize))
corruptions.register("h264")(Corruption("H.264", "constant rate factor", (23, 32, 40), _h264))
