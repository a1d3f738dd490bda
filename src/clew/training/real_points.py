"""The second operating point: at or below it a picture is called real, at a stated rate of fakes that pass for real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clew.base.errors import ClewError
from clew.training.calibration import source_weights
from clew.training.checked_fields import COUNT, MOST, Number, checked_fields
from clew.training.metrics import per_video
from clew.training.operating import NOISE, RATE, OperatingPoint, named, operating_point, point_at
from clew.training.reliability import checked_probabilities

FIELDS: dict[str, Number | type[bool]] = {
    "threshold": Number(-NOISE, 1),
    "asked": RATE,
    "fnr": Number(),
    "fnr_high": Number(),
    "tnr": Number(),
    "reals": COUNT,
    "fakes": COUNT,
    "effective": Number(1, MOST),
    "margin": Number(),
    "resolved": bool,
}


@dataclass(frozen=True)
class RealPoint:
    """A threshold: a probability of at most this, and below the one for fake, means real.

    `asked` the share of fakes stated that may be called real; `fnr` and `tnr` (the reals called real) those found on
    validation; the rest as in `OperatingPoint`, of the fakes: a threshold below 0 calls nothing real.
    """

    threshold: float
    asked: float
    fnr: float
    fnr_high: float
    tnr: float
    reals: int
    fakes: int
    effective: float
    margin: float
    resolved: bool

    def as_dict(self) -> dict[str, Any]:
        """The point as it stands in JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: object, where: str = "the operating point for real") -> RealPoint:
        """Reads what `as_dict` wrote; raises ClewError naming `where` when a field is none that it writes."""
        point = cls(**checked_fields(found, FIELDS, where))
        if not point.fnr <= min(point.asked + RATE.low, point.fnr_high) or point.effective > point.fakes:
            raise ClewError(f"{where}: its rates do not agree with one another; make the file again.")
        return point


@dataclass(frozen=True)
class Scored:
    """Rows, pictures or videos: labels (N,), calibrated P(fake) (N,), clusters (N,), and weights (N,) by source."""

    labels: npt.NDArray[np.int64]
    prob: npt.NDArray[np.float64]
    clusters: Sequence[str]
    weights: npt.NDArray[np.float64]


def both_points(rows: Scored, fpr: float, fnr: float) -> tuple[OperatingPoint, RealPoint]:
    """The threshold from which a row is fake, and the one down to which it is real, each at its stated rate.

    Where they cross (both rates could be kept with room between), both move to the middle: the rates found are then
    lower than asked, and nothing is left undecided. Raises ClewError unless there are reals and fakes.
    """
    fake = operating_point(rows.labels, rows.prob, fpr, rows.clusters, rows.weights)
    turned = operating_point(1 - rows.labels, 1 - rows.prob, fnr, rows.clusters, rows.weights)
    if fake.threshold > 1 - turned.threshold:
        return fake, _turned(turned)
    middle = (fake.threshold + 1 - turned.threshold) / 2
    truth, values = checked_probabilities(rows.labels, rows.prob)
    moved = point_at(middle, truth, values, fpr, rows.clusters, rows.weights)
    back = point_at(1 - middle, ~truth, 1 - values, fnr, rows.clusters, rows.weights)
    return moved, _turned(back)


def all_points(
    labels: npt.NDArray[np.int64],
    prob: npt.NDArray[np.float64],
    videos: Sequence[str],
    clusters: Sequence[str],
    sources: Sequence[str],
    fpr: float,
    fnr: float,
) -> dict[str, Any]:
    """{"fpr", "videos", "picture", "video", "real": {"picture", "video"}}: both, of pictures and means of videos.

    `videos` and `clusters` (N,) as for `metrics.per_video`, told apart by their source already; `sources` (N,) weigh
    equally among the reals and among the fakes. For JSON; `videos` there as in `operating_points`.
    """
    by_video = per_video(labels, prob, videos, clusters)
    source_of = dict(zip(clusters, sources, strict=True))
    units = {
        "picture": (labels, prob, list(clusters), list(sources)),
        "video": (by_video.labels, by_video.scores, list(by_video.clusters), [source_of[c] for c in by_video.clusters]),
    }
    found: dict[str, Any] = {"fpr": float(fpr), "videos": named(videos), "real": {}}
    for name, (truth, values, groups, names) in units.items():
        rows = Scored(np.asarray(truth), np.asarray(values), groups, source_weights(truth, names))
        fake, real = both_points(rows, fpr, fnr)
        found[name], found["real"][name] = fake.as_dict(), real.as_dict()
    return found


def _turned(point: OperatingPoint) -> RealPoint:
    """What was found with the classes exchanged, told of the reals."""
    return RealPoint(
        threshold=1 - point.threshold,
        asked=point.asked,
        fnr=point.fpr,
        fnr_high=point.fpr_high,
        tnr=point.tpr,
        reals=point.fakes,
        fakes=point.reals,
        effective=point.effective,
        margin=point.margin,
        resolved=point.resolved,
    )
