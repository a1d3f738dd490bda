"""The cluster bootstrap and the interval, against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from clew.base.errors import ClewError
from clew.training.intervals import (
    Estimate,
    Interval,
    average,
    can_resample,
    cluster_weights,
    interval,
    quantile,
    spread,
    weight_blocks,
)

# clusters: a reals only (2 pictures), b reals only, c fakes only, d and e both
LABELS = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1])
CLUSTERS = np.array(["a", "a", "b", "c", "d", "d", "e", "e", "e"])


def _weights(resamples: int = 300, seed: int = 0) -> np.ndarray:
    return cluster_weights(LABELS, CLUSTERS, resamples, np.random.default_rng(seed))


def test_pictures_of_a_cluster_are_drawn_together() -> None:
    weights = _weights()
    assert weights.shape == (300, 9)
    for cluster in "ade":
        columns = weights[:, cluster == CLUSTERS]
        assert (columns == columns[:, :1]).all()


def test_each_stratum_keeps_its_number_of_clusters() -> None:
    a, b, c, d, e = _weights()[:, [0, 2, 3, 4, 6]].T
    assert (a + b == 2).all()
    assert (c == 1).all()
    assert (d + e == 2).all()
    assert set(a) == set(d) == {0, 1, 2}


def test_no_resample_lacks_a_class() -> None:
    weights = _weights()
    assert (weights @ (LABELS == 0) > 0).all()
    assert (weights @ (LABELS == 1) > 0).all()


def test_multiplicities_are_binomial() -> None:
    clusters = np.arange(50) // 2
    weights = cluster_weights(np.tile([0, 1], 25), clusters, 4000, np.random.default_rng(1))
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 25, rel=0.02)


def test_equal_generators_give_equal_draws_and_others_do_not() -> None:
    assert np.array_equal(_weights(seed=3), _weights(seed=3))
    assert not np.array_equal(_weights(seed=3), _weights(seed=4))


def test_blocks_add_up_to_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clew.training.metrics.BLOCK", 100)
    found = list(weight_blocks(LABELS, CLUSTERS, 300, np.random.default_rng(0)))
    assert [len(block) for block in found] == [11] * 27 + [3]


def test_a_cluster_for_each_label() -> None:
    with pytest.raises(ClewError, match="a cluster for each label"):
        cluster_weights([0, 1], ["a"], 3, np.random.default_rng(0))


def test_a_class_within_one_cluster_cannot_be_resampled() -> None:
    assert can_resample(LABELS, CLUSTERS)
    assert not can_resample([0, 0, 1, 1], ["a", "b", "c", "c"])
    assert not can_resample([0, 1], ["a", "a"])


def test_the_interval_is_the_formula() -> None:
    values, resampled = np.array([0.01, 0.03, 0.02]), np.array([0.018, 0.022, 0.025, 0.015])
    b, v = 0.0001 / 3, np.var(resampled, ddof=1)
    half = math.sqrt(2.919986**2 * b + 1.683851**2 * v)  # t of 2 and of 40 degrees, 5 % above
    found = interval(values, resampled, 41)
    assert found.as_dict() == pytest.approx({"mean": 0.02, "low": 0.02 - half, "high": 0.02 + half, "n": 3}, rel=1e-5)
    assert spread(values, resampled, 41).b == pytest.approx(b)
    assert spread(values, resampled, 41).v == pytest.approx(v)


def test_one_seed_tells_of_the_clusters_alone() -> None:
    resampled = np.array([0.1, 0.2, 0.3])
    found = interval([0.2], resampled, 10)
    assert found.n == 1
    assert found.high == pytest.approx(0.2 + stats.t.ppf(0.95, 9) * 0.1)


def test_no_limits_where_the_spread_over_clusters_is_unknown() -> None:
    assert interval([0.1, 0.3], [0.2, 0.2], 1) == Interval(0.2, None, None, 2)
    assert interval([0.1, 0.3], [np.nan, np.nan], 50) == Interval(0.2, None, None, 2)


def test_numbers_for_json_are_plain() -> None:
    found = interval(np.array([0.5], np.float32), np.array([0.1, 0.2]), 5).as_dict()
    assert [type(value) for value in found.values()] == [float, float, float, int]


def test_more_seeds_shrink_the_part_from_seeds_alone() -> None:
    doubt = spread([0.0, 0.1, 0.2], [0.1, 0.11, 0.09], 50)
    by_clusters = (quantile(49) * 0.01) ** 2
    assert doubt.half_width() == pytest.approx(math.sqrt(quantile(2) ** 2 * 0.01 / 3 + by_clusters))
    assert doubt.half_width(12) == pytest.approx(math.sqrt(quantile(11) ** 2 * 0.01 / 12 + by_clusters))


def _estimate(seeds: tuple[int, ...], values: list[float]) -> Estimate:
    row = np.array(values)
    return Estimate(seeds, row, np.stack([row - 0.1, row + 0.1]))


def test_differences_pair_by_seed() -> None:
    found = _estimate((0, 1, 2), [0.5, 0.6, 0.7]).minus(_estimate((2, 0), [0.1, 0.2]))
    assert found is not None
    assert found.seeds == (0, 2)
    assert found.values == pytest.approx([0.3, 0.6])
    assert found.resampled == pytest.approx(np.array([[0.3, 0.6], [0.3, 0.6]]))
    assert _estimate((0,), [0.5]).minus(_estimate((1,), [0.5])) is None


def test_averages_take_the_seeds_that_all_have() -> None:
    found = average([_estimate((0, 1), [0.2, 0.4]), _estimate((1, 2), [0.6, 0.9])])
    assert found is not None
    assert (found.seeds, found.values.tolist()) == ((1,), [0.5])
    assert average([]) is None


def test_limits_are_kept_where_the_number_can_lie():
    wide, unknown = Interval(0.9, -1.2, 1.3, 3), Interval(0.9, None, None, 1)
    assert wide.within() == Interval(0.9, 0.0, 1.0, 3)
    assert wide.within(-1.0) == Interval(0.9, -1.0, 1.0, 3)
    assert Interval(0.1, -0.2, 0.4, 3).within(-1.0) == Interval(0.1, -0.2, 0.4, 3)
    assert unknown.within() == unknown
