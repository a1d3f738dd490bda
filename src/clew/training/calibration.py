"""Temperature scaling: logits divided by one number, fitted on validation, so that probabilities mean what they say.

Guo et al., "On calibration of modern neural networks", ICML 2017 (arXiv 1706.04599). One temperature leaves the
class told and, with two classes, the ranking of pictures as they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from clew.base.errors import ClewError
from clew.training.checked_fields import COUNT, Number, checked_fields
from clew.training.class_metrics import checked_classes, class_probabilities
from clew.training.metrics import Array
from clew.training.reliability import expected_calibration_error

LOWEST, HIGHEST = 0.05, 20.0
AT_BOUND = 1e-3  # in log T: the bounded search comes this near to a bound, never onto it
NO_GAIN = 1e-12
FIELDS: dict[str, Number | type[bool]] = {
    "temperature": Number(LOWEST, HIGHEST),
    "nll_before": Number(0, 1e300),
    "nll_after": Number(0, 1e300),
    "ece_before": Number(),
    "ece_after": Number(),
    "pictures": COUNT,
    "fakes": COUNT,
    "prior": Number(1e-6, 1 - 1e-6),
    "at_bound": bool,
}


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it did on the pictures of the validation split.

    `nll` negative log likelihood (nats) and `ece` expected calibration error of P(fake), before and after, with
    reals and fakes weighed to `prior`: the share of fakes that the probabilities suppose. `at_bound` True where the
    temperature stands at a limit (see `fit_temperature`): so few pictures or mistakes cannot tell it better.
    """

    temperature: float
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float
    pictures: int
    fakes: int
    prior: float
    at_bound: bool
    split: str = "val"

    def as_dict(self) -> dict[str, Any]:
        """The calibration as it stands in JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: object, where: str = "the calibration") -> Calibration:
        """Reads what `as_dict` wrote; raises ClewError naming `where` when a field is none that it writes."""
        rest = found
        if isinstance(found, dict):
            rest = {name: value for name, value in found.items() if name != "split"}
            if found.get("split") != "val":
                raise ClewError(f"{where}: expected a calibration on the split 'val'; make the file again.")
        fields = checked_fields(rest, FIELDS, where)
        if fields["fakes"] >= fields["pictures"]:
            raise ClewError(f"{where}: expected reals among its {fields['pictures']} pictures; make the file again.")
        return cls(**fields)

    def apply(self, logits: npt.ArrayLike) -> Array:
        """Calibrated probabilities (N, K), float64, of logits (N, K)."""
        return class_probabilities(np.asarray(logits, np.float64) / self.temperature)

    def fake(self, logits: npt.ArrayLike) -> Array:
        """Calibrated probability of fake (N,) of logits (N, K): all classes but the first."""
        return _fake(self.apply(logits))


def calibrate(
    logits: npt.ArrayLike,
    targets: npt.ArrayLike,
    prior: float | None = 0.5,
    sources: npt.ArrayLike | None = None,
) -> Calibration:
    """The calibration of a network by its logits (N, K) on the validation pictures with targets (N,).

    Reals and fakes weigh so that the share of fakes is `prior`: one half, as in balanced training, whatever the
    split holds; None takes the split as it is. Where fakes are rarer than the prior, P(fake) is too high: odds
    times p (1 - prior) / ((1 - p) prior) hold for a share p. Targets of -1 (a method not known in training) are left
    out. `sources` (N,): where each picture comes from; among the reals, and among the fakes, sources weigh equally.
    Raises ClewError unless there are reals and fakes.
    """
    truth, values = checked_classes(targets, logits)
    known = truth >= 0
    truth, values = truth[known], values[known]
    labels = (truth > 0).astype(np.int64)
    weights, share = _prior_weights(labels, prior)
    if sources is not None:
        weights = np.where(labels == 1, share, 1 - share) * source_weights(labels, np.asarray(sources)[known])
    temperature, at_bound = _fit(values, truth, weights)
    nll = _nll(values, truth, weights)
    before, after = (
        expected_calibration_error(_fake(class_probabilities(values / t)), labels, weights=weights)
        for t in (1.0, temperature)
    )
    counts = len(labels), int(labels.sum())
    return Calibration(temperature, nll(1.0), nll(temperature), before, after, *counts, share, at_bound)


def fit_temperature(logits: npt.ArrayLike, targets: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """The temperature in [0.05, 20] of least negative log likelihood, for logits (N, K), targets (N,), weights (N,).

    Where every picture is told rightly the likelihood has no best temperature: it asks for infinite confidence. So
    logits are never sharpened beyond a mean confidence of (N + 1) / (N + 2), Laplace's rule of succession for N of
    N; those that are surer already are left as they are (1). N counts pictures as if each told something new.
    """
    truth, values = checked_classes(targets, logits)
    if (truth < 0).any():
        raise ClewError("expected targets of known classes; found -1. Leave those pictures out.")
    return _fit(values, truth, _weights(weights, len(truth)))[0]


def _fit(values: Array, truth: Array, weights: Array) -> tuple[float, bool]:
    """The temperature, and whether a limit set it."""
    from scipy.optimize import minimize_scalar  # half a second to import

    nll = _nll(values, truth, weights)
    low, high = math.log(LOWEST), math.log(HIGHEST)
    # convex in 1 / T, so there is one valley in log T
    found = minimize_scalar(lambda x: nll(math.exp(x)), bounds=(low, high), method="bounded", options={"xatol": 1e-7})
    best = float(found.x)
    if nll(1.0) - nll(math.exp(best)) <= NO_GAIN:
        return 1.0, _confidence(values, weights)(1.0) > _most_confident(len(truth))
    floor = _sharpest(values, weights)
    if best < floor:
        return math.exp(floor), True
    if min(best - low, high - best) < AT_BOUND:
        return (LOWEST if best < 0 else HIGHEST), True
    return math.exp(best), False


def _sharpest(values: Array, weights: Array) -> float:
    """Log of the lowest temperature, at most 1, at which the mean confidence is no higher than N pictures bear."""
    from scipy.optimize import brentq

    confidence, most = _confidence(values, weights), _most_confident(len(values))
    if confidence(1.0) >= most:
        return 0.0
    if confidence(LOWEST) <= most:
        return math.log(LOWEST)
    return float(brentq(lambda x: confidence(math.exp(x)) - most, math.log(LOWEST), 0.0, xtol=1e-9))


def _most_confident(pictures: int) -> float:
    return (pictures + 1) / (pictures + 2)


def _confidence(values: Array, weights: Array) -> Callable[[float], float]:
    """The weighted mean of the highest probability, as a function of the temperature."""
    return lambda t: float(weights @ class_probabilities(values / t).max(axis=1))


def _nll(values: Array, truth: Array, weights: Array) -> Callable[[float], float]:
    """The weighted mean of -log P(target) in nats, as a function of the temperature."""
    rows = np.arange(len(truth))
    return lambda t: abs(float(weights @ log_softmax(values / t, axis=1)[rows, truth]))


def _prior_weights(labels: Array, prior: float | None) -> tuple[Array, float]:
    """Weights (N,) of sum 1 under which the share of fakes is `prior`, and that share."""
    fakes = int(labels.sum())
    if not 0 < fakes < len(labels):
        raise ClewError(f"calibration needs reals and fakes; found {fakes} fakes among {len(labels)} pictures.")
    share = fakes / len(labels) if prior is None else float(prior)
    if not 1e-6 <= share <= 1 - 1e-6:
        raise ClewError(f"expected a share of fakes between 0 and 1, found {share:g}.")
    return np.where(labels == 1, share / fakes, (1 - share) / (len(labels) - fakes)), share


def source_weights(labels: npt.ArrayLike, sources: npt.ArrayLike) -> Array:
    """Weights (N,) by which, among the reals and among the fakes, every source weighs the same; each class sums to 1.

    `labels` (N,) 0 or 1; `sources` (N,) anything that can be compared.
    """
    truth, names = np.asarray(labels), np.unique(np.asarray(sources), return_inverse=True)[1]
    weights = np.zeros(len(truth))
    for label in (0, 1):
        own = truth == label
        counts = np.bincount(names[own]) if own.any() else np.zeros(1)
        weights[own] = 1 / (counts[names[own]] * max(1, np.count_nonzero(counts)))
    return weights


def _weights(weights: npt.ArrayLike | None, count: int) -> Array:
    """Weights (N,) of sum 1, equal ones for None."""
    found = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if found.shape != (count,) or not np.isfinite(found).all() or (found < 0).any() or not found.sum() > 0:
        raise ClewError(f"expected {count} weights that are not negative and not all zero; found others.")
    return np.asarray(found / found.sum())


def _fake(probabilities: Array) -> Array:
    """P(fake) (N,) of probabilities (N, K): a sum, exact near 0, kept from rounding above 1."""
    return np.minimum(probabilities[:, 1:].sum(axis=1), 1.0)
