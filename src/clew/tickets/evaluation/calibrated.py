"""What a ticket's stored calibration and operating point come to on other data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clew.tickets.evaluation.bench import Bench, rate, resampled_estimate, told, video_bench
from clew.tickets.evaluation.kept import Logits
from clew.tickets.evaluation.models import Member
from clew.training.calibration import Calibration
from clew.training.data import Samples
from clew.training.metrics import Array
from clew.training.operating import OperatingPoint
from clew.training.real_points import RealPoint
from clew.training.reliability import BINS, expected_calibration_error, reliability

PRIOR = 0.5  # what probabilities suppose where no calibration says so: training is balanced


def calibrations(members: Sequence[Member]) -> list[Calibration] | None:
    """Each ticket's own calibration, None where one of them has none; raises ClewError for a damaged one."""
    stored = [member.header.get("calibration") for member in members]
    if not all(stored):
        return None
    return [Calibration.from_dict(one, str(member.path)) for one, member in zip(stored, members, strict=True)]


def calibration_report(
    raw: Bench, logits: Sequence[Logits], stored: Sequence[Calibration] | None
) -> tuple[Bench, dict[str, Any]]:
    """The pictures with calibrated probabilities (as they are without a calibration), and what it did.

    {"prior", "before": {"ece", "bins"}, "after": the same or None}: expected calibration error per picture, reals
    and fakes weighing so that the share of fakes is the prior that the probabilities suppose (None: one class only).
    The bins hold the pictures of all seeds together.
    """
    both = len(np.unique(raw.labels)) > 1
    prior = (stored[0].prior if stored else PRIOR) if both else None
    before = _one(raw, prior)
    if stored is None:
        return raw, {"prior": prior, "before": before, "after": None}
    scaled = raw.seen(np.stack([one.fake(part) for one, part in zip(stored, logits, strict=True)]))
    return scaled, {"prior": prior, "before": before, "after": _one(scaled, prior)}


def _one(bench: Bench, prior: float | None) -> dict[str, Any]:
    ones = np.ones((1, len(bench.labels)))
    weights = _weighed(ones, bench.labels, prior)[0]
    values = np.array([expected_calibration_error(row, bench.labels, BINS, weights) for row in bench.prob])
    error = resampled_estimate(bench, values, lambda drawn: resampled_error(bench.prob, bench.labels, drawn, prior))
    count = len(bench.prob)
    together = reliability(bench.prob.reshape(-1), np.tile(bench.labels, count), BINS, np.tile(weights, count))
    return {"ece": told(error, bench.counted), "bins": together}


def resampled_error(prob: Array, labels: Array, weights: Array, prior: float | None) -> Array:
    """Expected calibration error of probabilities (S, N) under weights (r, N): (r, S); see `reliability`."""
    found = np.empty((len(weights), len(prob)))
    weighed = _weighed(weights, labels, prior)
    for column, row in enumerate(prob):
        bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], row, side="left")
        order = np.argsort(bins, kind="stable")
        starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
        gaps = np.add.reduceat((weighed * (row - labels))[:, order], starts, axis=1)
        found[:, column] = np.abs(gaps).sum(axis=1)
    return found


def _weighed(weights: Array, labels: Array, prior: float | None) -> Array:
    """Weights (r, N) of sum 1 in each row, the fakes' part being `prior` (None: whatever it is)."""
    if prior is None:
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))
    fakes, reals = (weights * (labels == label) for label in (1, 0))
    parts = zip((prior, 1 - prior), (fakes, reals), strict=True)
    return np.asarray(sum(share * part / part.sum(axis=1, keepdims=True) for share, part in parts))


def at_operating_point(members: Sequence[Member], samples: Samples, pictures: Bench) -> dict[str, Any] | None:
    """Share of fakes found (TPR) and of reals called fake (FPR) at each ticket's stored thresholds.

    {"fpr": what was aimed at, "picture": {"tpr","fpr","thresholds"}, "video": ...}; None where a ticket has none. Where
    all have thresholds for real too, "real": {"picture": {"tnr","fnr","thresholds"}, "video": ...}.
    `pictures` holds calibrated probabilities where there is a calibration, as the thresholds do.
    """
    points = [point for member in members if isinstance(point := member.header.get("operating_point"), dict)]
    if len(points) < len(members):
        return None
    kinds = {"picture": pictures, "video": video_bench(samples, pictures)}
    files = [str(member.path) for member in members]
    found = {kind: _at_points(bench, [point.get(kind) for point in points], files) for kind, bench in kinds.items()}
    reals = [real for point in points if isinstance(real := point.get("real"), dict)]
    if len(reals) == len(points):
        found["real"] = {
            kind: _at_real_points(bench, [real.get(kind) for real in reals], files) for kind, bench in kinds.items()
        }
    return {"fpr": points[0].get("fpr"), **found}


def _at_real_points(bench: Bench, points: Sequence[Any], files: Sequence[str]) -> dict[str, Any]:
    """The share of reals and of fakes at or below each ticket's threshold for real."""
    read = [RealPoint.from_dict(point, file) for point, file in zip(points, files, strict=True)]
    limits = np.array([point.threshold for point in read])
    rates = {name: _share_at_most(bench, label, limits) for name, label in (("tnr", 0), ("fnr", 1))}
    return {**rates, "thresholds": limits.tolist()}


def _at_points(bench: Bench, points: Sequence[Any], files: Sequence[str]) -> dict[str, Any]:
    read = [OperatingPoint.from_dict(point, file) for point, file in zip(points, files, strict=True)]
    limits = np.array([point.threshold for point in read])
    rates = {name: _share_called(bench, label, limits) for name, label in (("tpr", 1), ("fpr", 0))}
    return {**rates, "thresholds": limits.tolist()}


def called_fake(bench: Bench, label: int, threshold: float = 0.5) -> dict[str, Any] | None:
    """The share of one class that is called fake at one threshold, as an interval for JSON."""
    return _share_called(bench, label, np.full(len(bench.prob), threshold))


def _share_called(bench: Bench, label: int, thresholds: Array) -> dict[str, Any] | None:
    part = bench.only(bench.labels == label)
    if not len(part.labels):
        return None
    return told(rate(part, part.prob >= thresholds[:, None]), part.counted)


def _share_at_most(bench: Bench, label: int, thresholds: Array) -> dict[str, Any] | None:
    part = bench.only(bench.labels == label)
    if not len(part.labels):
        return None
    return told(rate(part, part.prob <= thresholds[:, None]), part.counted)
