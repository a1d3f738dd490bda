"""What a form costs in accuracy: the AUC of each on a crop store, and how it differs from the reference of fp32.

All forms score the same pictures, and the difference is resampled by clusters with the same draws for both, so that an
interval of it is far narrower than those of the two AUCs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.hashing import hash_json
from clew.base.progress import SILENT, Progress
from clew.datasets.store import CropStore, open_store
from clew.runtime.cache import Cache
from clew.runtime.checking import checked
from clew.runtime.forms import forms
from clew.runtime.load import known_forms
from clew.runtime.machine import machine
from clew.runtime.opened import Opened
from clew.runtime.representative import as_network, hash_of
from clew.tickets.benching import reference_of
from clew.tickets.evaluation.bench import measure, picture_bench, told
from clew.tickets.evaluation.samples import SPLITS, usable
from clew.training.data import Samples
from clew.training.intervals import Estimate
from clew.training.score import fake_probability

VERSION = 1  # of what is kept
BATCH, RANGED, RESAMPLES = 32, 128, 1000
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class ScoredOn:
    """A store, those of its pictures that forms are scored on, and those that int8 takes its ranges from."""

    store: CropStore
    samples: Samples
    training: Samples | None

    @property
    def ranged(self) -> NDArray[np.int64]:
        """Positions of some training pictures (N,), spread over all; none where the store has no training part."""
        count = 0 if self.training is None else len(self.training)
        return np.unique(np.linspace(0, max(0, count - 1), min(count, RANGED)).round().astype(np.int64))

    def prepared(self, ticket: Opened) -> Opened:
        """The ticket with these training pictures as its representative ones."""
        if self.training is None:
            return ticket
        return replace(ticket, representative=as_network(self.training.crops(self.ranged, ticket.size), ticket.size))


def scored_on(store: Path | str, split: str = "val") -> ScoredOn:
    """Opens a store to score forms on a split; raises ClewError where it has no reals or no fakes there."""
    if split not in SPLITS:
        raise ClewError(f"unknown split '{split}'. Known: {', '.join(SPLITS)}.")
    opened = open_store(store)
    samples = usable(opened, split)
    if len(np.unique(samples.labels)) < 2:
        only = "fakes" if samples.labels[0] else "reals"
        raise ClewError(f"{opened.path}: the split '{split}' holds {only} only; an AUC needs both classes.")
    try:
        training = usable(opened, "train")
    except ClewError:  # it has none: ranges are taken from drawn pictures
        training = None
    return ScoredOn(opened, samples, training)


def form_scores(
    ticket: Opened, names: Sequence[str], on: ScoredOn, threads: int, cache: Cache | None, progress: Progress = SILENT
) -> dict[str, Any]:
    """The AUC per picture of a ticket in each form by name, in JSON's words; from `cache` where it was measured before.

    {"store", "hash", "split", "pictures", "reals", "fakes", "clusters", "ranged", "reference", "auc": INTERVAL,
    "forms": [{"form", "precision", "auc": INTERVAL, "difference": INTERVAL, "other_verdicts"}], "unavailable":
    [{"form", "reason"}]}: `auc` is the reference's, `difference` a form's AUC less that; `other_verdicts` counts the
    pictures on the other side of 0.5; `ranged` the training pictures that int8 took its ranges from, 0: drawn ones.
    Raises ClewError where no form runs.
    """
    known_forms()
    ranges = "" if ticket.representative is None else hash_of(ticket.representative)
    parts = [VERSION, ticket.hash, ranges, on.store.hash, on.samples.split, list(names), threads, machine()]
    name = f"form-scores-{hash_json(parts)[:32]}"
    kept = None if cache is None else cache.get(name)
    if kept is not None:
        return {**json.loads(kept), "store": on.store.name}
    found = _measured(ticket, names, on, threads, cache, progress)
    if cache is not None:
        cache.put(name, json.dumps(found).encode())
    return found


def _measured(
    ticket: Opened, names: Sequence[str], on: ScoredOn, threads: int, cache: Cache | None, progress: Progress
) -> dict[str, Any]:
    reference = reference_of(ticket)
    ready = checked(ticket, names, threads, reference, cache, progress)
    probability = _scored({"": reference[1], **ready.ready}, on.samples, ticket.size, progress)
    with progress.task("resampling", len(probability)) as task:
        estimates = {form: _auc(on.samples, prob, partial(task.advance, 1)) for form, prob in probability.items()}
    base, verdicts = estimates.pop(""), probability[""] >= 0.5
    clusters = picture_bench(on.samples, probability[""][None], (0,), RESAMPLES).counted
    rows = [
        {
            "form": form,
            "precision": forms.get(form).precision,
            "auc": told(auc, clusters),
            "difference": told(auc.minus(base), clusters, -1.0),
            "other_verdicts": int(np.count_nonzero((probability[form] >= 0.5) != verdicts)),
        }
        for form, auc in estimates.items()
    ]
    fakes = int(on.samples.labels.sum())
    return {
        "store": on.store.name,
        "hash": on.store.hash,
        "split": on.samples.split,
        "pictures": len(on.samples),
        "reals": len(on.samples) - fakes,
        "fakes": fakes,
        "clusters": clusters,
        "ranged": 0 if ticket.representative is None else len(ticket.representative),
        "reference": reference[0],
        "auc": told(base, clusters),
        "forms": rows,
        "unavailable": [{"form": form, "reason": reason} for form, reason in ready.without.items()],
    }


def _auc(samples: Samples, prob: NDArray[np.float64], done: Callable[[], None]) -> Estimate:
    found = measure(picture_bench(samples, prob[None], (0,), RESAMPLES), ("auc",)).estimates["auc"]
    assert found is not None  # both classes are there
    done()
    return found


def _scored(
    works: dict[str, Callable[[Logits], Logits]], samples: Samples, size: int, progress: Progress
) -> dict[str, NDArray[np.float64]]:
    """The probability of fake (N,) by each form; every picture is read once."""
    parts: dict[str, list[NDArray[np.float64]]] = {form: [] for form in works}
    with progress.task("scoring", len(samples)) as task:
        for start in range(0, len(samples), BATCH):
            at = np.arange(start, min(start + BATCH, len(samples)))
            images = (samples.crops(at, size).transpose(0, 3, 1, 2) / np.float32(255)).astype(np.float32)
            for form, logits in works.items():
                parts[form].append(_finite(form, fake_probability(logits(np.ascontiguousarray(images)))))
            task.advance(len(at))
    return {form: np.concatenate(found) for form, found in parts.items()}


def _finite(form: str, prob: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(prob).all():
        raise ClewError(
            f"form '{form}' gives logits that are NaN or infinite on these pictures: leave it out (--forms)."
        )
    return prob
