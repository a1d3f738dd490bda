"""How far a crop is from those that a ticket was trained on, by their low-level statistics."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.descriptor import SURFACE, VERSION, descriptor, length

__all__ = ["SHARE", "Familiarity", "descriptor"]

Array = NDArray[np.float64]

SHARE = 0.01  # of crops like those it was fitted on that are called unfamiliar
LEAST = 200  # crops to fit on
_ROUNDS = 3
_TRIMMED = 0.025  # share of the crops, the farthest, that do not shape what is usual
_RARE = 0.01
_DIGITS = 5
_STEPS = 10_000  # a correlation of 1 as it is written, in 16 bits
_NARROWEST = 1e-3
_WIDEST = 1e6  # no mean, spread or threshold of a descriptor comes near it
_FIRM = 2e-3  # the smallest eigenvalue of a matrix of correlations that is inverted


_NAMES = {"version", "mean", "spread", "correlation", "usual", "threshold", "share", "crops", "held_out"}


@dataclass(frozen=True)
class Familiarity:
    """What is usual: `mean` and `spread` (D,) of each statistic, `correlation` (D, D) between them, and how far is far.

    usual: the Mahalanobis distances, of all statistics and of the surface's alone, that all but one in a hundred crops
    keep; a crop's distance is the larger of its two in these measures, as a few odd numbers drown among many. One
    farther than `threshold` is unfamiliar: so is a share `share` of `held_out` crops of the kind that it was fitted on,
    which did not shape it. `crops` how many did.
    """

    mean: Array
    spread: Array
    correlation: Array
    usual: Array
    threshold: float
    share: float
    crops: int
    held_out: int

    @classmethod
    def fit(cls, descriptors: Array, share: float = SHARE) -> Familiarity:
        """From descriptors (N, D) of the crops trained on; every fifth is held out for the threshold.

        Robust: the farthest do not shape it. Covariances are shrunk as by the oracle-approximating estimator (Chen,
        Wiesel, Eldar and Hero, IEEE Trans. Signal Processing 58, 2010). Raises ClewError for fewer than 200 crops,
        values that are not finite, or a share outside 0 to 1.
        """
        values = np.asarray(descriptors, np.float64)
        if values.ndim != 2 or len(values) < LEAST or not np.isfinite(values).all():
            raise ClewError(f"what is familiar is learned from at least {LEAST} crops, found values {values.shape}.")
        if not 0 < share < 1:
            raise ClewError(f"the share of unfamiliar crops lies between 0 and 1, found {share}.")
        apart = np.arange(len(values)) % 5 == 4
        near, far = values[~apart], values[apart]
        mean, spread, correlation = (_rounded(part) for part in _usual(near))
        correlation = np.rint(correlation * _STEPS) / _STEPS
        usual = _rounded(np.quantile(_distances(near, mean, spread, correlation), 1 - _RARE, axis=0))
        found = cls(mean, spread, correlation, usual, 0.0, share, len(near), len(far))
        return replace(found, threshold=float(np.quantile(found.distance(far), 1 - share, method="higher")))

    def distance(self, descriptors: Array) -> Array:
        """How far (N,) descriptors (N, D) are from what is usual: up to about 1 for nearly all that is."""
        values = np.atleast_2d(np.asarray(descriptors, np.float64))
        if values.shape[1:] != self.mean.shape:
            raise ClewError(f"expected descriptors of {len(self.mean)} numbers, found {values.shape}.")
        return np.asarray((_distances(values, self.mean, self.spread, self.correlation) / self.usual).max(1))

    def unfamiliar(self, descriptors: Array) -> NDArray[np.bool_]:
        """Which (N,) of descriptors (N, D) are farther than the threshold."""
        return self.distance(descriptors) > self.threshold

    def as_dict(self) -> dict[str, Any]:
        """As it stands in JSON: a few thousand characters; of the correlations those below the diagonal, row by
        row, as 16-bit whole numbers (ten thousandths, little-endian) in base64.
        """
        below = np.rint(self.correlation[np.tril_indices(len(self.mean), -1)] * _STEPS).astype("<i2")
        return {
            "version": VERSION,
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            "correlation": base64.b64encode(below.tobytes()).decode(),
            "usual": self.usual.tolist(),
            "threshold": self.threshold,
            "share": self.share,
            "crops": self.crops,
            "held_out": self.held_out,
        }

    @classmethod
    def from_dict(cls, found: Any) -> Familiarity:
        """What `as_dict` gave; raises ClewError for anything else, as it may come from a hostile file."""
        if not isinstance(found, Mapping) or set(found) != _NAMES:
            raise ClewError(f"what is familiar to a ticket has the fields {', '.join(sorted(_NAMES))}, found others.")
        if type(found["version"]) is not int or found["version"] != VERSION:
            raise ClewError(f"what is familiar to a ticket was measured as version {VERSION} does, found another.")
        size = length()
        mean = _numbers(found["mean"], "mean", size, -_WIDEST, _WIDEST)
        spread = _numbers(found["spread"], "spread", size, _NARROWEST, _WIDEST)
        correlation = _correlations(found["correlation"], size)
        usual = _numbers(found["usual"], "usual", 2, _NARROWEST, _WIDEST)
        threshold = _numbers([found["threshold"]], "threshold", 1, 0, _WIDEST)[0]
        share = _numbers([found["share"]], "share", 1, 0, 1)[0]
        crops, held_out = (_numbers([found[name]], name, 1, 0, 2**53)[0] for name in ("crops", "held_out"))
        return cls(mean, spread, correlation, usual, float(threshold), float(share), int(crops), int(held_out))


def _usual(values: Array) -> tuple[Array, Array, Array]:
    """Mean, spread and correlation of values (N, D) without the farthest of them."""
    mean = np.median(values, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(values - mean), axis=0), _NARROWEST)
    kept = np.clip(values, mean - 4 * spread, mean + 4 * spread)
    for _ in range(_ROUNDS):
        mean, spread = kept.mean(0), np.maximum(kept.std(0), _NARROWEST)
        correlation = _shrunk((kept - mean) / spread)
        distances = _distances(values, mean, spread, correlation)[:, 0]
        kept = values[distances <= np.quantile(distances, 1 - _TRIMMED)]
    return mean, spread, correlation


def _shrunk(scaled: Array) -> Array:
    """Correlations of standardised values (N, D), shrunk towards none at all as much as N and D ask for."""
    count, size = scaled.shape
    found = scaled.T @ scaled / count
    np.fill_diagonal(found, 1.0)
    square = float(np.square(found).sum())  # the trace of its square; its own trace is D
    rho = min(1.0, ((1 - 2 / size) * square + size**2) / ((count + 1 - 2 / size) * (square - size) + 1e-12))
    rho = max(rho, 5 * _FIRM)
    shrunk = (1 - rho) * found
    np.fill_diagonal(shrunk, 1.0)
    return np.asarray(shrunk)


def _distances(values: Array, mean: Array, spread: Array, correlation: Array) -> Array:
    """Mahalanobis distances (N, 2) of values (N, D) over the root of their count: of all, and of the surface's."""
    scaled = (values - mean) / spread
    found = []
    for part in (slice(None), slice(SURFACE)):
        whitened = np.linalg.solve(np.linalg.cholesky(correlation[part, part]), scaled[:, part].T)
        found.append(np.sqrt(np.square(whitened).mean(0)))
    return np.stack(found, axis=1)


def _correlations(text: Any, size: int) -> Array:
    """The correlations (D, D) in base64; raises ClewError for what no crops can have."""
    try:
        below = np.frombuffer(base64.b64decode(text, validate=True), "<i2") if isinstance(text, str) else np.empty(0)
    except (binascii.Error, ValueError):
        below = np.empty(0)
    whole = np.eye(size)
    if below.size != size * (size - 1) // 2:
        raise ClewError(f"what is familiar to a ticket holds {size * (size - 1) // 2} correlations, found others.")
    whole[np.tril_indices(size, -1)] = below / _STEPS
    whole = np.asarray(whole + whole.T - np.eye(size))
    if np.linalg.eigvalsh(whole)[0] < _FIRM / 2:
        raise ClewError("what is familiar to a ticket holds correlations that no crops can have.")
    return whole


def _rounded(values: Array) -> Array:
    """As written in JSON, so that what is read again is the same."""
    return np.round(values, _DIGITS)


def _numbers(found: Any, name: str, count: int, least: float, most: float) -> Array:
    """`count` finite numbers from `least` to `most`; raises ClewError for anything else."""
    good = isinstance(found, list) and len(found) == count
    if not good or not all(type(value) in (int, float) and least <= value <= most for value in found):
        raise ClewError(f"what is familiar to a ticket holds {count} numbers {least:g} to {most:g} as '{name}'.")
    return np.asarray(found, np.float64)
