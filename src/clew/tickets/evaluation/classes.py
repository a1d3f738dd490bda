"""Networks that tell manipulation methods apart: the figures of each class, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from clew.tickets.evaluation.bench import Bench, resampled_estimate
from clew.tickets.evaluation.kept import Logits
from clew.tickets.evaluation.samples import video_names
from clew.training.class_intervals import Figure, class_figures, counted_clusters
from clew.training.class_metrics import class_probabilities, class_report, per_video_probabilities
from clew.training.data import Samples
from clew.training.metrics import Array

RATES = ("precision", "recall", "f1")


def classes_report(
    samples: Samples, pictures: Bench, logits: Sequence[Logits], names: Sequence[str]
) -> dict[str, Any] | None:
    """Per video (per picture where there is none), with intervals over S seeds and test clusters.

    {"macro_auc", "accuracy", "classes": [{"name","count","auc","precision","recall","f1"}], "confusion": (K, K) means
    over the seeds, rows the truth, "absent", "unknown"}. `unknown` counts the rows of methods that the network never
    learnt: they are left out. None when no row is of a known class.
    """
    videos, clusters = video_names(samples), pictures.clusters.tolist()
    found = [per_video_probabilities(class_probabilities(one), samples.targets, videos, clusters) for one in logits]
    truth, groups = found[0][1], found[0][2]
    if not (truth >= 0).any():
        return None
    runs = [prob for prob, _, _ in found]
    by_seed = dict(zip(pictures.seeds, runs, strict=True))
    told_by = class_figures(truth, by_seed, groups, pictures.resamples, np.random.default_rng(0)).as_dict(names)
    reports = [class_report(truth, run, names) for run in runs]
    for at, one in enumerate(told_by["classes"]):
        one |= {"count": reports[0]["classes"][at]["count"], **_rates(truth, runs, groups, pictures, at)}
    confusion = np.mean([report["confusion"] for report in reports], axis=0).tolist()
    facts = {key: reports[0][key] for key in ("names", "absent", "unknown")}
    return {**told_by, "confusion": confusion, **facts, "seeds": len(runs)}


def _rates(truth: Array, runs: Sequence[Array], clusters: Array, pictures: Bench, k: int) -> dict[str, Any]:
    """Precision, recall and F1 of class k as intervals, None where one is undefined for a seed."""
    known = truth >= 0
    member = (truth[known] == k).astype(np.float64)
    calls = np.stack([(run[known].argmax(axis=1) == k).astype(np.float64) for run in runs])
    none = np.zeros(int(known.sum()), np.int64)
    bench = Bench(truth[known].clip(0, 1), calls, clusters[known], none, none, pictures.seeds, pictures.resamples)
    ones, counted = np.ones((1, len(member))), counted_clusters(member == 1, clusters[known])
    found: dict[str, Any] = {}
    for name in RATES:
        values = _share(name, member, calls, ones)[0]
        if np.isnan(values).any():
            found[name] = None
            continue
        estimate = resampled_estimate(bench, values, partial(_share, name, member, calls))
        found[name] = Figure(estimate, counted).interval().within().as_dict()
    return found


def _share(name: str, member: Array, calls: Array, weights: Array) -> Array:
    """One rate of S runs under weights (r, V): (r, S), NaN where nothing is there to take a share of."""
    right, called, there = weights @ (calls * member).T, weights @ calls.T, (weights @ member)[:, None]
    part, whole = {"precision": (right, called), "recall": (right, there), "f1": (2 * right, called + there)}[name]
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
