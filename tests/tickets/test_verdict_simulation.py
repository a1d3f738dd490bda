"""How often a verdict is wrong, and how often it is reached, when the truth is known.

Scores are binormal: fakes lie `shift` above reals, with noise from the cluster and the picture that all runs
share and noise of each run's own. A run's shift is set so that its expected AUC is exactly its method's AUC
plus a zero-mean effect of its seed, counting that cluster noise cancels between two pictures of one cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import norm

from clew.tickets.verdict import judge
from clew.training.intervals import Estimate, cluster_weights
from clew.training.metrics import Array, rank, weighted_auc

MARGIN, DENSE = 0.02, 0.93
CLUSTER_SD, SHARED_SD, OWN_SD, SEED_SD = 0.6, 0.7, 0.4, 0.008
RESAMPLES, TESTS = 200, {40: 800, 500: 400}
TRUTH = {
    "dense": DENSE,
    "equal": DENSE,
    "worse": DENSE - MARGIN,
    "same as ticket": DENSE,
    "far below": DENSE - 0.15,
}
# Each world: the ticket and the random control in it.
WORLDS = {
    "no better than dense - margin": ("worse", "far below"),
    "no better than random": ("equal", "same as ticket"),
    "equal to dense, above random": ("equal", "far below"),
}


@dataclass(frozen=True)
class TestSet:
    """A third each of clusters with reals only, with fakes only, and with one of both."""

    __test__ = False
    labels: Array
    clusters: Array

    def auc(self, shift: Array) -> Array:
        """Expected AUC of runs whose fakes lie `shift` above reals."""
        pairs = np.count_nonzero(self.labels) * np.count_nonzero(self.labels == 0)
        within = len(self.labels) - len(np.unique(self.clusters))
        picture = SHARED_SD**2 + OWN_SD**2
        apart = norm.cdf(shift / np.sqrt(2 * (picture + CLUSTER_SD**2)))
        return (within * norm.cdf(shift / np.sqrt(2 * picture)) + (pairs - within) * apart) / pairs

    def shift(self, auc: Array) -> Array:
        """The shift whose expected AUC is `auc`."""
        grid = np.linspace(0, 6, 20001)
        return np.interp(auc, self.auc(grid), grid)


def build_test_set(clusters: int) -> TestSet:
    kinds = [([0], [1], [0, 1])[number % 3] for number in range(clusters)]
    labels = [label for kind in kinds for label in kind]
    return TestSet(np.array(labels), np.repeat(np.arange(clusters), [len(kind) for kind in kinds]))


def score(test: TestSet, shifts: Array, rng: np.random.Generator) -> Array:
    """Scores (runs, N) of runs with the given shifts (runs,) on one draw of the test set."""
    cluster = rng.normal(0, CLUSTER_SD, test.clusters[-1] + 1)[test.clusters]
    shared = cluster + rng.normal(0, SHARED_SD, len(test.labels))
    own = rng.normal(0, OWN_SD, (len(shifts), len(test.labels)))
    return shifts[:, None] * test.labels + shared + own


def draw_estimates(test: TestSet, seeds: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """One experiment: every method trained with every seed and scored on one drawn test set."""
    effects = rng.normal(0, SEED_SD, (len(TRUTH), seeds))
    shifts = test.shift(np.array(list(TRUTH.values()))[:, None] + effects)
    scores = score(test, shifts.ravel(), rng)
    weights = cluster_weights(test.labels, test.clusters, RESAMPLES, rng)
    everything = np.concatenate([np.ones((1, len(test.labels))), weights])
    aucs = np.stack([rank(test.labels, row).auc(everything) for row in scores], axis=1)
    aucs = aucs.reshape(-1, len(TRUTH), seeds)
    return {name: Estimate(tuple(range(seeds)), aucs[0, at], aucs[1:, at]) for at, name in enumerate(TRUTH)}


@dataclass(frozen=True)
class Outcome:
    """What one experiment came to: the verdict, and whether its lower bounds lie above the limits."""

    verdict: str
    above_dense: bool
    above_random: bool
    above_dense_forgetting_seeds: bool


def observe(ticket: Estimate, dense: Estimate, random: Estimate, clusters: int) -> Outcome:
    found = judge(ticket, dense, random, MARGIN, clusters, "init")
    assert found.minus_random is not None
    assert found.minus_dense.low is not None
    assert found.minus_random.low is not None
    forgetting = replace(ticket.minus(dense).spread(clusters), b=0.0).half_width()
    return Outcome(
        found.verdict,
        found.minus_dense.low > -MARGIN,
        found.minus_random.low > 0,
        found.minus_dense.mean - forgetting > -MARGIN,
    )


@cache
def simulate(seeds: int, clusters: int) -> Mapping[str, Sequence[Outcome]]:
    """The outcomes in each world."""
    rng, test = np.random.default_rng([seeds, clusters]), build_test_set(clusters)
    outcomes: dict[str, list[Outcome]] = {world: [] for world in WORLDS}
    for _ in range(TESTS[clusters]):
        runs = draw_estimates(test, seeds, rng)
        for world, (ticket, random) in WORLDS.items():
            outcomes[world].append(observe(runs[ticket], runs["dense"], runs[random], clusters))
    return outcomes


def rate(outcomes: Sequence[Outcome], verdict: str) -> float:
    return sum(one.verdict == verdict for one in outcomes) / len(outcomes)


def allowed(outcomes: Sequence[Outcome]) -> float:
    """5 %, and three standard errors of so many simulations."""
    return 0.05 + 3 * float(np.sqrt(0.05 * 0.95 / len(outcomes)))


CASES = [(seeds, clusters) for seeds in (3, 5) for clusters in (40, 500)]


@pytest.mark.parametrize(("seeds", "clusters"), CASES)
@pytest.mark.parametrize("world", ["no better than dense - margin", "no better than random"])
def test_a_ticket_that_does_not_deserve_it_wins_at_most_one_time_in_twenty(
    world: str, seeds: int, clusters: int
) -> None:
    outcomes = simulate(seeds, clusters)[world]
    print(f"{world}, {seeds} seeds, {clusters} clusters: holds in {rate(outcomes, 'winning'):.1%}")
    assert rate(outcomes, "winning") <= allowed(outcomes)


@pytest.mark.parametrize(("seeds", "clusters"), CASES)
def test_each_lower_bound_alone_is_too_high_at_most_one_time_in_twenty(seeds: int, clusters: int) -> None:
    dense = simulate(seeds, clusters)["no better than dense - margin"]
    random = simulate(seeds, clusters)["no better than random"]
    wrong = np.mean([one.above_dense for one in dense]), np.mean([one.above_random for one in random])
    print(f"bounds too high, {seeds} seeds, {clusters} clusters: dense {wrong[0]:.1%}, random {wrong[1]:.1%}")
    assert max(wrong) <= allowed(dense)


def test_forgetting_the_doubt_from_seeds_would_be_wrong_too_often() -> None:
    outcomes = simulate(3, 500)["no better than dense - margin"]
    wrong = np.mean([one.above_dense_forgetting_seeds for one in outcomes])
    print(f"forgetting seeds, 3 seeds, 500 clusters: {wrong:.1%}")
    assert wrong > allowed(outcomes)


@pytest.mark.parametrize(("seeds", "clusters"), CASES)
def test_a_good_ticket_is_hardly_ever_called_losing(seeds: int, clusters: int) -> None:
    outcomes = simulate(seeds, clusters)["equal to dense, above random"]
    print(f"power, {seeds} seeds, {clusters} clusters: holds in {rate(outcomes, 'winning'):.1%}")
    assert rate(outcomes, "losing") <= allowed(outcomes)


def test_more_seeds_and_more_clusters_find_more_winning_tickets() -> None:
    power = {case: rate(simulate(*case)["equal to dense, above random"], "winning") for case in CASES}
    assert power[3, 40] < power[5, 500]
    assert power[3, 500] < power[5, 500]
    assert power[5, 500] > 0.8


def test_the_simulated_truth_is_what_it_claims() -> None:
    """The mean AUC of 4000 small test sets lies within 4 standard errors of the calibrated one."""
    rng, test = np.random.default_rng(0), build_test_set(12)
    shift = test.shift(np.array([DENSE - MARGIN]))
    ones = np.ones((1, len(test.labels)))
    aucs = [weighted_auc(test.labels, score(test, shift, rng)[0], ones)[0] for _ in range(4000)]
    assert abs(np.mean(aucs) - (DENSE - MARGIN)) < 4 * np.std(aucs) / np.sqrt(len(aucs))
