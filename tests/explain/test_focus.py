"""The measures of focus against values worked out by hand, scipy, and the formulas written out again."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import spearmanr

from clew.base.errors import ClewError
from clew.explain.focus import (
    FOCUS,
    distance,
    empty,
    highest,
    overlap,
    positive,
    relative_distance,
    shift,
    spearman,
    ssim,
    top_overlap,
)

RNG = np.random.default_rng(7)
ROUGH = RNG.random((3, 8, 8))


def spots(*at: tuple[int, int], shape: tuple[int, int] = (10, 10)) -> np.ndarray:
    """A map (1, h, w) that is 1 at some pixels."""
    found = np.zeros((1, *shape))
    for row, column in at:
        found[0, row, column] = 1.0
    return found


def written_out(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two maps (H, W) as Wang et al. 2004 write it, window by window, for the range of both."""
    line = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(line, line) / line.sum() ** 2
    span = max(a.max(), b.max(), 0) - min(a.min(), b.min(), 0)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    x, y = (sliding_window_view(m, (11, 11)).reshape(-1, 11, 11) for m in (a, b))
    found = []
    for u, v in zip(x, y, strict=True):
        mu, mv = (weights * u).sum(), (weights * v).sum()
        vu, vv = (weights * (u - mu) ** 2).sum(), (weights * (v - mv) ** 2).sum()
        shared = (weights * (u - mu) * (v - mv)).sum()
        found.append((2 * mu * mv + c1) * (2 * shared + c2) / ((mu * mu + mv * mv + c1) * (vu + vv + c2)))
    return float(np.mean(found))


def test_the_distance_is_frobenius_picture_by_picture():
    dense = np.array([[[1.0, 2.0], [3.0, 4.0]], [[3.0, 0.0], [0.0, 4.0]]])
    ticket = np.array([[[1.0, 0.0], [3.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_allclose(distance(dense, ticket), [math.sqrt(20), 5], rtol=1e-15)
    np.testing.assert_allclose(relative_distance(dense, ticket), [math.sqrt(20 / 30), 1], rtol=1e-15)


def test_maps_are_never_rescaled_one_by_one():
    norms = np.sqrt((ROUGH**2).sum(axis=(1, 2)))
    np.testing.assert_allclose(distance(ROUGH, 2 * ROUGH), norms)
    np.testing.assert_allclose(relative_distance(ROUGH, 2 * ROUGH), 1)
    assert (ssim(ROUGH, 2 * ROUGH) < 0.9).all()


def test_a_dense_map_of_zeros_has_no_relative_distance():
    nothing = np.zeros_like(ROUGH)
    assert np.isnan(relative_distance(nothing, ROUGH)).all()
    np.testing.assert_allclose(distance(nothing, ROUGH), distance(ROUGH, nothing))
    np.testing.assert_array_equal(relative_distance(ROUGH, nothing), 1)


def test_spearman_is_scipys_with_ties_and_negative_values():
    dense, ticket = RNG.integers(-2, 3, (2, 6, 5, 7)).astype(float)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(dense, ticket, strict=True)]
    np.testing.assert_allclose(spearman(dense, ticket), expected, rtol=1e-12)
    np.testing.assert_array_equal(spearman(dense, dense**3), 1)
    np.testing.assert_allclose(spearman(dense, -dense), -1)


def test_spearman_of_a_constant_map_is_not_told():
    maps = np.stack([ROUGH[0], np.full((8, 8), 0.1), ROUGH[0]])
    other = np.stack([np.zeros((8, 8)), np.full((8, 8), 0.1), ROUGH[0]])
    np.testing.assert_array_equal(spearman(maps, other), [np.nan, np.nan, 1])


@pytest.mark.parametrize("signed", [False, True])
def test_ssim_is_the_formula(signed: bool):
    dense, ticket = RNG.random((2, 2, 64, 66)) - (0.4 if signed else 0.0)
    dense[1] *= 5
    ticket = 0.5 * ticket + 0.3 * dense
    expected = [written_out(a, b) for a, b in zip(dense, ticket, strict=True)]
    np.testing.assert_allclose(ssim(dense, ticket), expected, rtol=1e-9)


def test_ssim_of_flat_maps_by_hand():
    one, two = np.full((1, 64, 64), 1.0), np.full((1, 64, 64), 2.0)
    np.testing.assert_allclose(ssim(one, two), (4 + 0.0004) / (5 + 0.0004), rtol=1e-12)  # range 2: c1 = 0.02 ** 2
    np.testing.assert_allclose(ssim(3 * one, 3 * two), ssim(one, two), rtol=1e-12)
    np.testing.assert_allclose(ssim(-one, one), (-2 + 0.0004) / (2 + 0.0004), rtol=1e-12)  # from -1 to 1


def test_ssim_enlarges_small_maps_as_they_are_drawn():
    a, b = RNG.random((2, 7, 9))
    large = [cv2.resize(x, (64, 64), interpolation=cv2.INTER_LINEAR) for x in (a, b)]
    np.testing.assert_allclose(ssim(a[None], b[None]), written_out(*large), rtol=1e-6)
    assert ssim(np.zeros((0, 7, 9)), np.zeros((0, 7, 9))).shape == (0,)


def test_the_range_of_ssim_is_each_pairs_own():
    dense, ticket = RNG.random((2, 2, 16, 16))
    scale = np.array([1.0, 1000.0])[:, None, None]
    np.testing.assert_allclose(ssim(dense * scale, ticket * scale), ssim(dense, ticket), rtol=1e-9)


def test_the_top_overlap_counts_exactly():
    dense, ticket = np.full((2, 1, 10, 10), 0.1)
    dense[0, 0:2], ticket[0, 1:3] = 2.0, 5.0
    np.testing.assert_allclose(top_overlap(dense, ticket), 10 / 30)
    np.testing.assert_allclose(top_overlap(dense, ticket, share=0.1), 0)  # rows 0 and 1
    np.testing.assert_allclose(top_overlap(dense, 1000 * dense), 1)
    four = np.arange(16.0).reshape(1, 4, 4)  # 20 % of 16 pixels: 3
    np.testing.assert_array_equal(highest(four, 3)[0].ravel(), [False] * 13 + [True] * 3)
    np.testing.assert_allclose(top_overlap(four, np.roll(four, 1, axis=2)), 2 / 4)  # 13 14 15 against 14 15 and 12


def test_of_equal_pixels_the_first_count():
    large = np.tile([1.0, 2.0], 800).reshape(1, 40, 40)  # too many for a sort that only happens to keep the order
    np.testing.assert_array_equal(np.flatnonzero(highest(large, 300)), range(1, 600, 2))
    flat = np.ones((1, 5, 4))
    ends = np.ones((1, 5, 4))
    ends[0, 4] = 2.0
    assert top_overlap(flat, flat) == 1
    assert top_overlap(flat, ends) == 0


def test_zeros_and_negative_pixels_are_in_no_top():
    assert top_overlap(spots((9, 9)), spots((9, 8))) == 0  # filled up with zeros from the upper left it were 19 / 21
    np.testing.assert_allclose(top_overlap(spots((9, 9), (9, 8)), spots((9, 8))), 0.5)
    assert top_overlap(spots((5, 5)) - 1, spots((5, 5))) == 0  # positive nowhere
    assert np.isnan(top_overlap(spots(), spots() - 1)).all()


def test_highest_takes_a_count_for_each_map():
    maps = np.stack([np.arange(6.0).reshape(2, 3)] * 2)
    np.testing.assert_array_equal(highest(maps, [1, 4]).sum(axis=(1, 2)), [1, 4])


@pytest.mark.parametrize(
    ("shape", "end", "far"), [((10, 10), (3, 4), 0.5), ((10, 20), (3, 8), 0.5), ((4, 5), (0, 5 - 1), 0.8)]
)
def test_the_shift_is_in_shares_of_the_side(shape, end, far):
    np.testing.assert_allclose(shift(spots((0, 0), shape=shape), 7 * spots(end, shape=shape)), far)


def test_the_centre_of_mass_by_hand():
    both = spots((0, 0)) + 3 * spots((0, 8))  # in column 6
    np.testing.assert_allclose(shift(both, spots((0, 6))), 0, atol=1e-15)
    np.testing.assert_allclose(shift(both - 5 * spots((9, 9)), spots((8, 6))), 0.8)  # what is negative weighs nothing
    assert np.isnan(shift(spots(), both)).all()
    assert np.isnan(shift(both, -both)).all()


def test_maps_without_anything_positive_are_told():
    np.testing.assert_array_equal(empty(np.stack([np.zeros((2, 2)), -np.eye(2), np.eye(2)])), [True, True, False])
    np.testing.assert_array_equal(positive([[[-1, 2]]]), [[[0, 2]]])


def test_the_overlap_of_nothing_with_nothing_is_not_told():
    nothing, something = np.zeros((1, 2, 2), bool), np.ones((1, 2, 2), bool)
    assert np.isnan(overlap(nothing, nothing)).all()
    assert overlap(nothing, something) == 0


@pytest.mark.parametrize("name", FOCUS)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_equal_maps_are_as_close_as_can_be(name, kind):
    maps = (RNG.random((4, 9, 7)) - 0.3).astype(kind)
    found = FOCUS[name].function(maps, maps.copy())
    assert found.shape == (4,)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, 1 if FOCUS[name].more else 0, atol=1e-12)


@pytest.mark.parametrize("name", FOCUS)
def test_pictures_do_not_touch_each_other(name):
    measure = FOCUS[name].function
    dense, ticket = RNG.random((2, 5, 8, 8)) - 0.2
    dense[2], ticket[3] = 0, 0
    alone = [measure(dense[i : i + 1], ticket[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(measure(dense, ticket), alone, rtol=1e-12)


@pytest.mark.parametrize("name", FOCUS)
def test_bad_maps_are_refused(name):
    measure = FOCUS[name].function
    with pytest.raises(ClewError, match=r"one shape, found \(3, 8, 8\) and \(3, 8, 7\)"):
        measure(ROUGH, ROUGH[:, :, :7])
    with pytest.raises(ClewError, match=r"\(N, h, w\), found the shape \(8, 8\)"):
        measure(ROUGH[0], ROUGH[0])
    with pytest.raises(ClewError, match="finite"):
        measure(ROUGH, np.where(ROUGH.max() == ROUGH, np.nan, ROUGH))


@pytest.mark.parametrize("share", [0.0, -0.2, 1.01])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ClewError, match="share of highest pixels"):
        top_overlap(ROUGH, ROUGH, share=share)
