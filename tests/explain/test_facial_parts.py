"""Facial parts: every pixel in one part, the same in the mirror, moved with the points; energy by hand."""

from __future__ import annotations

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.explain.facial_parts import (
    FINDERS,
    MIRROR,
    PARTS,
    _inside,
    _near,
    canonical_parts,
    canonical_points,
    part_energy,
    parts_of,
)

POINTS = canonical_points()
SIZE = 96


def part_at(masks: np.ndarray, x: float, y: float) -> str:
    """The part of the pixel at x and y, shares of the side."""
    side = masks.shape[-1]
    return PARTS[int(masks[:, int(y * side), int(x * side)].argmax())]


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels that are in the same part of both."""
    return float((a.argmax(axis=0) == b.argmax(axis=0)).mean())


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("scale", [1.0, 1.3, 2.0])
@pytest.mark.parametrize("size", [1, 7, 64, 97])
def test_every_pixel_is_in_one_part_and_the_mirror_is_the_same(size, scale, finder):
    masks = canonical_parts(size, scale, finder)
    assert masks.shape == (9, size, size)
    assert masks.dtype == bool
    np.testing.assert_array_equal(masks.sum(axis=0), 1)
    np.testing.assert_array_equal(masks, masks[:, :, ::-1])


def test_every_part_has_its_share_of_the_usual_crop():
    shares = dict(zip(PARTS, canonical_parts(224).mean(axis=(1, 2)), strict=True))
    expected = {
        "eyes": 0.042, "brows": 0.032, "nose": 0.035, "mouth": 0.044, "cheeks": 0.148, "jaw": 0.072, "forehead": 0.165,
        "hair": 0.105, "background": 0.356,
    }  # fmt: skip
    assert shares == pytest.approx(expected, abs=6e-4)
    assert canonical_parts(32).any(axis=(1, 2)).all()


@pytest.mark.parametrize("turned", [0, 17])
def test_parts_lie_where_the_points_say(turned):
    angle = np.deg2rad(turned)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    p = 0.5 + 0.8 * (POINTS - 0.5) @ turn.T + (0.03, 0.02)
    masks = parts_of(p, SIZE)
    chin = p[8] + 0.1 * (p[27] - p[8])
    places = {
        "eyes": [p[36:42].mean(0), p[42:48].mean(0)],
        "brows": [*p[17:27]],
        "nose": [p[28], p[29], p[30], p[33]],
        "mouth": [p[48], p[54], p[51], p[57], p[60:68].mean(0), (p[31] + p[48] + p[51]) / 3],
        "jaw": [chin, (p[5] + p[48]) / 2, (p[11] + p[54]) / 2],
        "cheeks": [(p[2] + p[31]) / 2, (p[14] + p[35]) / 2],
        "forehead": [(p[21] + p[22]) / 2, (p[19] + p[24]) / 2 + 0.25 * (p[27] - p[8])],
        "hair": [p[0] + 0.12 * (p[0] - p[16]), p[16] + 0.12 * (p[16] - p[0])],
        "background": [p[8] + 0.05 * (p[8] - p[27]), p[4] + 0.2 * (p[4] - p[12])],
    }
    for part, spots in places.items():
        assert [part_at(masks, *spot) for spot in spots] == [part] * len(spots), part


def test_the_order_of_points_in_the_mirror():
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(68))
    np.testing.assert_allclose(POINTS[MIRROR], POINTS * [-1, 1] + [1, 0], atol=1e-12)
    assert (POINTS[[36, 17, 0, 48, 31], 0] < 0.5).all()  # left in the picture
    assert agreement(parts_of(POINTS, SIZE), canonical_parts(SIZE)) > 0.999


def test_parts_move_mirror_and_turn_with_the_points():
    points = POINTS * 0.6 + 0.1
    points[:, 0] += 0.05 * points[:, 1]  # no longer symmetric
    masks = parts_of(points, SIZE)
    moved = parts_of(points + [12 / SIZE, 6 / SIZE], SIZE)
    assert agreement(moved[:, 6:, 12:], masks[:, :-6, :-12]) > 0.999
    mirrored = parts_of(points[MIRROR] * [-1, 1] + [1, 0], SIZE)
    assert agreement(mirrored, masks[:, :, ::-1]) > 0.999
    turned = parts_of(np.stack([1 - points[:, 1], points[:, 0]], axis=1), SIZE)
    assert agreement(turned, np.rot90(masks, -1, axes=(1, 2))) > 0.999


def test_a_wider_crop_holds_the_same_face_smaller():
    narrow, wide = canonical_parts(100, 1.0), canonical_parts(130, 1.3)
    assert agreement(wide[:, 15:115, 15:115], narrow) > 0.999
    np.testing.assert_allclose(canonical_points(2.6), 0.25 + 0.5 * POINTS)


def test_boxes_of_other_detectors_by_hand():
    chin = canonical_points(1.3, "yunet")[8]  # 0.418 below the middle: 0.5434 boxes, 0.6234 from the other's middle
    np.testing.assert_allclose(chin, [0.5, 0.5 + (0.418 * 1.3 + 0.08) / (1.19 * 1.3)])
    assert canonical_points(1.3, "opencv")[27, 1] > POINTS[27, 1]


def test_outlines_by_hand():
    square = np.zeros((8, 8), bool)
    square[2:6, 2:6] = True
    np.testing.assert_array_equal(_inside([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)], 8), square)
    triangle = _inside([(-1, -1), (2, -1), (-1, 2)], 4)  # x + y < 1, reaching out of the picture
    np.testing.assert_array_equal(triangle, [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    line = np.zeros((8, 8), bool)  # centres at 1/16, 3/16 ...: round ends of 0.13 from 5/16 to 9/16 in row 3
    line[3, 1:6] = line[2, 2:5] = line[4, 2:5] = True
    np.testing.assert_array_equal(_near([(5 / 16, 7 / 16), (9 / 16, 7 / 16)], 8, 0.13), line)
    dot = _near([(0.5, 0.5), (0.5, 0.5)], 5, 0.25)
    assert dot.sum() == 5  # the middle pixel and its four neighbours, 0.2 away; the diagonal is 0.28 away


@pytest.mark.parametrize("points", [POINTS[:5], POINTS.ravel(), np.where(POINTS > 0.9, np.nan, POINTS)])
def test_other_points_are_refused(points):
    with pytest.raises(ClewError, match="68 finite points"):
        parts_of(points, SIZE)


def test_sizes_scales_and_finders_that_are_none_are_refused():
    with pytest.raises(ClewError, match="at least 1"):
        canonical_parts(0)
    with pytest.raises(ClewError, match="above 0, found 0"):
        canonical_parts(SIZE, 0)
    with pytest.raises(ClewError, match="'yunett'. Did you mean 'yunet'"):
        canonical_parts(SIZE, 1.3, "yunett")


def test_energy_by_hand():
    masks = np.zeros((9, 2, 2), bool)
    masks[PARTS.index("eyes"), 0, 0] = masks[PARTS.index("background"), 0, 1] = masks[PARTS.index("jaw"), 1] = True
    maps = np.array([[[3.0, 1.0], [0.0, -4.0]], [[0.0, 0.0], [2.0, 6.0]], [[0.0, -1.0], [0.0, 0.0]]])
    shares = part_energy(maps.astype(np.float32), masks)
    expected = np.zeros((3, 9))
    expected[0, [PARTS.index("eyes"), PARTS.index("background")]] = 0.75, 0.25
    expected[1, PARTS.index("jaw")] = 1
    expected[2] = np.nan
    assert shares.dtype == np.float64
    np.testing.assert_allclose(shares, expected)
    np.testing.assert_allclose(part_energy(maps, np.stack([masks] * 3)), expected)


def test_energy_with_the_masks_of_each_picture():
    rng = np.random.default_rng(1)
    maps = rng.random((3, 32, 32))
    masks = np.stack([parts_of(POINTS * share, 32) for share in (1.0, 0.8, 0.6)])
    shares = part_energy(maps, masks)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[1], part_energy(maps[1:2], masks[1])[0])
    np.testing.assert_allclose(part_energy(np.ones((1, 32, 32)), masks[0])[0], masks[0].mean(axis=(1, 2)))


@pytest.mark.parametrize("masks", [canonical_parts(16), np.stack([canonical_parts(8)] * 2), canonical_parts(8)[:8]])
def test_masks_of_another_shape_are_refused(masks):
    with pytest.raises(ClewError, match="make both for one size"):
        part_energy(np.ones((3, 8, 8)), masks)
