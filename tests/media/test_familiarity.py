"""How far a crop is from what is usual: laws of the distance, and what a hostile file may hold instead."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.descriptor import length
from clew.media.familiarity import Familiarity, descriptor

SIZE = 48


def drawn(seed: int) -> NDArray[np.uint8]:
    """A head with eyes and a mouth before a plain wall, never twice the same."""
    rng = np.random.default_rng(seed)
    crop = np.full((SIZE, SIZE, 3), rng.integers(40, 120, 3), np.uint8)
    skin = (rng.integers(150, 230), rng.integers(110, 150), rng.integers(80, 110))
    x, y = 24 + rng.normal(0, 1.5), 25 + rng.normal(0, 1.5)
    ellipse(crop, x, y, 15, 20, skin)
    for side in (-6, 6):
        ellipse(crop, x + side, y - 5, 2.5, 1.8, (30, 25, 20))
    ellipse(crop, x, y + 9, 5, 1.6, (150, 60, 60))
    return np.clip(crop + rng.normal(0, 4, crop.shape), 0, 255).astype(np.uint8)


def ellipse(crop: NDArray[np.uint8], x: float, y: float, a: float, b: float, colour: tuple[int, int, int]) -> None:
    cv2.ellipse(crop, ((x, y), (2 * a, 2 * b), 0), [int(c) for c in colour], -1)


@pytest.fixture(scope="module")
def usual() -> NDArray[np.float64]:
    return np.array([descriptor(drawn(seed)) for seed in range(400)])


@pytest.fixture(scope="module")
def fitted(usual: NDArray[np.float64]) -> Familiarity:
    return Familiarity.fit(usual, share=0.02)


def far(fitted: Familiarity, change: Any) -> NDArray[np.float64]:
    return fitted.distance(np.array([descriptor(change(drawn(seed))) for seed in range(1000, 1020)]))


def test_few_of_the_same_kind_are_unfamiliar(fitted: Familiarity) -> None:
    refused = fitted.unfamiliar(np.array([descriptor(drawn(seed)) for seed in range(2000, 2150)]))
    assert refused.mean() <= 0.06
    assert (fitted.crops, fitted.held_out) == (320, 80)


def test_the_stated_share_of_what_was_held_out_is_unfamiliar(usual: NDArray[np.float64]) -> None:
    for share, most in ((0.5, 40), (0.1, 8), (0.025, 2)):
        refused = Familiarity.fit(usual, share).unfamiliar(usual[4::5]).sum()
        assert most - 2 <= refused <= most


def test_distance_grows_with_distortion(fitted: Familiarity) -> None:
    rng = np.random.default_rng(0)
    pattern = rng.normal(size=(SIZE, SIZE, 3))
    noisy = [far(fitted, lambda c, s=s: np.clip(c + s * pattern, 0, 255).astype(np.uint8)) for s in (0, 8, 16, 32, 64)]
    blurred = [far(fitted, lambda c, s=s: c if s == 0 else cv2.GaussianBlur(c, (0, 0), s)) for s in (0, 1, 2, 4, 8)]
    for found in (noisy, blurred):
        medians = [np.median(d) for d in found]
        assert medians == sorted(medians)
        assert (found[-1] > fitted.threshold).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: 255 - c,
        lambda c: np.repeat(c.mean(2, keepdims=True).astype(np.uint8), 3, 2),
        lambda c: np.ascontiguousarray(np.rot90(c)),
        lambda c: np.full_like(c, 128),
        lambda c: np.random.default_rng(1).integers(0, 256, c.shape).astype(np.uint8),
        lambda c: c[:16, :16].copy(),
    ],
    ids=["inverted", "grey", "turned", "plain", "noise", "a corner of the wall"],
)
def test_what_was_never_seen_is_unfamiliar(fitted: Familiarity, change: Any) -> None:
    assert (far(fitted, change) > fitted.threshold).mean() > 0.9


def test_distance_is_that_of_mahalanobis(fitted: Familiarity, usual: NDArray[np.float64]) -> None:
    """Of all numbers or of the surface's 19 alone, whichever is farther: each is for some crops."""
    found = fitted.distance(usual[:30])
    larger = set()
    for row, distance in zip(usual[:30], found, strict=True):
        scaled = (row - fitted.mean) / fitted.spread
        whole = math.sqrt(scaled @ np.linalg.inv(fitted.correlation) @ scaled / len(scaled))
        part = math.sqrt(scaled[:19] @ np.linalg.inv(fitted.correlation[:19, :19]) @ scaled[:19] / 19)
        both = (whole / fitted.usual[0], part / fitted.usual[1])
        larger.add(both.index(max(both)))
        assert distance == pytest.approx(max(both))
    assert larger == {0, 1}


def test_outliers_do_not_shape_what_is_usual(usual: NDArray[np.float64], fitted: Familiarity) -> None:
    spoilt = usual.copy()
    spoilt[::50] += 100
    assert np.abs(Familiarity.fit(spoilt).mean - fitted.mean).max() < 0.1


def test_what_is_read_again_is_the_same(fitted: Familiarity, usual: NDArray[np.float64]) -> None:
    text = json.dumps(fitted.as_dict())
    again = Familiarity.from_dict(json.loads(text))
    assert np.array_equal(again.distance(usual), fitted.distance(usual))
    assert again.as_dict() == fitted.as_dict()
    assert len(text) < 7000


def hostile(fitted: Familiarity, **change: Any) -> dict[str, Any]:
    return {**fitted.as_dict(), **change}


def test_hostile_files_are_refused(fitted: Familiarity) -> None:
    size = length()
    count = size * (size - 1) // 2
    mean = fitted.as_dict()["mean"]

    def packed(values: NDArray[Any]) -> str:
        return base64.b64encode(values.astype("<i2").tobytes()).decode()

    bad: list[Any] = [None, [], "x", {}, hostile(fitted, more=1)]
    bad += [hostile(fitted, version=v) for v in (2, "1", True, None)]
    bad += [hostile(fitted, mean=v) for v in (mean[1:], [*mean, 0], "x", [math.nan, *mean[1:]], [True, *mean[1:]])]
    bad += [hostile(fitted, mean=[10**400, *mean[1:]]), hostile(fitted, mean=[[0], *mean[1:]])]
    bad += [hostile(fitted, spread=[0, *mean[1:]]), hostile(fitted, spread=[-1.0] * size)]
    bad += [hostile(fitted, usual=v) for v in ([1], [0, 1], [1, math.inf], {})]
    bad += [hostile(fitted, threshold=v) for v in (math.inf, -1, "1", None, math.nan)]
    bad += [hostile(fitted, share=2), hostile(fitted, crops=-1), hostile(fitted, held_out=None)]
    texts = ["", "====", "é", 3, packed(np.zeros(count - 1)), packed(np.zeros(count + 1))]
    texts += [packed(np.full(count, 10_001)), packed(np.full(count, -32_768)), packed(np.full(count, 10_000))]
    texts += [packed(np.full(count, -5_000))]  # all opposed to each other: not positive
    bad += [hostile(fitted, correlation=text) for text in texts]
    for value in bad:
        with pytest.raises(ClewError, match="familiar"):
            Familiarity.from_dict(value)


def test_too_few_crops_and_bad_values_are_refused(usual: NDArray[np.float64], fitted: Familiarity) -> None:
    for values, share in ((usual[:199], 0.01), (usual[0], 0.01), (usual * np.nan, 0.01), (usual, 0.0), (usual, 1.0)):
        with pytest.raises(ClewError):
            Familiarity.fit(values, share)
    with pytest.raises(ClewError, match="55 numbers"):
        fitted.distance(np.zeros((2, 3)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (64, 64), (224, 224)])
def test_every_crop_has_a_descriptor(shape: tuple[int, int]) -> None:
    for value in (0, 255):
        found = descriptor(np.full((*shape, 3), value, np.uint8))
        assert found.shape == (length(),)
        assert np.isfinite(found).all()
