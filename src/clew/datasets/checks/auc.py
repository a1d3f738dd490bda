"""How well one number tells two classes apart, with the doubt that comes from samples that hang together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

LEVEL_Z = float(norm.ppf(0.95))  # 90 % interval, 5 % on each side


@dataclass(frozen=True)
class Auc:
    """The chance that a fake has the larger value than a real (ties count half), with its standard error."""

    value: float
    error: float
    reals: int
    fakes: int

    @property
    def larger(self) -> bool:
        """Whether fakes have the larger values."""
        return self.value >= 0.5

    @property
    def strength(self) -> float:
        """The AUC of the better of the two directions, 0.5 to 1."""
        return max(self.value, 1 - self.value)

    def lower(self, z: float = LEVEL_Z) -> float:
        """The lower end of the interval of `strength`."""
        return max(0.0, self.strength - z * self.error)

    def upper(self, z: float = LEVEL_Z) -> float:
        """The upper end of the interval of `strength`."""
        return min(1.0, self.strength + z * self.error)


def clustered_auc(values: NDArray[np.float64], labels: NDArray[np.int8], clusters: NDArray[np.int32]) -> Auc | None:
    """The AUC of `values` (N,) for `labels` (N,) 0 or 1, with the error of samples that are alike within a cluster.

    None without both classes. Method: N. Obuchowski, Nonparametric analysis of clustered ROC curve data,
    Biometrics 53 (1997); without clusters of several samples it is DeLong's.
    """
    fake = labels > 0
    fakes, reals = int(fake.sum()), int((~fake).sum())
    if not fakes or not reals:
        return None
    ranks = rankdata(values)
    beaten = np.empty(len(values))  # of a fake: the share of reals below it; of a real: that of fakes above it
    beaten[fake] = (ranks[fake] - rankdata(values[fake])) / reals
    beaten[~fake] = 1 - (ranks[~fake] - rankdata(values[~fake])) / fakes
    value = float(beaten[fake].mean())
    _, place = np.unique(clusters, return_inverse=True)
    off = beaten - value
    by_fake = np.bincount(place[fake], off[fake], minlength=place.max() + 1)
    by_real = np.bincount(place[~fake], off[~fake], minlength=place.max() + 1)
    with_fake, with_real = len(np.unique(place[fake])), len(np.unique(place[~fake]))
    variance = _grown(with_fake) * (by_fake**2).sum() / fakes**2 + _grown(with_real) * (by_real**2).sum() / reals**2
    variance += 2 * _grown(len(by_fake)) * (by_fake * by_real).sum() / (fakes * reals)
    return Auc(value, math.sqrt(max(variance, 0.0)), reals, fakes)


def _grown(count: int) -> float:
    """The factor that makes a variance over `count` clusters unbiased."""
    return count / (count - 1) if count > 1 else math.inf if count == 0 else 1.0
