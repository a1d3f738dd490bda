"""The AUC of one number and its doubt, against scikit-learn, by hand, and by simulation."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from clew.datasets.checks.auc import clustered_auc


def test_by_hand():
    found = clustered_auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 0, 1, 1], np.int8), np.arange(4, dtype=np.int32))
    assert found.value == 0.875  # of the four pairs three are won, one is a tie
    assert (found.reals, found.fakes, found.larger, found.strength) == (2, 2, True, 0.875)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn_with_ties(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random(200) < 0.3).astype(np.int8)
    values = np.round(rng.normal(size=200) - 0.7 * labels, 1)
    found = clustered_auc(values, labels, np.arange(200, dtype=np.int32))
    assert found.value == pytest.approx(roc_auc_score(labels, values))
    assert not found.larger
    assert found.strength == pytest.approx(roc_auc_score(labels, -values))


def test_the_error_is_delongs_where_nothing_hangs_together():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [30, 50]).astype(np.int8)
    values = rng.normal(size=80) + labels
    won = (values[labels == 1][:, None] > values[labels == 0][None]).astype(float)
    delong = won.mean(1).var(ddof=1) / 50 + won.mean(0).var(ddof=1) / 30
    assert clustered_auc(values, labels, np.arange(80, dtype=np.int32)).error ** 2 == pytest.approx(delong)


def test_copies_of_a_cluster_add_no_certainty():
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 40).astype(np.int8)
    values = rng.normal(size=80) + 0.5 * labels
    once = clustered_auc(values, labels, np.arange(80, dtype=np.int32))
    often = clustered_auc(values.repeat(9), labels.repeat(9), np.arange(80, dtype=np.int32).repeat(9))
    assert often.value == pytest.approx(once.value)
    assert often.error == pytest.approx(once.error)


def test_the_interval_holds_the_truth_nine_times_of_ten():
    rng = np.random.default_rng(3)
    truth, inside = 0.6381631950841185, 0  # of two normals half a deviation apart: Phi(0.5 / sqrt 2)
    for _ in range(400):
        shared = rng.normal(size=60)  # every cluster holds two reals and two fakes that resemble each other
        values = 0.8 * shared.repeat(4) + 0.6 * rng.normal(size=240) + np.tile([0, 0, 0.5, 0.5], 60)
        labels = np.tile([0, 0, 1, 1], 60).astype(np.int8)
        found = clustered_auc(values, labels, np.arange(60, dtype=np.int32).repeat(4))
        inside += found.value - 1.645 * found.error <= truth <= found.value + 1.645 * found.error
    assert 0.86 <= inside / 400 <= 0.94


def test_one_class_has_no_auc():
    assert clustered_auc(np.arange(3.0), np.ones(3, np.int8), np.arange(3, dtype=np.int32)) is None
