"""Measures of a face's pixels: laws that hold for every picture, and numbers of pictures made by hand."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clew.media.quality import blockiness, quality, sharpness


def natural(seed: int, size: int = 128, slope: float = 1.0) -> NDArray[np.uint8]:
    """A picture (H, W, 3) whose amplitude falls as 1 / f, as in nature."""
    spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=(size, size)))
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    f[0, 0] = 1
    plane = np.fft.ifft2(spectrum / f**slope).real
    grey = np.clip(128 + 40 * (plane - plane.mean()) / plane.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


def resized(crop: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    how = cv2.INTER_AREA if size < len(crop) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (size, size), interpolation=how), np.uint8)


def jpeg(crop: NDArray[np.uint8], level: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, level])[1], 1), np.uint8)


def test_a_picture_as_in_nature_is_as_sharp_as_it_is_large() -> None:
    for size in (40, 64, 128):
        assert 0.75 * size < quality(natural(1, size), size)["sharpness"] <= size


@pytest.mark.parametrize("seed", range(4))
def test_blurring_never_raises_sharpness(seed: int) -> None:
    crop = natural(seed)
    found = [quality(crop, 128)["sharpness"]]
    found += [quality(cv2.GaussianBlur(crop, (0, 0), s), 128)["sharpness"] for s in (0.5, 1, 2, 4, 8)]  # type: ignore
    assert all(a > b for a, b in pairwise(found))
    assert found[-1] < 20 < 100 < found[0]


def test_enlarging_adds_no_detail() -> None:
    small = resized(natural(2, 256), 48)
    there = quality(small, 48)["sharpness"]
    for size in (64, 128, 256):
        assert quality(resized(small, size), 48)["sharpness"] <= 1.02 * there
        assert quality(resized(small, size), size)["sharpness"] < 1.2 * there  # though the caller calls it large


def test_sharpness_knows_neither_brightness_nor_contrast() -> None:
    crop = natural(3)
    dim = (crop // 2 + 30).astype(np.uint8)
    assert quality(dim, 128)["sharpness"] == pytest.approx(quality(crop, 128)["sharpness"], rel=0.03)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9, 9), (24, 24), (130, 127)])
@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_plain_picture_has_nothing(shape: tuple[int, int], value: int) -> None:
    found = quality(np.full((*shape, 3), value, np.uint8), max(shape))
    assert found["sharpness"] == found["blockiness"] == 0
    assert found["contrast"] == pytest.approx(0, abs=1e-6)
    assert found["brightness"] == pytest.approx(value / 255)
    assert found["clipped"] == (0 if value == 77 else 1)
    assert all(type(v) is float and np.isfinite(v) for v in found.values())


def test_steps_at_the_edges_of_blocks_alone() -> None:
    """Blocks of 8 whose brightness goes up by 6 each: every step lies at an edge, wherever the square begins."""
    stairs = (np.arange(160) // 8 * 6).astype(np.uint8)
    blocks = np.add.outer(stairs // 2, stairs // 2).astype(np.uint8)
    for left in (0, 3, 7):
        assert blockiness(np.ascontiguousarray(blocks[5:133, left : left + 128]), 128) == pytest.approx(1, abs=0.05)
    slope = np.add.outer(np.arange(128), np.arange(128)).astype(np.uint8)
    assert blockiness(slope, 128) == 0


def test_stronger_compression_shows_more_blocks() -> None:
    crop = natural(4, 160, 1.5)
    found = [blockiness(jpeg(crop, level)[3:153, 5:155, 0].copy(), 150) for level in (95, 50, 20, 5)]
    assert found[0] < 0.03
    assert found[0] < found[1] < found[2] < found[3]
    assert found[3] > 0.3


def test_the_grid_is_found_after_enlarging() -> None:
    """At two thirds or more of what is measured before, if the source's size is told; else hardly at all."""
    crop = jpeg(natural(5, 128, 1.5), 5)
    native = blockiness(crop[..., 0].copy(), 128)
    for size in (200, 256):
        enlarged = resized(crop, size)[..., 0].copy()
        assert 2 / 3 * native < blockiness(enlarged, 128) < native
        assert blockiness(enlarged, size) < native / 5


def test_light_is_measured_on_the_face_itself() -> None:
    crop = np.zeros((130, 130, 3), np.uint8)
    crop[15:115, 15:115] = 100
    crop[15:65, 15:115] = 200
    found = quality(crop, 130)
    assert found["brightness"] == pytest.approx(150 / 255)
    assert found["contrast"] == pytest.approx(50 / 255)
    assert found["clipped"] == 0


def test_equal_crops_give_equal_bits() -> None:
    crop = natural(6)
    assert quality(crop, 128) == quality(crop.copy(order="F"), 128)
    assert sharpness(crop[..., 0].copy(), 128) == quality(crop, 128)["sharpness"]
