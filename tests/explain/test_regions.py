"""The measures over regions: a heatmap that is the region scores 1, its complement 0, the rest by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.explain.regions import (
    REGION,
    area_share,
    energy_inside,
    pointing_game,
    region_iou,
    resized_region,
    store_regions,
)

sys.path.append(str(Path(__file__).parents[1] / "datasets"))

SCORES = [name for name, measure in REGION.items() if measure.more]
CORNER = np.array([[[True, False], [False, False]]])
some_region = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9)).filter(
    lambda region: region.any() and not region.all()
)


@given(some_region, st.floats(1e-6, 1e6))
@settings(max_examples=60, deadline=None)
def test_a_map_that_is_the_region_scores_1_and_its_complement_0(region, strength):
    for name in SCORES:
        measure = REGION[name].function
        assert measure(strength * region[None], region[None]) == 1, name
        assert measure(strength * ~region[None], region[None]) == 0, name
    assert area_share(region[None], region[None]) == region.mean()


@given(some_region, st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_scores_lie_between_0_and_1_and_strength_does_not_matter(region, seed):
    maps = np.random.default_rng(seed).normal(size=(1, *region.shape)) + 0.5
    for name in SCORES:
        score = REGION[name].function(maps, region[None])
        np.testing.assert_allclose(REGION[name].function(64 * maps, region[None]), score)
        assert np.isnan(score) if (maps <= 0).all() else 0 <= score <= 1


def test_energy_by_hand():
    np.testing.assert_allclose(energy_inside([[[3, 1], [0, 0]]], CORNER), 0.75)
    np.testing.assert_allclose(energy_inside([[[3, 1], [0, -5]]], CORNER), 0.75)  # what is negative counts as 0
    np.testing.assert_allclose(energy_inside([[[-3, 1], [0, 0]]], CORNER), 0)
    flat = np.full((1, 2, 2), 0.1)
    np.testing.assert_allclose(energy_inside(flat, CORNER), area_share(flat, CORNER))


def test_pointing_by_hand():
    assert pointing_game([[[3, 2.9], [2.9, 2.9]]], CORNER) == 1
    assert pointing_game([[[3, 3.1], [0, 0]]], CORNER) == 0
    assert pointing_game([[[3, 3], [0, 0]]], CORNER) == 0.5  # two highest ones, whichever comes first
    assert pointing_game([[[0, 0], [3, 3]]], CORNER) == 0


def test_iou_by_hand():
    region = np.zeros((1, 3, 3), bool)
    region[0, 0] = True
    maps = np.array([[[9.0, 8, 1], [2, 7, 3], [4, 5, 6]]])  # the highest three: 9, 8 and 7
    np.testing.assert_allclose(region_iou(maps, region), 2 / 4)
    faint = np.zeros((1, 3, 3))
    faint[0, 0, 2] = 1
    np.testing.assert_allclose(region_iou(faint, region), 1 / 3)  # zeros are not taken to fill up


@pytest.mark.parametrize("name", REGION)
def test_pictures_without_an_answer(name):
    region = np.eye(3, dtype=bool)
    maps = np.stack([np.zeros((3, 3)), -np.ones((3, 3)), np.eye(3), np.eye(3), np.eye(3)])
    regions = np.stack([region, region, np.zeros_like(region), np.ones_like(region), region])
    found = REGION[name].function(maps.astype(np.float32), regions)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [np.nan] * 4 + [1 / 3 if name == "area_share" else 1])


@pytest.mark.parametrize("name", REGION)
def test_regions_of_another_size_are_refused(name):
    with pytest.raises(ClewError, match=r"heatmaps \(1, 4, 4\) and regions \(1, 2, 2\) differ in shape"):
        REGION[name].function(np.ones((1, 4, 4)), CORNER)


def test_a_region_keeps_its_place_and_area_at_another_size():
    region = np.zeros((64, 64), bool)
    region[8:24, 32:64] = True
    for size in (16, 128):
        expected = np.zeros((size, size), bool)
        expected[size // 8 : size * 3 // 8, size // 2 :] = True
        np.testing.assert_array_equal(resized_region(region, size), expected)
    assert resized_region(region, 64) is not region
    np.testing.assert_array_equal(resized_region(region, 64), region)


@given(st.integers(0, 999), st.sampled_from([5, 7, 16, 31, 50, 97]))
@settings(max_examples=30, deadline=None)
def test_the_area_share_stays_to_the_pixel(seed, size):
    rng = np.random.default_rng(seed)
    region = np.zeros((40, 40), bool)
    top, left = rng.integers(0, 38, 2)
    region[top : top + rng.integers(1, 30), left : left + rng.integers(1, 30)] = True
    assert resized_region(region, size).sum() == max(1, round(region.mean() * size * size))


def test_a_thin_region_is_not_lost():
    line = np.zeros((64, 64), bool)
    line[10] = True
    found = resized_region(line, 8)  # an eighth of a row: one pixel, in row 1
    assert found.sum() == 1
    assert found[1].any()
    dot = np.zeros((64, 64), bool)
    dot[60, 3] = True
    np.testing.assert_array_equal(np.argwhere(resized_region(dot, 8)), [[7, 0]])
    assert not resized_region(np.zeros((64, 64), bool), 8).any()


def test_regions_come_from_the_store_by_position(tmp_path: Path):
    from planted import face, plain, write_store

    _, rows = plain()
    area = np.zeros((32, 32), np.uint8)
    area[:16, 16:] = 1
    crops = [face(seed, 32) for seed in range(4)]
    store = open_store(write_store(tmp_path / "store", crops, rows[:4], {1: area, 3: area.T}))
    found = store_regions(store, [3, 0, 1], 8)
    quarter = np.zeros((8, 8), bool)
    quarter[:4, 4:] = True
    np.testing.assert_array_equal(found, [quarter.T, np.zeros((8, 8), bool), quarter])
    assert np.isnan(area_share(np.ones((3, 8, 8)), found)[1])
    np.testing.assert_allclose(energy_inside(found * 2.0, found), [1, np.nan, 1])
