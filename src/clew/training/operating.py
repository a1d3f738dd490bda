"""Operating points: the threshold at a stated false positive rate, chosen on validation, and what it can promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from clew.base.errors import ClewError
from clew.training.checked_fields import COUNT, MOST, Number, checked_fields
from clew.training.metrics import Array, per_video
from clew.training.reliability import checked_probabilities

SURE = 0.95
NOISE = 1e-6  # two machines may compute probabilities that differ by this
EXACT = 1e-9  # 0.29 * 100 is 28.999999999999996: a rate times a count is taken as this near to whole numbers
RATE = Number(EXACT, 1 - EXACT)
FIELDS: dict[str, Number | type[bool]] = {
    "threshold": Number(0, 1 + NOISE),
    "asked": RATE,
    "fpr": Number(),
    "fpr_high": Number(),
    "tpr": Number(),
    "reals": COUNT,
    "fakes": COUNT,
    "effective": Number(1, MOST),
    "margin": Number(),
    "resolved": bool,
}


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold: a probability of at least this means fake.

    `asked` the false positive rate stated; `fpr` and `tpr` those found on validation; `fpr_high` the upper 95 %
    limit of the true false positive rate; `effective` as how many independent reals the `reals` count; `margin`
    how far the nearest score lies from the threshold; `resolved` False where there are fewer effective reals than
    1 / asked, so that even no false alarm among them cannot show such a rate.
    """

    threshold: float
    asked: float
    fpr: float
    fpr_high: float
    tpr: float
    reals: int
    fakes: int
    effective: float
    margin: float
    resolved: bool

    def as_dict(self) -> dict[str, Any]:
        """The operating point as it stands in JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: object, where: str = "the operating point") -> OperatingPoint:
        """Reads what `as_dict` wrote; raises ClewError naming `where` when a field is none that it writes."""
        fields = checked_fields(found, FIELDS, where)
        point = cls(**fields)
        fits = point.fpr <= min(point.asked + EXACT, point.fpr_high) and point.effective <= point.reals
        if not fits or point.resolved != _resolved(point.effective, point.asked):
            raise ClewError(f"{where}: its rates do not agree with one another; make the file again.")
        return point


def operating_point(
    labels: npt.ArrayLike,
    prob_fake: npt.ArrayLike,
    fpr: float,
    clusters: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> OperatingPoint:
    """The lowest threshold at which the share of reals called fake is at most `fpr`: labels (N,), P(fake) (N,).

    It lies halfway between the highest real below it and the next score, so that equal scores stay together and
    rounding flips nothing; above 1, which calls nothing fake, where too many reals have a probability of 1.
    `fpr_high` is the limit of Clopper and Pearson (Biometrika 26, 1934); taken at a threshold that these reals chose
    themselves it is that of order statistics (Wilks, Ann. Math. Stat. 12, 1941) and holds all the same. Reals of
    one cluster (N,) count as one, if all are of a size: their effective number is Kish's (sum n)^2 / sum n^2.
    `weights` (N,), whose sum is one over the reals and one over the fakes: all shares are of weight then.
    Raises ClewError unless there are reals and fakes, and `fpr` is between 0 and 1.
    """
    fake, values = checked_probabilities(labels, prob_fake)
    if not RATE.fits(fpr):
        raise ClewError(f"expected a false positive rate between 0 and 1, found {fpr}.")
    if not fake.any() or fake.all():
        raise ClewError("an operating point needs reals and fakes; found one class only.")
    return point_at(None, fake, values, fpr, clusters, weights)


def point_at(
    threshold: float | None,
    fake: Array,
    values: Array,
    fpr: float,
    clusters: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
) -> OperatingPoint:
    """The point at a threshold (None: the one that `fpr` asks for); else as `operating_point`."""
    mass = None if weights is None else np.asarray(weights, np.float64)
    reals, fakes = values[~fake], values[fake]
    own, others = (None, None) if mass is None else (mass[~fake], mass[fake])
    if threshold is None:
        threshold = _threshold(reals, values, fpr, own)
    found = _share(reals >= threshold, own)
    effective = _effective(reals, fake, clusters, own)
    return OperatingPoint(
        threshold=threshold,
        asked=float(fpr),
        fpr=found,
        fpr_high=_upper_limit(found, effective),
        tpr=_share(fakes >= threshold, others),
        reals=len(reals),
        fakes=len(fakes),
        effective=effective,
        margin=float(np.min(np.abs(values - threshold))),
        resolved=_resolved(effective, fpr),
    )


def operating_points(
    labels: npt.ArrayLike, prob: npt.ArrayLike, videos: Sequence[str], clusters: Sequence[str], fpr: float
) -> dict[str, Any]:
    """{"fpr", "videos", "picture", "video"}: an operating point for single pictures, and one for the mean of a video's.

    `videos` (N,) and `clusters` (N,) as for `metrics.per_video`; told is how many there are: where there are none, both
    points are those of pictures. For JSON.
    """
    by_video = per_video(labels, prob, videos, clusters)
    return {
        "fpr": float(fpr),
        "videos": named(videos),
        "picture": operating_point(labels, prob, fpr, clusters).as_dict(),
        "video": operating_point(by_video.labels, by_video.scores, fpr, by_video.clusters).as_dict(),
    }


def named(videos: Sequence[str]) -> int:
    """How many videos there are: lone pictures, the empty string, are none."""
    return len(set(videos) - {""})


def _threshold(reals: Array, values: Array, fpr: float, weights: Array | None) -> float:
    falling = np.argsort(-reals, kind="stable")
    if weights is None:
        allowed = int(np.floor(fpr * len(reals) + EXACT))
    else:
        allowed = int(np.searchsorted(np.cumsum(weights[falling]), fpr + EXACT, side="right"))
    below = float(reals[falling[min(allowed, len(reals) - 1)]])  # the highest real that must not be called fake
    higher = values[values > below]
    above = float(higher.min()) if len(higher) else (1.0 if below < 1 - 2 * NOISE else 1 + 2 * NOISE)
    middle = below + (above - below) / 2
    return min(middle if middle > below else above, 1 + NOISE)


def _upper_limit(rate: float, count: float) -> float:
    """The upper 95 % limit of Clopper and Pearson of a rate found among so many."""
    hits = rate * count
    return 1.0 if hits >= count else float(special.betaincinv(hits + 1, count - hits, SURE))


def _resolved(effective: float, fpr: float) -> bool:
    return effective * fpr >= 1 - EXACT


def _share(hits: Array, weights: Array | None) -> float:
    """The share of hits (n,), by weights (n,) of sum one or by number."""
    return float(np.mean(hits)) if weights is None else min(1.0, float(weights[hits].sum()))


def _effective(reals: Array, fake: Array, clusters: npt.ArrayLike | None, weights: Array | None = None) -> float:
    """Kish's effective number of reals; one without a cluster (the empty string) is its own."""
    if clusters is None:
        return float(len(reals)) if weights is None else float(1 / np.square(weights).sum())
    names = np.asarray(clusters)
    if names.shape != fake.shape:
        raise ClewError(f"expected a cluster for each of {len(fake)} labels; found shape {names.shape}.")
    own = names[~fake] == ""
    if weights is not None:
        _, at = np.unique(names[~fake][~own], return_inverse=True)
        together = np.square(np.bincount(at, weights[~own])).sum() + np.square(weights[own]).sum()
        return min(float(len(reals)), float(1 / together))
    _, sizes = np.unique(names[~fake][~own], return_counts=True)
    return float(len(reals) ** 2 / ((sizes**2).sum() + own.sum()))
