"""What a ticket keeps of the dense accuracy: ratios by hand, their intervals, and where a ratio says nothing."""

import numpy as np
import pytest

from clew.tickets.retention import retention, share_kept
from clew.training.intervals import Estimate, quantile


def estimate(*values, resampled=None, seeds=None):
    again = np.tile(values, (4, 1)) if resampled is None else np.array(resampled, float)
    return Estimate(tuple(range(len(values))) if seeds is None else seeds, np.array(values), again)


def test_the_papers_two_ways_to_tell_what_meso4_keeps():
    found = retention(estimate(0.562), estimate(0.626), 40)
    assert found["accuracy"]["mean"] == pytest.approx(0.562 / 0.626) == pytest.approx(0.898, abs=5e-4)
    assert found["above_chance"]["mean"] == pytest.approx(0.062 / 0.126) == pytest.approx(0.49, abs=5e-3)
    assert found["accuracy"]["n"] == found["above_chance"]["n"] == 1


def test_the_mean_is_that_of_the_ratios_by_seed_and_seeds_are_paired():
    ticket, dense = estimate(0.8, 0.6, 0.9, seeds=(3, 1, 7)), estimate(0.8, 0.9, seeds=(1, 3))
    found = share_kept(ticket, dense, 40)
    assert (found.mean, found.n) == (pytest.approx((0.6 / 0.8 + 0.8 / 0.9) / 2), 2)
    above = share_kept(ticket, dense, 40, 0.5)
    assert above.mean == pytest.approx((0.1 / 0.3 + 0.3 / 0.4) / 2)
    assert share_kept(ticket, estimate(0.9, seeds=(2,)), 40) is None


def test_the_interval_counts_seeds_and_resamples_of_the_ratio():
    ticket = estimate(0.8, 0.7, resampled=[[0.8, 0.7], [0.9, 0.7], [0.7, 0.6]])
    dense = estimate(0.8, 0.8, resampled=[[0.8, 0.8], [0.9, 0.7], [0.8, 0.8]])
    ratios = np.array([1.0, 0.875])
    means = [(1.0 + 0.875) / 2, (1.0 + 1.0) / 2, (0.875 + 0.75) / 2]
    half = np.sqrt(quantile(1) ** 2 * np.var(ratios, ddof=1) / 2 + quantile(49) ** 2 * np.var(means, ddof=1))
    found = share_kept(ticket, dense, 50)
    assert found.high == pytest.approx(0.9375 + half)
    assert found.high > 1, "a ticket may keep more than all"
    assert found.low == pytest.approx(max(0.0, 0.9375 - half))


def test_a_ticket_that_moves_with_dense_keeps_a_sure_share():
    dense = estimate(0.9, 0.88, resampled=[[0.9, 0.88], [0.88, 0.86], [0.92, 0.9]])
    found = retention(dense, dense, 40)
    assert set(map(tuple, map(dict.items, found.values()))) == {
        tuple({"mean": 1.0, "low": 1.0, "high": 1.0, "n": 2}.items())
    }


@pytest.mark.parametrize(
    "dense",
    [
        estimate(0.55, 0.53, 0.51),  # the seeds differ so much that the interval reaches chance
        estimate(0.6, resampled=[[0.6], [0.52], [0.55], [0.7]]),  # so do the resamples
        estimate(0.8, 0.49, 0.8),  # one seed is below chance
        estimate(0.9, resampled=[[0.9], [0.91], [0.9], [0.5]] * 20),  # one resample is at it
    ],
)
def test_near_chance_a_share_of_what_lies_above_it_says_nothing(dense):
    ticket = estimate(*[0.51] * len(dense.seeds), resampled=np.full_like(dense.resampled, 0.51))
    found = retention(ticket, dense, 40)
    assert found["above_chance"] is None
    assert found["accuracy"] is not None


def test_without_a_spread_over_clusters_only_the_plain_share_is_told():
    dense, ticket = estimate(0.9, resampled=[[np.nan]] * 3), estimate(0.45, resampled=[[np.nan]] * 3)
    found = retention(ticket, dense, 1)
    assert found["accuracy"] == {"mean": pytest.approx(0.5), "low": None, "high": None, "n": 1}
    assert found["above_chance"] is None


def test_a_ticket_below_chance_keeps_less_than_nothing_of_what_lies_above():
    found = retention(estimate(0.4), estimate(0.9), 40)
    assert found["above_chance"]["mean"] == pytest.approx(-0.25)
    assert found["above_chance"]["low"] == pytest.approx(-0.25)
