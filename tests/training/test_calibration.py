"""Temperature, calibration error and operating points: by hand, and against simulations whose truth is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from clew.base.errors import ClewError
from clew.training import metrics
from clew.training.calibration import Calibration, calibrate, fit_temperature
from clew.training.class_metrics import class_probabilities
from clew.training.operating import OperatingPoint, operating_point, operating_points
from clew.training.reliability import classwise_calibration_error, expected_calibration_error, reliability


def _simulated(temperature: float, classes: int = 2, count: int = 20000, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Logits that are `temperature` times too large, and targets drawn from what they should be."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(scale=2, size=(count, classes))
    drawn = rng.random((count, 1)) > np.cumsum(class_probabilities(honest), axis=1)[:, :-1]
    return honest * temperature, drawn.sum(axis=1)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_known_temperature_is_found_again(temperature: float, classes: int) -> None:
    logits, targets = _simulated(temperature, classes)
    assert fit_temperature(logits, targets) == pytest.approx(temperature, rel=0.04)


def test_the_temperature_by_hand() -> None:
    # 3 of 4 right, all with a margin of 2 logits: P = 3/4 where 2 / T = log 3
    logits = np.array([[0, 2.0]] * 4)
    assert fit_temperature(logits, [1, 1, 1, 0]) == pytest.approx(2 / math.log(3), rel=1e-5)
    assert fit_temperature(logits[:2], [1, 0], weights=[3, 1]) == pytest.approx(2 / math.log(3), rel=1e-5)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_likelihood_is_never_worse_after(scale: float, classes: int) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        targets = np.r_[0, 1, rng.integers(0, classes, 10)]
        logits = scale * (rng.normal(size=(12, classes)) + seed * np.eye(classes)[targets])
        found = calibrate(logits, targets)
        assert found.nll_after <= found.nll_before
        assert 0.05 <= found.temperature <= 20


def test_equal_input_gives_equal_bits() -> None:
    logits, targets = _simulated(2.0, count=300)
    assert calibrate(logits, targets) == calibrate(logits.copy(), targets.copy())


def test_over_confident_logits_lose_calibration_error() -> None:
    logits, targets = _simulated(5.0, classes=4)
    found = calibrate(logits, targets, prior=None)
    assert found.ece_before > 0.1
    assert found.ece_after < 0.02
    assert expected_calibration_error(found.fake(logits), targets > 0) == pytest.approx(found.ece_after)
    assert not found.at_bound


@pytest.mark.parametrize(("margin", "confidence"), [(0.5, 21 / 22), (2.0, 21 / 22)])
def test_where_all_is_told_rightly_confidence_stops_at_the_rule_of_succession(margin: float, confidence: float) -> None:
    targets = np.tile([0, 1], 10)
    logits = margin * np.stack([1 - targets, targets], 1)
    found = calibrate(logits, targets)
    assert found.at_bound
    assert found.temperature < 1
    assert found.apply(logits).max(axis=1) == pytest.approx(np.full(20, confidence), rel=1e-6)


@pytest.mark.parametrize("margin", [6.0, 50.0, 5000.0])
def test_where_all_is_told_rightly_and_surely_logits_stay(margin: float) -> None:
    targets = np.tile([0, 1], 10)
    found = calibrate(margin * np.stack([1 - targets, targets], 1), targets)
    assert (found.temperature, found.at_bound) == (1.0, True)


def test_logits_that_tell_nothing_reach_the_upper_bound_and_flat_ones_stay() -> None:
    targets = np.tile([0, 1], 10)
    wrong = np.stack([targets, 1 - targets], 1) * 9.0
    assert (calibrate(wrong, targets).temperature, calibrate(wrong, targets).at_bound) == (20.0, True)
    flat = calibrate(np.zeros((20, 2)), targets)
    assert (flat.temperature, flat.at_bound) == (1.0, False)


def test_reals_and_fakes_weigh_alike_whatever_their_number() -> None:
    logits, targets = _simulated(3.0, count=400, seed=1)
    logits[:, 1] += 2  # leaning towards fake
    real, fake = targets == 0, targets == 1
    often = np.concatenate([logits[real], *[logits[fake]] * 4])
    labels = np.r_[np.zeros(real.sum(), int), np.ones(4 * fake.sum(), int)]
    few, many = calibrate(logits, targets), calibrate(often, labels)
    assert many.temperature == pytest.approx(few.temperature, rel=1e-4)
    assert many.ece_after == pytest.approx(few.ece_after, rel=1e-3)
    assert (few.prior, many.prior) == (0.5, 0.5)
    assert many.fakes == 4 * few.fakes
    as_it_is = calibrate(often, labels, prior=None)
    assert as_it_is.prior == labels.mean()
    assert as_it_is.temperature == pytest.approx(fit_temperature(often, labels))
    assert abs(as_it_is.temperature / many.temperature - 1) > 0.01


def test_unknown_classes_are_left_out() -> None:
    logits, targets = _simulated(3.0, classes=3, count=300)
    found = calibrate(np.r_[logits, logits[:50]], np.r_[targets, [-1] * 50])
    assert found == calibrate(logits, targets)
    with pytest.raises(ClewError, match="-1"):
        fit_temperature(logits, np.r_[-1, targets[1:]])


def test_a_calibration_needs_reals_and_fakes_and_a_prior_between() -> None:
    logits, targets = _simulated(1.0, count=20)
    with pytest.raises(ClewError, match="needs reals and fakes; found 20"):
        calibrate(logits, np.ones(20, int))
    with pytest.raises(ClewError, match="between 0 and 1"):
        calibrate(logits, targets, prior=1.0)


@pytest.mark.parametrize("weights", [[1.0], [-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0]])
def test_weights_that_are_none(weights: list) -> None:
    with pytest.raises(ClewError, match="2 weights"):
        fit_temperature(np.eye(2), [0, 1], weights=weights)


def test_pictures_keep_their_order_with_two_classes() -> None:
    logits, targets = _simulated(4.0, count=2000)
    found = calibrate(logits, targets)
    before = class_probabilities(logits)[:, 1]
    assert found.temperature > 2
    assert metrics.auc(targets, found.fake(logits)) == metrics.auc(targets, before)
    assert ((found.fake(logits) > 0.5) == (before > 0.5)).all()


def test_fake_is_every_class_but_the_first_and_never_above_one() -> None:
    found = replace(calibrate(*_simulated(2.0, count=100)), temperature=2.0)
    logits = np.array([[0, 2 * math.log(2), 2 * math.log(5)], [-80, 1.1, 0.3], [400, 0, 0]])
    assert found.apply(logits)[0] == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert found.fake(logits) == pytest.approx([7 / 8, 1, 2 * math.exp(-200)], rel=1e-12)
    assert found.fake(np.random.default_rng(0).normal(size=(2000, 9)) * 90).max() <= 1


def test_a_calibration_goes_through_json() -> None:
    found = calibrate(*_simulated(2.0, count=100))
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert Calibration.from_dict(told) == found
    assert told["split"] == "val"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 0.0),
        ("temperature", 21),
        ("temperature", math.nan),
        ("temperature", "1"),
        ("temperature", True),
        ("temperature", None),
        ("temperature", 10**400),
        ("temperature", [1.0]),
        ("nll_after", -0.1),
        ("nll_after", math.inf),
        ("ece_before", 1.1),
        ("pictures", 0),
        ("pictures", 12.5),
        ("pictures", 10**30),
        ("fakes", 100),
        ("prior", 0),
        ("at_bound", 1),
        ("split", "test"),
        ("split", ["val"]),
        ("other", 1),
    ],
)
def test_a_header_that_lies_is_refused(key: str, value: object) -> None:
    told = {**calibrate(*_simulated(2.0, count=100)).as_dict(), key: value}
    with pytest.raises(ClewError, match="^t.safetensors: ") as error:
        Calibration.from_dict(told, "t.safetensors")
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("read", [Calibration.from_dict, OperatingPoint.from_dict])
@pytest.mark.parametrize("found", [None, [], "x", {}, {"split": "val"}, {1: 2, "split": "val"}])
def test_what_is_no_table_of_fields_is_refused(read: object, found: object) -> None:
    with pytest.raises(ClewError, match="^t: expected"):
        read(found, "t")  # type: ignore[operator]


PROBS, LABELS = np.array([0.0, 0.2, 0.3, 0.5, 0.9, 1.0]), np.array([0, 1, 0, 1, 1, 0])


def test_calibration_error_by_hand() -> None:
    # bins (0, 0.5] and (0.5, 1]: means 0.25 and 0.95, shares 2/4 and 1/2
    assert expected_calibration_error(PROBS, LABELS, bins=2) == pytest.approx(4 / 6 * 0.25 + 2 / 6 * 0.45)
    # weight 3 on the first fake: (0.2 * 3 + 0.3 + 0.5) / 6 against 4/6
    weights = np.array([1, 3, 1, 1, 1, 1])
    expected = 6 / 8 * (4 / 6 - 1.4 / 6) + 2 / 8 * 0.45
    assert expected_calibration_error(PROBS, LABELS, 2, weights) == pytest.approx(expected)


def test_reliability_by_hand() -> None:
    found = reliability(PROBS, LABELS, bins=5)
    assert [row["count"] for row in found] == [2, 1, 1, 0, 2]  # 0.2 lies in (0, 0.2]
    assert found[0] == pytest.approx({"low": 0, "high": 0.2, "count": 2, "weight": 1 / 3, "mean": 0.1, "share": 0.5})
    assert (found[3]["weight"], found[3]["mean"], found[3]["share"]) == (0, None, None)
    assert [row["low"] for row in found[1:]] == [row["high"] for row in found[:-1]]
    json.dumps(found, allow_nan=False)


def test_one_bin_is_the_gap_of_means_and_honest_probabilities_have_little_error() -> None:
    assert expected_calibration_error(PROBS, LABELS, bins=1) == pytest.approx(abs(2.9 / 6 - 0.5))
    prob = np.random.default_rng(0).random(50000)
    labels = np.random.default_rng(1).random(50000) < prob
    assert expected_calibration_error(prob, labels) < 0.01
    assert expected_calibration_error(labels, labels) == 0


def test_the_classwise_error_is_the_mean_over_classes() -> None:
    prob = np.array([[0.6, 0.4, 0.0], [0.2, 0.2, 0.6], [0.1, 0.9, 0.0]])
    errors = [expected_calibration_error(prob[:2, k], np.array([0, 2]) == k) for k in range(3)]
    assert errors == pytest.approx([0.3, 0.3, 0.2])
    assert classwise_calibration_error(prob, [0, 2, -1]) == pytest.approx(np.mean(errors))


@pytest.mark.parametrize(
    ("labels", "prob", "message"),
    [
        ([0, 1], [0.5, 1.1], "1 of 2"),
        ([0, 1], [-0.1, np.nan], "2 of 2"),
        ([0, 2], [0.5, 0.5], "0 \\(real\\)"),
        ([0], [0.5, 0.5], "each probability"),
        ([], [], "each probability"),
    ],
)
def test_what_are_no_probabilities_is_said(labels: list, prob: list, message: str) -> None:
    for measure in (expected_calibration_error, reliability, lambda p, t: operating_point(t, p, 0.1)):
        with pytest.raises(ClewError, match=message):
            measure(prob, labels)


def test_a_sum_that_rounding_lifts_above_one_is_one() -> None:
    assert reliability([1 + 1e-12], [1], bins=1)[0]["mean"] == 1
    assert operating_point([0, 0, 1], [0.1, 1.0, 1 + 1e-12], 0.2).tpr == 0


def test_bins_and_weights_that_are_none() -> None:
    with pytest.raises(ClewError, match="1 bin"):
        reliability(PROBS, LABELS, bins=0)
    with pytest.raises(ClewError, match="6 weights"):
        reliability(PROBS, LABELS, weights=np.zeros(6))


# ten reals and four fakes
REALS = np.array([0.05, 0.1, 0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9])
FAKES = np.array([0.55, 0.7, 0.8, 0.95])
SCORES, TRUTH = np.r_[REALS, FAKES], np.r_[np.zeros(10, int), np.ones(4, int)]


@pytest.mark.parametrize(
    ("asked", "threshold", "fpr", "tpr"),
    [
        (0.1, 0.65, 0.1, 0.75),  # above the real 0.6, below the fake 0.7
        (0.19, 0.65, 0.1, 0.75),
        (0.2, 0.525, 0.2, 1.0),  # above 0.5, below the fake 0.55
        (0.3, 0.45, 0.3, 1.0),  # one tenth more: 0.3 * 10 is 3
        (0.05, 0.925, 0.0, 0.25),  # no real may be called fake
        (0.6, 0.25, 0.5, 1.0),  # two reals at 0.2: both or none
        (0.7, 0.15, 0.7, 1.0),
        (0.999, 0.075, 0.9, 1.0),
    ],
)
def test_the_threshold_by_hand(asked: float, threshold: float, fpr: float, tpr: float) -> None:
    found = operating_point(TRUTH, SCORES, asked)
    assert (found.threshold, found.fpr, found.tpr) == pytest.approx((threshold, fpr, tpr))
    assert (found.asked, found.reals, found.fakes, found.effective) == (asked, 10, 4, 10)
    assert found.margin == pytest.approx(np.abs(SCORES - threshold).min())
    assert found.resolved == (asked >= 0.1)


def test_a_rate_times_a_count_that_rounding_spoils() -> None:
    labels = np.r_[np.zeros(100, int), 1]
    scores = np.r_[np.arange(100) / 100, 1.0]
    assert 0.29 * 100 < 29
    assert operating_point(labels, scores, 0.29).fpr == pytest.approx(0.29)


def test_the_upper_limit_is_that_of_clopper_and_pearson() -> None:
    found = operating_point(TRUTH, SCORES, 0.05)
    assert found.fpr_high == pytest.approx(1 - 0.05 ** (1 / 10))  # none of 10: (1 - p)^10 = 0.05
    one = operating_point(TRUTH, SCORES, 0.1)
    assert stats.binom.cdf(1, 10, one.fpr_high) == pytest.approx(0.05)


def test_noise_of_a_millionth_moves_no_picture() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], 150)
    scores = np.round(np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1), 4)  # many ties, some at 0 and at 1
    for asked in (0.01, 0.05, 0.2, 0.5):
        threshold = operating_point(labels, scores, asked).threshold
        noisy = np.clip(scores + rng.uniform(-1e-6, 1e-6, 300), 0, 1)
        assert ((noisy >= threshold) == (scores >= threshold)).all()


@pytest.mark.parametrize(
    ("reals", "fakes", "fpr", "tpr"),
    [
        ([0.0, 0.0, 1.0], [1.0, 1.0], 0.0, 0.0),  # a real at 1: nothing can be called fake
        ([0.0, 0.0, 0.0], [1.0, 1.0], 0.0, 1.0),
        ([0.0, 0.0, 0.0], [0.0, 5e-324], 0.0, 0.5),  # no float lies between
        ([0.5, 0.5, 0.5], [0.5, 0.5], 0.0, 0.0),
        ([0.2, 1 - 2**-53, 0.1], [1.0, 0.1], 0.0, 0.5),  # the float below 1
        ([0.2, 1 - 2**-53, 0.1], [0.3, 0.1], 0.0, 0.0),
    ],
)
def test_saturated_and_equal_scores(reals: list, fakes: list, fpr: float, tpr: float) -> None:
    labels = np.r_[np.zeros(len(reals), int), np.ones(len(fakes), int)]
    found = operating_point(labels, np.r_[reals, fakes], 0.1)
    assert (found.fpr, found.tpr) == (fpr, tpr)
    assert found.threshold > max(reals)
    assert not found.resolved
    assert OperatingPoint.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_a_threshold_that_calls_nothing_fake_does_so_in_float32_and_with_noise() -> None:
    found = operating_point([0, 0, 1], [0.1, 1.0, 1.0], 0.2)
    assert np.float32(found.threshold) > np.float32(1.0)
    assert operating_point([0, 0, 1], [0.1, 0.5, 0.4], 0.2).threshold == pytest.approx(0.75)


def test_the_lowest_threshold_that_keeps_the_rate() -> None:
    rng = np.random.default_rng(4)
    for seed in range(30):
        labels = np.r_[0, 1, rng.integers(0, 2, 40)]
        scores, asked = np.round(rng.random(42), 1 + seed % 3), rng.uniform(0.01, 0.9)
        found = operating_point(labels, scores, asked)
        reals, every = scores[labels == 0], np.unique(scores)
        assert np.mean(reals >= found.threshold) == found.fpr <= asked
        lower = every[every < found.threshold]
        assert np.mean(reals >= lower[-1]) > asked


@pytest.mark.parametrize("asked", [0.02, 0.1])
def test_the_true_rate_keeps_below_the_upper_limit(asked: float) -> None:
    rng, kept, exceeds = np.random.default_rng(5), 0, 0
    for _ in range(400):
        logits = rng.normal(np.repeat([0.0, 1.5], 150))
        found = operating_point(np.repeat([0, 1], 150), stats.norm.cdf(logits), asked)
        true = 1 - found.threshold  # the probabilities of reals are uniform
        kept += true <= found.fpr_high
        exceeds += true > asked
    assert kept >= 0.93 * 400
    assert kept < 400  # a limit that never fails would say nothing
    assert exceeds > 40


def test_pictures_of_one_cluster_count_as_one() -> None:
    rng, kept, naive = np.random.default_rng(6), 0, 0
    labels, clusters = np.repeat([0, 1], 600), np.repeat(np.arange(80), 15)
    for _ in range(200):
        shared = np.repeat(rng.normal(size=80), 15)
        scores = stats.norm.cdf((shared * 3 + rng.normal(size=1200)) / math.sqrt(10) + 2 * labels)
        found, plain = (operating_point(labels, scores, 0.1, names) for names in (clusters, None))
        kept += 1 - found.threshold <= found.fpr_high
        naive += 1 - plain.threshold <= plain.fpr_high
    assert found.effective == pytest.approx(40)
    assert kept >= 190
    assert naive < 175


def test_unequal_clusters_count_less_and_empty_names_count_each() -> None:
    clusters = np.array([*"aaaaaabbcd", *"aaaa"])
    found = operating_point(TRUTH, SCORES, 0.3, clusters)
    assert found.effective == pytest.approx(100 / (36 + 4 + 1 + 1))
    assert not found.resolved  # 2.4 reals cannot show a rate of 0.3
    assert operating_point(TRUTH, SCORES, 0.1, np.full(14, "")).effective == 10
    with pytest.raises(ClewError, match="a cluster for each"):
        operating_point(TRUTH, SCORES, 0.1, clusters[:3])


@pytest.mark.parametrize("asked", [0, 1, -0.1, math.nan])
def test_rates_that_are_none(asked: float) -> None:
    with pytest.raises(ClewError, match="false positive rate between"):
        operating_point(TRUTH, SCORES, asked)


@pytest.mark.parametrize("label", [0, 1])
def test_an_operating_point_needs_both_classes(label: int) -> None:
    with pytest.raises(ClewError, match="reals and fakes"):
        operating_point(np.full(14, label), SCORES, 0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", 1.5),
        ("threshold", math.nan),
        ("asked", 0),
        ("asked", 1),
        ("asked", 0.05),
        ("fpr", 0.2),
        ("fpr_high", 0.05),
        ("tpr", -1),
        ("reals", 9.5),
        ("fakes", -4),
        ("effective", 11),
        ("effective", 9),
        ("margin", "0"),
        ("resolved", "yes"),
        ("resolved", False),
    ],
)
def test_an_operating_point_that_lies_is_refused(key: str, value: object) -> None:
    told = {**operating_point(TRUTH, SCORES, 0.1).as_dict(), key: value}
    with pytest.raises(ClewError, match="^t.safetensors: "):
        OperatingPoint.from_dict(told, "t.safetensors")


def test_pictures_and_videos_have_a_point_each() -> None:
    labels = [0, 0, 0, 0, 1, 1]
    prob = [0.1, 0.9, 0.3, 0.2, 0.6, 1.0]
    videos = ["r", "r", "", "", "f", "f"]
    found = operating_points(labels, prob, videos, ["a", "a", "b", "c", "a", "a"], 0.4)
    assert (found["fpr"], found["videos"]) == (0.4, 2)
    # pictures: one of 4 reals may be called fake, 0.3 may not; videos: 0.5, 0.3, 0.2 against 0.8
    assert (found["picture"]["threshold"], found["picture"]["fpr"]) == pytest.approx((0.45, 0.25))
    assert found["picture"]["effective"] == pytest.approx(16 / 6)
    assert (found["video"]["threshold"], found["video"]["reals"]) == pytest.approx((0.4, 3))
    assert found["video"]["effective"] == 3
    assert found["video"]["fpr"] == pytest.approx(1 / 3)
    assert OperatingPoint.from_dict(json.loads(json.dumps(found))["video"]).tpr == 1
