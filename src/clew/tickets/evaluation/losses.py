"""What a change of the pictures costs each level of a ladder, and whether it costs more than it costs the dense net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.base.errors import ClewError
from clew.tickets.evaluation.bench import measure, picture_bench, video_bench
from clew.tickets.evaluation.kept import Logits
from clew.tickets.evaluation.ladder_models import Compared, Side
from clew.tickets.evaluation.models import Model
from clew.tickets.evaluation.robustness import has_videos
from clew.tickets.verdict import MINIMUM_CLUSTERS, MINIMUM_SEEDS
from clew.training.data import Samples
from clew.training.intervals import Estimate, Interval, average
from clew.training.score import fake_probability

CHANCE = 0.5
MORE, NO_MORE, LESS = "more", "no more", "less"
UNDECIDED, NOTHING_LEFT, NO_BASIS = "undecided", "nothing left", "no basis"
HELD = (NO_MORE, LESS)


@dataclass(frozen=True)
class Seen:
    """The AUC of every model on the same rows, all under the same resamples, and how many clusters count there.

    Per video where there are videos, else per picture.
    """

    aucs: Mapping[tuple[str, float], Estimate]
    clusters: int
    rows: int

    def auc(self, model: Model) -> Estimate:
        """The AUC of one model."""
        return self.aucs[model.method, model.level]


def seen(side: Side, samples: Samples, logits: Sequence[Logits], resamples: int) -> Seen:
    """The AUCs of a ladder's nets whose logits (N, K), in the order of `side.members`, are given."""
    prob = np.stack([fake_probability(part) for part in logits])
    pictures = picture_bench(samples, prob, range(len(prob)), resamples)
    bench = video_bench(samples, pictures) if has_videos(samples) else pictures
    auc = measure(bench, ("auc",)).estimates["auc"]
    if auc is None:
        raise ClewError("robustness is told by AUC, which needs reals and fakes.")
    place = {member.seal: at for at, member in enumerate(side.members)}
    aucs = {}
    for model in side.models:
        at = [place[member.seal] for member in model.members]
        aucs[model.method, model.level] = Estimate(model.seeds, auc.values[at], auc.resampled[:, at])
    return Seen(aucs, bench.counted, len(bench.labels))


def mean_of(all_seen: Sequence[Seen]) -> Seen:
    """The AUCs averaged over several conditions on the same rows, by net: still paired."""
    first = all_seen[0]
    means = {key: average([one.aucs[key] for one in all_seen]) for key in first.aucs}
    return Seen({key: mean for key, mean in means.items() if mean is not None}, first.clusters, first.rows)


def dense_loss(model: Model, clean: Seen, under: Seen) -> dict[str, Any]:
    """{"auc", "lost"}: the AUC of dense nets under a condition, and what it is less than on pictures left alone."""
    auc, before = under.auc(model), clean.auc(model)
    return {"auc": _auc(auc, under), "lost": _difference(_minus(before, auc), under)}


def start_of(one: Compared, clean: Seen) -> dict[str, Any]:
    """{"auc", "minus_dense"} of a level on pictures left alone."""
    auc = clean.auc(one.model)
    return {"auc": _auc(auc, clean), "minus_dense": _difference(_minus(auc, clean.auc(one.reference)), clean)}


def loss(one: Compared, clean: Seen, under: Seen, margin: float) -> dict[str, Any]:
    """{"auc", "lost", "lost_more", "minus_dense", "verdict", "reason"} of a level under a condition.

    `lost` = clean AUC - AUC; `lost_more` = lost of the ticket - lost of dense, paired by seed; `minus_dense` = AUC of
    the ticket - AUC of dense, both under the condition.
    """
    auc, before = under.auc(one.model), clean.auc(one.model)
    dense, dense_before = under.auc(one.reference), clean.auc(one.reference)
    lost = _minus(before, auc)
    more = _minus(lost, _minus(dense_before, dense)).interval(under.clusters)
    ends = [one.interval(under.clusters) for one in (before, auc, dense, _minus(before, dense_before))]
    verdict, reason = judge(more, Ends(*ends), margin, under.clusters)
    return {
        "auc": _auc(auc, under),
        "lost": _difference(lost, under),
        "lost_more": more.as_dict(),
        "minus_dense": _difference(_minus(auc, dense), under),
        "verdict": verdict,
        "reason": reason,
    }


@dataclass(frozen=True)
class Ends:
    """AUC of a ticket without (`clean`) and under a condition, of dense under it, and clean ticket - clean dense."""

    clean: Interval
    under: Interval
    dense: Interval
    start: Interval


def judge(more: Interval, ends: Ends, margin: float, clusters: int) -> tuple[str, str]:
    """Whether a ticket loses more than dense under a condition, and why that is said; `more`: what it loses more.

    `no more`: less than `margin` more; `less`: shown to lose less though it did not start lower; `nothing left`:
    neither net is shown to tell fakes from reals there; `no basis`: the ticket is not shown to on pictures left alone.
    """
    if more.n < MINIMUM_SEEDS:
        return UNDECIDED, f"too few seeds: {more.n}, and a verdict needs {MINIMUM_SEEDS}"
    if clusters < MINIMUM_CLUSTERS:
        return UNDECIDED, f"too few test clusters: {clusters}, and a verdict needs {MINIMUM_CLUSTERS}"
    if more.low is None or more.high is None:
        return UNDECIDED, "the spread over test clusters is unknown: one class lies in one cluster"
    if not _tells(ends.clean):
        return NO_BASIS, "it is not shown to tell fakes from reals on pictures left alone"
    if more.low > 0 and more.high >= margin:
        return MORE, "the whole interval lies above 0" + _from(ends.start)
    if not _tells(ends.under) and not _tells(ends.dense):
        return NOTHING_LEFT, "neither it nor dense is shown to tell fakes from reals there"
    if more.high < 0 and not starts_lower(ends.start):
        return LESS, "the whole interval lies below 0"
    if more.high < margin:
        return NO_MORE, f"the whole interval lies below the margin of {margin:g}" + _from(ends.start)
    return UNDECIDED, f"the interval reaches from 0 or below to the margin of {margin:g} or above"


def starts_lower(start: Interval) -> bool:
    """Whether a ticket's clean AUC, of which `start` is the difference from dense, is shown to be lower."""
    return start.high is not None and start.high < 0


def _from(start: Interval) -> str:
    """What must be kept in mind where the nets are not shown to start alike."""
    if starts_lower(start):
        return f", but its clean AUC is {-start.mean:.3f} lower: it has less to lose"
    if start.low is not None and start.low > 0:
        return f", but its clean AUC is {start.mean:.3f} higher: it has more to lose"
    return ""


def _tells(auc: Interval) -> bool:
    return auc.low is not None and auc.low > CHANCE


def _minus(one: Estimate, other: Estimate) -> Estimate:
    found = one.minus(other)
    if found is None:
        raise ClewError(f"tickets of the seeds {one.seeds} and dense nets of {other.seeds}: none are of one seed.")
    return found


def _auc(estimate: Estimate, at: Seen) -> dict[str, Any]:
    return estimate.interval(at.clusters).within().as_dict()


def _difference(estimate: Estimate, at: Seen) -> dict[str, Any]:
    return estimate.interval(at.clusters).within(-1.0).as_dict()
