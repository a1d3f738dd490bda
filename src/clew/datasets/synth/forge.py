"""What every forgery shares: the registry, its input and output, and blending that stays inside the region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from clew.base.registry import Registry
from clew.datasets.synth.fields import Array, f32
from clew.datasets.synth.person import Person
from clew.datasets.synth.render import Rendered
from clew.datasets.synth.shot import Shot
from clew.media.pictures import Picture

Region = NDArray[np.bool_]
_FAINT = 0.03  # blends below this leave the pixel alone


@dataclass(frozen=True)
class Target:
    """The genuine picture that is forged, and how it came about."""

    picture: Picture  # (size, size, 3) uint8, photographed
    rendered: Rendered
    person: Person
    shot: Shot

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return int(self.picture.shape[0])


Forgery = Callable[[Target, Person, np.random.Generator], tuple[Picture, Region]]
"""(target, donor, rng) -> forged picture (size, size, 3) and the region outside which nothing changed."""

FORGERIES: Registry[Forgery] = Registry("forgery")


def blend(target: Picture, forged: Array, alpha: Array) -> tuple[Picture, Region]:
    """Lays `forged` (H, W, 3; display values) over `target` by `alpha` (H, W); every changed pixel is in the region."""
    weight = np.where(alpha < _FAINT, 0.0, np.clip(alpha, 0.0, 1.0)).astype(np.float32)[..., None]
    mixed = f32(target) * (1.0 - weight) + np.clip(forged, 0.0, 1.0) * np.float32(255.0) * weight
    region = weight[..., 0] > 0
    result = np.where(region[..., None], np.clip(mixed + 0.5, 0.0, 255.0).astype(np.uint8), target)
    return cast(Picture, result), region


def weighted_stats(rgb: Array, weight: Array) -> tuple[Array, Array]:
    """Mean and standard deviation (3,) of `rgb` (H, W, 3) under `weight` (H, W)."""
    total = float(weight.sum()) + 1e-6
    share = (weight / total)[..., None]
    mean = (share * rgb).sum((0, 1))
    spread = (share * np.square(rgb - mean)).sum((0, 1))
    return f32(mean), f32(np.sqrt(spread + 1e-6))
