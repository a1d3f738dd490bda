"""What every augmentation is: a change of uint8 crops, or a mixing of the samples of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clew.base.registry import Registry

Crops = NDArray[np.uint8]  # (B, H, W, 3) RGB
Crop = NDArray[np.uint8]  # (H, W, 3)
Change = Callable[[Crops, np.random.Generator], Crops]


@dataclass(frozen=True)
class Mix:
    """A batch in which each sample becomes `weight` of itself and the rest of its partner."""

    partner: NDArray[np.int64]  # (B,) position of the other sample
    weight: NDArray[np.float32]  # (B,) from 0 to 1; 1 leaves a sample alone

    def targets(self, labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
        """The soft labels (B, K) of labels (B,), mixed as the samples are."""
        hard = np.eye(classes, dtype=np.float32)[labels]
        weight = self.weight[:, None]
        return weight * hard + (1 - weight) * hard[self.partner]


@dataclass(frozen=True)
class Family:
    """One kind of augmentation: `change` alters all the crops it is given, or `mix` blends samples in pairs.

    `usual` is the probability by which a sample meets it where the spec names none.
    """

    usual: float
    change: Change | None = None
    mix: Callable[[int, np.random.Generator], Mix] | None = None


augmentations: Registry[Family] = Registry("augmentation")


def of_each(change: Callable[[Crop, np.random.Generator], Crop]) -> Change:
    """A change of a single crop (H, W, 3) as a change of a batch of them, one after the other."""

    def all_of(crops: Crops, rng: np.random.Generator) -> Crops:
        return np.stack([change(crop, rng) for crop in crops])

    return all_of
