"""Whether a probability of fake means what it says: reliability by bins, and its expected calibration error."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clew.base.errors import ClewError
from clew.training.class_metrics import checked_classes
from clew.training.metrics import Array

BINS = 15
ROUNDING = 1e-9  # a sum of probabilities may exceed 1 by this


def reliability(
    prob: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS, weights: npt.ArrayLike | None = None
) -> list[dict[str, Any]]:
    """Equal-width bins (low, high] of P(fake) (N,), the first with its 0: a dictionary each, for plots.

    "count" pictures, "weight" their part of all weight, "mean" P(fake), "share" of fakes; None in an empty bin.
    """
    fake, values = checked_probabilities(labels, prob)
    if bins < 1:
        raise ClewError(f"expected 1 bin or more, found {bins}.")
    mass = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if mass.shape != values.shape or not mass.sum() > 0:
        raise ClewError(f"expected {len(values)} weights, not all zero; found shape {mass.shape}.")
    edges = np.linspace(0, 1, bins + 1)
    at = np.searchsorted(edges[1:-1], values, side="left")
    counts = np.bincount(at, minlength=bins)
    sums = [np.bincount(at, mass * column, bins) for column in (np.ones(len(values)), values, fake)]
    return [_bin(edges[k], edges[k + 1], counts[k], mass.sum(), *(column[k] for column in sums)) for k in range(bins)]


def _bin(low: float, high: float, count: int, total: float, mass: float, prob: float, fakes: float) -> dict[str, Any]:
    mean, share = (float(prob / mass), float(fakes / mass)) if mass > 0 else (None, None)
    return {
        "low": float(low),
        "high": float(high),
        "count": int(count),
        "weight": float(mass / total),
        "mean": mean,
        "share": share,
    }


def expected_calibration_error(
    prob: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS, weights: npt.ArrayLike | None = None
) -> float:
    """Mean over pictures of |mean P(fake) - share of fakes| of each one's bin, for P(fake) (N,) and labels (N,).

    Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    table = reliability(prob, labels, bins, weights)
    return float(sum(row["weight"] * abs(row["mean"] - row["share"]) for row in table if row["mean"] is not None))


def classwise_calibration_error(probabilities: npt.ArrayLike, targets: npt.ArrayLike, bins: int = BINS) -> float:
    """Mean over the K classes of the calibration error of P(class): probabilities (N, K), targets (N,), -1 left out.

    Kull et al., "Beyond temperature scaling", NeurIPS 2019 (arXiv 1910.12656).
    """
    truth, values = checked_classes(targets, probabilities)
    truth, values = truth[truth >= 0], values[truth >= 0]
    errors = [expected_calibration_error(values[:, k], truth == k, bins) for k in range(values.shape[1])]
    return float(np.mean(errors))


def checked_probabilities(labels: npt.ArrayLike, prob: npt.ArrayLike) -> tuple[Array, Array]:
    """Labels (N,) as bool (True = fake) and probabilities (N,) as float64 in [0, 1], or ClewError."""
    truth, values = np.asarray(labels), np.asarray(prob, np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or not truth.size:
        raise ClewError(f"expected a label for each probability; found shapes {truth.shape} and {values.shape}.")
    if not np.isin(truth, (0, 1)).all():
        raise ClewError("expected labels 0 (real) and 1 (fake); found others.")
    wrong = np.count_nonzero(~((values >= 0) & (values <= 1 + ROUNDING)))
    if wrong:
        raise ClewError(f"expected probabilities in [0, 1]; found {wrong} of {len(values)} that are not.")
    return truth == 1, np.minimum(values, 1.0)
