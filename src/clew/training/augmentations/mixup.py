"""Mixup (Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018): samples and labels blended in pairs."""

from __future__ import annotations

import numpy as np

from clew.training.augmentations.base import Family, Mix, augmentations

ALPHA = 0.2


def mixup(count: int, rng: np.random.Generator) -> Mix:
    """Partners by a random permutation; each sample keeps a share of itself drawn from Beta(0.2, 0.2)."""
    return Mix(rng.permutation(count), rng.beta(ALPHA, ALPHA, count).astype(np.float32))


augmentations.register("mixup")(Family(0.5, mix=mixup))
