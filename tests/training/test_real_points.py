"""Thresholds by hand where sources weigh equally, and the second one, down to which pictures are called real."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.training.calibration import calibrate, fit_temperature, source_weights
from clew.training.operating import OperatingPoint, operating_point
from clew.training.real_points import RealPoint, Scored, all_points, both_points

LABELS = np.array([0] * 5 + [1] * 5)


def rows(prob: list[float], labels: np.ndarray = LABELS) -> Scored:
    return Scored(labels, np.array(prob), [str(n) for n in range(len(prob))], source_weights(labels, [""] * len(prob)))


def test_sources_weigh_the_same_however_large() -> None:
    labels, sources = np.array([0, 0, 0, 0, 1, 1]), np.array(["a", "a", "a", "b", "a", "a"])
    assert source_weights(labels, sources) == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2, 1 / 2, 1 / 2])


def test_equal_weights_give_what_no_weights_do() -> None:
    rng = np.random.default_rng(0)
    labels, prob = rng.integers(0, 2, 200), rng.random(200)
    for asked in (0.01, 0.05, 0.2, 0.49):
        plain = operating_point(labels, prob, asked)
        weighed = operating_point(labels, prob, asked, weights=source_weights(labels, np.zeros(200)))
        assert weighed.as_dict() == pytest.approx(plain.as_dict())


def test_a_small_source_decides_as_much_as_a_large_one() -> None:
    # eight reals of a, all low; two of b, one high: by number 10 % are above 0.8, by source 25 %
    labels = np.array([0] * 10 + [1, 1])
    prob = np.array([*np.linspace(0.1, 0.2, 8), 0.3, 0.9, 0.5, 0.95])
    sources = ["a"] * 8 + ["b"] * 2 + ["a", "b"]
    weights = source_weights(labels, sources)
    assert operating_point(labels, prob, 0.1).threshold == pytest.approx(0.4)
    point = operating_point(labels, prob, 0.1, weights=weights)
    assert point.threshold == pytest.approx(0.925), "the high one is a quarter of all weight"
    assert (point.fpr, point.tpr) == pytest.approx((0, 0.5))
    half = operating_point(labels, prob, 0.25, weights=weights)
    assert (half.threshold, half.fpr, half.tpr) == pytest.approx((0.4, 0.25, 1))
    # Kish: 1 / (8 (1/16)^2 + 2 (1/4)^2) = 6.4
    assert half.effective == pytest.approx(6.4)
    OperatingPoint.from_dict(half.as_dict())


def test_both_points_by_hand() -> None:
    # reals .1 .2 .3 .4 .8, fakes .25 .6 .7 .85 .9; one of five may be wrong each way
    fake, real = both_points(rows([0.1, 0.2, 0.3, 0.4, 0.8, 0.25, 0.6, 0.7, 0.85, 0.9]), 0.0001, 0.0001)
    assert (fake.threshold, fake.tpr) == pytest.approx((0.825, 0.4))
    assert (real.threshold, real.tnr, real.fnr) == pytest.approx((0.225, 0.4, 0))
    assert (real.reals, real.fakes) == (5, 5)


def test_points_that_cross_meet_in_the_middle_and_both_rates_hold() -> None:
    # one of three may be wrong: fake from 0.25, real down to 0.65, so that both hold anywhere between
    labels, prob = np.array([0, 0, 0, 1, 1, 1]), [0.1, 0.2, 0.3, 0.6, 0.7, 0.8]
    assert operating_point(labels, prob, 0.34).threshold == pytest.approx(0.25)
    fake, real = both_points(rows(prob, labels), 0.34, 0.34)
    assert fake.threshold == pytest.approx(0.45)
    assert real.threshold == pytest.approx(0.45)
    assert (fake.fpr, fake.tpr, real.fnr, real.tnr) == pytest.approx((0, 1, 0, 1))


def test_points_of_pictures_and_of_videos_go_through_json() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    prob = np.array([0.1, 0.3, 0.2, 0.2, 0.4, 0.9, 0.8, 0.8])
    videos = ["v", "v", "w", "w", "x", "x", "y", "y"]
    clusters = [f"s\n{name}" for name in videos]
    found = json.loads(json.dumps(all_points(labels, prob, videos, clusters, ["s"] * 8, 0.05, 0.05)))
    assert (found["picture"]["reals"], found["video"]["reals"], found["videos"]) == (4, 2, 4)
    # means of videos: 0.2 and 0.2 against 0.65 and 0.8, so that the points cross and meet
    assert found["video"]["threshold"] == pytest.approx(found["real"]["video"]["threshold"])
    assert 0.2 < found["video"]["threshold"] < 0.65
    for unit in ("picture", "video"):
        OperatingPoint.from_dict(found[unit])
        RealPoint.from_dict(found["real"][unit])


@pytest.mark.parametrize(
    ("key", "value"), [("threshold", 1.1), ("threshold", "0"), ("fnr", 0.5), ("effective", 99), ("other", 1)]
)
def test_a_point_for_real_that_lies_is_refused(key: str, value: object) -> None:
    _, real = both_points(rows([0.1, 0.2, 0.3, 0.4, 0.8, 0.25, 0.6, 0.7, 0.85, 0.9]), 0.2, 0.2)
    with pytest.raises(ClewError, match="t.safetensors"):
        RealPoint.from_dict({**real.as_dict(), key: value}, "t.safetensors")


def test_the_temperature_weighs_sources_alike() -> None:
    # source a: 30 sure and right; source b: 4 of a margin of 2 logits, 3 right each way
    logits = np.array([[0, 2.0]] * 4 + [[2.0, 0]] * 4 + [[0, 2.0]] * 30 + [[2.0, 0]] * 30)
    targets = np.array([1, 1, 1, 0, 0, 0, 0, 1] + [1] * 30 + [0] * 30)
    sources = np.array(["b"] * 8 + ["a"] * 60)
    weights = 0.5 * source_weights(targets, sources)
    found = calibrate(logits, targets, sources=sources)
    assert found.temperature == pytest.approx(fit_temperature(logits, targets, weights))
    assert found.temperature > calibrate(logits, targets).temperature * 1.2
