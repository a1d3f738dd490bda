"""What `--augment` says: `none`, `standard`, or a list such as flip,jpeg:0.2,cutout:0.3."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from clew.base.errors import ClewError, unknown_name
from clew.training.augmentations.base import Change, Crops, Family, Mix, augmentations
from clew.training.augmentations.standard import PRESETS

Step = tuple[float, Family]  # the probability by which each sample meets it


@dataclass(frozen=True)
class Augmentation:
    """What happens to the crops of a batch; all that is drawn comes from the generator that is handed in."""

    spec: str
    preset: Change | None = field(default=None, repr=False)
    steps: tuple[Step, ...] = field(default=(), repr=False)

    def __call__(self, crops: Crops, rng: np.random.Generator) -> Crops:
        """The crops (B, H, W, 3) uint8 after each step in turn; the array that is handed in may be changed."""
        if self.preset is not None:
            return self.preset(crops, rng)
        crops = np.ascontiguousarray(crops)
        for probability, family in self.steps:
            if family.change is not None:
                chosen = np.flatnonzero(rng.random(len(crops)) < probability)
                if len(chosen):
                    crops[chosen] = family.change(crops[chosen], rng)
        return crops

    def mix(self, count: int, rng: np.random.Generator) -> Mix | None:
        """How the `count` samples of a batch are mixed, by the generator that the crops were changed with, or None."""
        for probability, family in self.steps:
            if family.mix is not None:
                alone = rng.random(count) >= probability
                drawn = family.mix(count, rng)
                return Mix(drawn.partner, np.where(alone, np.float32(1), drawn.weight))
        return None


@lru_cache(maxsize=64)
def parse_augmentation(spec: str) -> Augmentation:
    """The augmentation that a text means: `none`, `standard`, or NAME[:PROBABILITY] separated by commas.

    The steps run in their order; mixup, which blends finished samples, comes last wherever it stands. Raises
    ClewError for an unknown name, which lists the known ones, and for a probability outside 0 to 1.
    """
    if spec in PRESETS:
        return Augmentation(spec, PRESETS[spec])
    steps = tuple(_step(part.strip(), spec) for part in spec.split(","))
    if sum(family.mix is not None for _, family in steps) > 1:
        raise ClewError(f"--augment {spec}: a batch is mixed once; name one of them.")
    return Augmentation(spec, None, steps)


def _step(part: str, spec: str) -> Step:
    name, colon, share = part.partition(":")
    if name in PRESETS and name != spec:
        raise ClewError(f"--augment {spec}: '{name}' stands alone; name the steps instead, such as flip,jpeg:0.2.")
    if name not in augmentations:
        raise unknown_name("augmentation", name, [*PRESETS, *augmentations])
    family = augmentations.get(name)
    try:
        probability = float(share) if colon else family.usual
    except ValueError:
        probability = np.nan
    if not 0 <= probability <= 1:
        raise ClewError(f"--augment {part}: expected NAME or NAME:PROBABILITY, the probability from 0 to 1.")
    return probability, family
