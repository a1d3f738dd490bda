"""Mixup (Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018): samples and labels blended in pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clew.training.augmentations.base import Family, Mix, augmentations


def mixup(alpha: float) -> Callable[[int, np.random.Generator], Mix]:
    """Partners by a random permutation; each sample keeps a share of itself drawn from Beta(alpha, alpha)."""

    def mix(count: int, rng: np.random.Generator) -> Mix:
        return Mix(rng.permutation(count), rng.beta(alpha, alpha, count).astype(np.float32))

    return mix


augmentations.register("mixup")(Family(0.5, mix=mixup(0.2)))
augmentations.register("mixup-alpha-0.5")(Family(1.0, mix=mixup(0.5)))  # of every sample, as in arXiv 2403.01786
