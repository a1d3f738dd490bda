"""How well a model's calibrated probabilities hold over several sources together, each of them weighing the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clew.base.progress import Progress
from clew.datasets.store import CropStore
from clew.tickets.evaluation.bench import Bench, picture_bench, resampled_estimate, told
from clew.tickets.evaluation.calibrated import calibrations
from clew.tickets.evaluation.kept import Logits, subject_of
from clew.tickets.evaluation.models import Model
from clew.tickets.evaluation.samples import usable
from clew.tickets.evaluation.scoring import score
from clew.training.calibration import source_weights
from clew.training.data import Samples
from clew.training.metrics import Array
from clew.training.reliability import BINS


def pooled_calibration_error(
    model: Model, stores: Sequence[CropStore], resamples: int, scores: Path | str | None, progress: Progress
) -> dict[str, Any] | None:
    """{"ece": interval, "pictures", "sources": [name]} of the test parts together; None without a calibration.

    The share of fakes is taken as one half. Stores of one class only are left out.
    """
    parts = [part for part in (usable(store, "test") for store in stores) if len(np.unique(part.labels)) > 1]
    stored = calibrations(model.members)
    if stored is None or not parts:
        return None
    folder = None if scores is None else Path(scores)
    with progress.task("calibration over all sources", sum(map(len, parts)) * len(model.members)) as task:
        logits = [score(model.members, part, subject_of(part), folder, task) for part in parts]
    benches = [_bench(part, found, stored, model, resamples) for part, found in zip(parts, logits, strict=True)]
    whole, sources = _joined(benches)
    values = errors(whole, sources, np.ones((1, len(sources))))[0]
    found = resampled_estimate(whole, values, lambda weights: errors(whole, sources, weights))
    names = [part.stores[0].name for part in parts]
    return {"ece": told(found, whole.counted), "pictures": len(sources), "sources": names}


def errors(bench: Bench, sources: Array, drawn: Array) -> Array:
    """Expected calibration error (r, S) of P(fake) (S, N) under drawn weights (r, N), sources (N,) weighing equally."""
    base = 0.5 * source_weights(bench.labels, sources)
    found = np.empty((len(drawn), len(bench.prob)))
    mass = drawn * base
    for group in _cells(bench.labels, sources):  # what is drawn of a source and class weighs as all of it does
        mass[:, group] *= base[group].sum() / np.maximum(mass[:, group].sum(axis=1, keepdims=True), 1e-300)
    for column, row in enumerate(bench.prob):
        bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], row, side="left")
        gaps = mass * (row - bench.labels)
        found[:, column] = sum(np.abs(gaps[:, bins == one].sum(axis=1)) for one in np.unique(bins))
    return found


def _cells(labels: Array, sources: Array) -> list[Array]:
    """The rows of each source and class."""
    pairs = sorted(set(zip(sources.tolist(), labels.tolist(), strict=True)))
    return [np.flatnonzero((sources == source) & (labels == label)) for source, label in pairs]


def _bench(part: Samples, logits: Sequence[Logits], stored: Sequence[Any], model: Model, resamples: int) -> Bench:
    prob = np.stack([one.fake(found) for one, found in zip(stored, logits, strict=True)])
    return picture_bench(part, prob, model.seeds, resamples)


def _joined(benches: Sequence[Bench]) -> tuple[Bench, Array]:
    """All rows together, clusters told apart by their source, and the number of each row's source."""
    sources = np.concatenate([np.full(len(bench.labels), at) for at, bench in enumerate(benches)])
    clusters = np.concatenate([np.char.add(f"{at}:", bench.clusters) for at, bench in enumerate(benches)])
    labels, forgery, compression = (
        np.concatenate([getattr(bench, key) for bench in benches]) for key in ("labels", "forgery", "compression")
    )
    prob = np.concatenate([bench.prob for bench in benches], axis=1)
    first = benches[0]
    return Bench(labels, prob, clusters, forgery, compression, first.seeds, first.resamples), sources
