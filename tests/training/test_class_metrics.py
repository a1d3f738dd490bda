"""Measures for several classes against numbers worked out by hand and against scikit-learn."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from clew.base.errors import ClewError
from clew.training.class_intervals import class_figures, class_intervals, counted_clusters
from clew.training.class_metrics import (
    class_auc,
    class_probabilities,
    class_report,
    macro_auc,
    per_video_probabilities,
    resampled_accuracy,
    resampled_class_auc,
    resampled_macro_auc,
)
from clew.training.intervals import can_resample, cluster_weights

NAMES = ("real", "swap", "reenact")
# told: real, real, swap, swap, reenact, real
TARGETS = np.array([0, 0, 1, 1, 2, 2])
PROB = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.5, 0.3, 0.2],
        [0.2, 0.5, 0.3],
        [0.1, 0.6, 0.3],
        [0.1, 0.2, 0.7],
        [0.6, 0.15, 0.25],
    ]
)
# reals 0.8, 0.5 against 0.2, 0.1, 0.1, 0.6: 4 + 3 of 8; swaps 0.5, 0.6 beat all; reenacted 0.7 beats 4 and 0.25 beats
# 0.1, 0.2 of 0.1, 0.2, 0.3, 0.3
AUCS = [7 / 8, 1.0, 6 / 8]


def _draw(seed: int, count: int = 90, classes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, probabilities and clusters of three rows each, one class a cluster."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(count // 3) % classes, 3)
    logits = rng.normal(size=(count, classes)) + 1.2 * np.eye(classes)[targets]
    return targets, class_probabilities(logits), np.repeat([f"c{n}" for n in range(count // 3)], 3)


def test_softmax_by_hand_and_of_huge_logits() -> None:
    found = class_probabilities(np.array([[0, np.log(3)], [3e38, 0], [-5e4, 5e4]], np.float32))
    assert found.dtype == np.float64
    assert found == pytest.approx(np.array([[0.25, 0.75], [1, 0], [0, 1]]))


@pytest.mark.parametrize("logits", [[[np.nan, 0]], [[np.inf, 0]], [[1.0]], [1.0, 2.0]])
def test_logits_that_are_none(logits: list) -> None:
    with pytest.raises(ClewError, match="logits"):
        class_probabilities(logits)


def test_each_class_against_the_rest() -> None:
    assert class_auc(TARGETS, PROB) == pytest.approx(AUCS)
    assert macro_auc(TARGETS, PROB) == pytest.approx(np.mean(AUCS))


def test_macro_auc_is_that_of_scikit_learn() -> None:
    targets, prob, _ = _draw(0)
    assert macro_auc(targets, prob) == pytest.approx(roc_auc_score(targets, prob, multi_class="ovr"))


def test_two_classes_are_the_plain_auc() -> None:
    prob = np.array([0.1, 0.5, 0.5, 0.9, 0.2])
    assert macro_auc([0, 0, 1, 1, 1], np.stack([1 - prob, prob], 1)) == pytest.approx(4.5 / 6)


def test_unknown_classes_are_left_out_and_not_taken_for_the_rest() -> None:
    targets, prob = np.r_[TARGETS, -1, -1], np.r_[PROB, [[0.99, 0.005, 0.005], [0, 0.5, 0.5]]]
    assert class_auc(targets, prob) == pytest.approx(AUCS)
    weights = np.ones((1, 8))
    assert resampled_class_auc(targets, prob, weights)[0] == pytest.approx(AUCS)
    assert resampled_accuracy(targets, prob, weights) == pytest.approx([5 / 6])
    report = class_report(targets, prob, NAMES)
    assert {**report, "unknown": 0} == class_report(TARGETS, PROB, NAMES)
    assert report["unknown"] == 2


def test_the_report_by_hand() -> None:
    found = class_report(TARGETS, PROB, NAMES)
    assert found["confusion"] == [[2, 0, 0], [0, 2, 0], [1, 0, 1]]
    assert found["accuracy"] == pytest.approx(5 / 6)
    assert found["balanced_accuracy"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert found["macro_f1"] == pytest.approx((0.8 + 1 + 2 / 3) / 3)
    assert found["macro_auc"] == pytest.approx(np.mean(AUCS))
    assert [row["name"] for row in found["classes"]] == found["names"] == list(NAMES)
    real = {"name": "real", "count": 2, "auc": 7 / 8, "precision": 2 / 3, "recall": 1.0, "f1": 0.8}
    assert found["classes"][0] == pytest.approx(real)
    assert (found["absent"], found["unknown"]) == ([], 0)


def test_rates_are_those_of_scikit_learn() -> None:
    targets, prob, _ = _draw(1)
    found, told = class_report(targets, prob, list("abcd")), prob.argmax(axis=1)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(targets, told))
    assert [row["f1"] for row in found["classes"]] == pytest.approx(f1_score(targets, told, average=None))


def test_absent_classes_are_named_and_undefined_numbers_are_none() -> None:
    prob = np.hstack([PROB, np.zeros((6, 1))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = class_report(TARGETS, prob, [*NAMES, "audio"])
    assert found["absent"] == ["audio"]
    assert found["classes"][3] == {
        "name": "audio", "count": 0, "auc": None, "precision": None, "recall": None, "f1": None
    }  # fmt: skip
    assert found["macro_auc"] == pytest.approx(np.mean(AUCS))
    assert found["macro_f1"] == pytest.approx((0.8 + 1 + 2 / 3) / 3)
    assert macro_auc(TARGETS, prob) == pytest.approx(np.mean(AUCS))
    json.dumps(found, allow_nan=False)


def test_an_absent_class_that_is_told_has_a_precision_of_nothing() -> None:
    found = class_report([0, 1], [[0.2, 0.1, 0.7], [0.1, 0.9, 0.0]], NAMES)
    assert found["classes"][2] | {"name": ""} == {
        "name": "", "count": 0, "auc": None, "precision": 0.0, "recall": None, "f1": 0.0
    }  # fmt: skip
    assert found["macro_f1"] == pytest.approx(0.5)
    assert found["classes"][0]["precision"] is None


@pytest.mark.parametrize("target", [0, -1])
def test_one_class_alone_has_no_auc(target: int) -> None:
    found = class_report([target] * 2, PROB[:2], NAMES)
    assert found["macro_auc"] is None
    assert found["accuracy"] == (1.0 if target == 0 else None)
    json.dumps(found, allow_nan=False)
    with pytest.raises(ClewError, match="two classes"):
        macro_auc([target] * 2, PROB[:2])


@pytest.mark.parametrize(
    ("targets", "prob", "message"),
    [
        ([0, 3], PROB[:2], "0 to 2"),
        ([0, -2], PROB[:2], "0 to 2"),
        ([0, 0.5], PROB[:2], "0 to 2"),
        ([0], PROB[:2], "for each row"),
        ([0, 1], PROB[:2, 0], "for each row"),
        ([], PROB[:0], "for each row"),
        ([0, 1], PROB[:2] * np.nan, "NaN"),
    ],
)
def test_what_cannot_be_measured_is_said(targets: list, prob: np.ndarray, message: str) -> None:
    for measure in (class_auc, macro_auc, lambda t, p: class_report(t, p, NAMES)):
        with pytest.raises(ClewError, match=message):
            measure(targets, prob)


def test_a_name_for_each_class() -> None:
    with pytest.raises(ClewError, match="each of 3 classes"):
        class_report(TARGETS, PROB, NAMES[:2])


def test_videos_are_averaged_and_lone_pictures_stand_alone() -> None:
    prob, targets, clusters = per_video_probabilities(
        PROB[:4], [1, 0, 1, -1], videos=["v", "", "v", ""], clusters=["x", "p", "x", "q"]
    )
    assert prob == pytest.approx(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]))
    assert targets.tolist() == [1, 0, -1]
    assert clusters.tolist() == ["x", "p", "q"]


def test_a_video_of_two_methods_is_refused() -> None:
    with pytest.raises(ClewError, match="more than one label"):
        per_video_probabilities(PROB[:2], [1, 2], ["v", "v"], ["c", "c"])


def test_a_weight_of_two_is_a_sample_seen_twice() -> None:
    targets, prob, _ = _draw(2)
    targets[:4] = -1
    weights = np.random.default_rng(0).integers(0, 3, (5, len(targets)))
    for row, aucs, macro, accuracy in zip(
        weights,
        resampled_class_auc(targets, prob, weights),
        resampled_macro_auc(targets, prob, weights),
        resampled_accuracy(targets, prob, weights),
        strict=True,
    ):
        again, seen = np.repeat(targets, row), np.repeat(prob, row, axis=0)
        assert aucs == pytest.approx(class_auc(again, seen))
        assert macro == pytest.approx(macro_auc(again, seen))
        assert accuracy == pytest.approx(class_report(again, seen, list("abcd"))["accuracy"])


def test_a_class_that_was_not_drawn_is_left_out_of_that_resample() -> None:
    weights = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aucs = resampled_class_auc(TARGETS, PROB, weights)
        macro = resampled_macro_auc(TARGETS, PROB, weights)
        accuracy = resampled_accuracy(TARGETS, PROB, weights)
    assert aucs[1] == pytest.approx([1, 1, np.nan], nan_ok=True)
    assert np.isnan(aucs[2:]).all()
    assert macro == pytest.approx([np.mean(AUCS), 1, np.nan, np.nan], nan_ok=True)
    assert accuracy == pytest.approx([5 / 6, 1, 1, np.nan], nan_ok=True)


def test_weights_of_another_number_of_samples_are_refused() -> None:
    with pytest.raises(ClewError, match="R, 6"):
        resampled_macro_auc(TARGETS, PROB, np.ones((3, 5)))


def test_intervals_are_of_the_same_resamples_as_the_functions_that_callers_have() -> None:
    targets, prob, clusters = _draw(3)
    found = class_figures(targets, {7: prob}, clusters, 50, np.random.default_rng(5))
    weights = cluster_weights(targets > 0, clusters, 50, np.random.default_rng(5))
    assert found.macro_auc is not None
    assert found.macro_auc.estimate.seeds == (7,)
    assert found.macro_auc.estimate.values == pytest.approx([macro_auc(targets, prob)])
    assert found.macro_auc.estimate.resampled[:, 0] == pytest.approx(resampled_macro_auc(targets, prob, weights))
    assert found.accuracy.estimate.resampled[:, 0] == pytest.approx(resampled_accuracy(targets, prob, weights))
    by_class = np.stack([figure.estimate.resampled[:, 0] for figure in found.classes if figure], 1)
    assert by_class == pytest.approx(resampled_class_auc(targets, prob, weights), nan_ok=True)


def test_one_network_has_an_interval_for_each_measure() -> None:
    targets, prob, clusters = _draw(4)
    found = class_intervals(targets, prob, clusters, list("abcd"), 200, np.random.default_rng(0))
    report = class_report(targets, prob, list("abcd"))
    for told, mean in [
        (found["macro_auc"], report["macro_auc"]),
        (found["accuracy"], report["accuracy"]),
        *((row["auc"], other["auc"]) for row, other in zip(found["classes"], report["classes"], strict=True)),
    ]:
        assert told["mean"] == pytest.approx(mean)
        assert told["low"] < mean < told["high"]
        assert told["high"] - told["low"] < 0.5
    json.dumps(found, allow_nan=False)


def test_seeds_are_paired() -> None:
    targets, first, clusters = _draw(5)
    both = class_figures(targets, {1: _draw(6)[1], 0: first}, clusters, 60, np.random.default_rng(0))
    alone = class_figures(targets, {0: first}, clusters, 60, np.random.default_rng(0))
    sides = [(found.macro_auc, found.accuracy, *found.classes) for found in (both, alone)]
    for pair in zip(*sides, strict=True):
        of_both, of_one = (figure.estimate for figure in pair if figure)
        assert of_both.seeds == (0, 1)
        gap = of_one.minus(of_both)
        assert gap is not None
        assert gap.seeds == (0,)
        assert not gap.values.any()
        assert not gap.resampled.any()
    assert both.accuracy.interval().n == 2
    assert both.accuracy.interval() == both.accuracy.estimate.interval(16)  # twice the 8 clusters of reals


def test_a_class_missed_by_some_resamples_keeps_its_interval() -> None:
    targets = np.array([0] * 8 + [1] * 8 + [2] * 2)
    prob = class_probabilities(np.random.default_rng(1).normal(size=(18, 3)) + np.eye(3)[targets])
    found = class_figures(targets, {0: prob}, np.arange(18).astype(str), 300, np.random.default_rng(1))
    assert found.classes[2] is not None
    assert 0 < np.isnan(found.classes[2].estimate.resampled).sum() < 150
    assert found.classes[2].clusters == 4
    assert found.classes[2].interval().low is not None


def test_a_class_of_one_cluster_has_no_limits_and_neither_has_the_macro() -> None:
    targets, prob, clusters = _draw(7)
    clusters[targets == 3] = "one"
    found = class_intervals(targets, prob, clusters, list("abcd"), 50, np.random.default_rng(0))
    assert found["classes"][3]["auc"]["low"] is None
    assert found["macro_auc"]["low"] is None
    assert found["classes"][1]["auc"]["low"] is not None
    assert found["accuracy"]["low"] is not None


def test_unknown_rows_are_not_drawn_as_reals() -> None:
    targets, prob, clusters = _draw(8)
    more = np.r_[targets, [-1] * 9], np.r_[prob, prob[:9]], np.r_[clusters, ["u"] * 9]
    found = class_intervals(*more, list("abcd"), 40, np.random.default_rng(0))
    assert found == class_intervals(targets, prob, clusters, list("abcd"), 40, np.random.default_rng(0))


def test_reals_alone_have_an_accuracy_with_limits() -> None:
    found = class_intervals([0] * 6, PROB, list("aabbcc"), NAMES, 50, np.random.default_rng(0))
    assert found["macro_auc"] is None
    assert found["classes"][0] == {"name": "real", "auc": None}
    assert found["accuracy"]["mean"] == pytest.approx(0.5)
    assert found["accuracy"]["low"] is not None


def test_the_rarer_side_bounds_the_clusters_that_count() -> None:
    clusters = np.array(list("aabcdef"))
    assert counted_clusters(np.array([1, 1, 1, 0, 0, 0, 0], bool), clusters) == 4
    assert counted_clusters(np.array([1, 1, 0, 0, 0, 0, 0], bool), clusters) == 0
    assert counted_clusters(np.ones(7, bool), clusters) == 6
    assert not can_resample([1, 1, 0, 0, 0, 0, 0], clusters)


@pytest.mark.parametrize(
    ("targets", "by_seed", "clusters", "message"),
    [
        ([-1] * 6, {0: PROB}, list("abcdef"), "known in training"),
        (TARGETS, {}, list("abcdef"), "one seed"),
        (TARGETS, {0: PROB}, list("abc"), "a cluster for each"),
        (TARGETS, {0: PROB, 1: PROB[:, :2] * 0 + 0.5}, list("abcdef"), "targets"),
    ],
)
def test_rows_that_do_not_fit(targets: object, by_seed: dict, clusters: list, message: str) -> None:
    with pytest.raises(ClewError, match=message):
        class_figures(targets, by_seed, clusters, 5, np.random.default_rng(0))
