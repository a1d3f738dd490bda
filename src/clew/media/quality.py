"""What a face's pixels allow to be said of it: size, detail, traces of compression, light."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

LARGEST = 128  # detail of a face is looked for up to so many pixels across
SMALLEST = 8
_KEPT = 5  # cycles per square that every picture of a face has, which the finer ones are compared with
_BLOCK = 8  # pixels: the blocks of JPEG, of MPEG's transforms too
_FACE = 1 / 1.3  # share of the square's side that is the face's own box
_DARK, _BRIGHT = 4, 251


def quality(crop: NDArray[np.uint8], side: float) -> dict[str, float]:
    """Measures of a face's square, RGB uint8 (H, W, 3), that is `side` pixels wide in its source.

    The square may be as it was cut or resized; as it was cut the blocks of compression are seen best. `side` pixels;
    `sharpness` the pixels across that its detail would fill, at most `side` and 128 (see `sharpness`); `blockiness`
    0 without traces of blocks (see `blockiness`); `brightness` 0 to 1 and `contrast` 0 to 0.5, mean and standard
    deviation of luma in the face's box; `clipped` 0 to 1, the share of its pixels that are black or white.
    """
    luma = np.asarray(cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY), np.uint8)
    face = _middle(luma)
    mean, deviation = cv2.meanStdDev(face)
    clipped = cv2.countNonZero(cv2.inRange(face, (_DARK + 1,), (_BRIGHT - 1,)))
    return {
        "side": float(side),
        "sharpness": sharpness(luma, side),
        "blockiness": blockiness(luma, side),
        "brightness": float(mean[0, 0]) / 255,
        "contrast": float(deviation[0, 0]) / 255,
        "clipped": 1 - clipped / face.size,
    }


def sharpness(luma: NDArray[np.uint8], side: float) -> float:
    """Pixels across that would hold the detail of a square (H, W) cut `side` pixels wide: at most `side` and 128.

    In pictures of nature the amplitude at f cycles falls as 1 / f (Field, J. Opt. Soc. Am. A 4, 1987), so f times the
    amplitude is level up to where blur or enlarging cut it off. Each ring of frequencies counts two pixels where it is
    as high as the first five, less in proportion where it is lower. Blurring never raises it; noise does.
    """
    size = int(np.clip(round(min(side, *luma.shape)), SMALLEST, LARGEST))
    small = cv2.resize(luma, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    rings, window, counts = _rings(size)
    spectrum = np.fft.rfft2((small - small.mean()) * window)
    power = np.bincount(rings, np.square(np.abs(spectrum)).ravel(), size)[1 : size // 2 + 1] / counts
    height = np.sqrt(power) * np.arange(1, len(power) + 1)
    level = float(np.sqrt(np.square(height[1:_KEPT]).mean())) if len(height) > _KEPT else 0.0
    if level < 1e-3:
        return 0.0
    return 2 * (_KEPT + float(np.minimum(1, height[_KEPT:] / level).sum()))


def blockiness(luma: NDArray[np.uint8], side: float) -> float:
    """How much larger the steps of brightness are at the edges of 8x8 blocks than beside them, relative to all steps.

    0 where there are none, about 1 where every step lies at an edge; the mean of both directions. As Wang, Sheikh and
    Bovik (ICIP 2002), with the grid's place found, as a face's square begins anywhere in it. A resized square keeps a
    grid of 8 source pixels, which is looked for; one made smaller by more than a third shows none.
    """
    scale = luma.shape[0] / max(side, 1.0)
    if scale < 2 / 3 or min(luma.shape) < 3 * _BLOCK:
        return 0.0
    if scale > 1.02:  # enlarged: its steps are smeared, so it is looked at in its source's pixels
        size = max(1, round(side))
        luma, scale = np.asarray(cv2.resize(luma, (size, size), interpolation=cv2.INTER_AREA), np.uint8), 1.0
    if min(luma.shape) < 3 * _BLOCK:
        return 0.0
    across = cv2.reduce(cv2.absdiff(luma[:, 1:], luma[:, :-1]), 0, cv2.REDUCE_AVG, dtype=cv2.CV_64F)
    down = cv2.reduce(cv2.absdiff(luma[1:], luma[:-1]), 1, cv2.REDUCE_AVG, dtype=cv2.CV_64F)
    found = [_steps(np.asarray(steps, np.float64).ravel(), _BLOCK * scale) for steps in (across, down)]
    return sum(found) / 2


def _steps(steps: NDArray[np.float64], period: float) -> float:
    """Steps (N,) at the best of eight places of a grid of `period` pixels over those beside them, at least 0."""
    beside = (steps[:-2] + steps[2:]) / 2
    phase = (np.arange(1, len(steps) - 1) / period * _BLOCK).astype(int) % _BLOCK
    counts = np.maximum(1, np.bincount(phase, minlength=_BLOCK))
    rise = np.sort(np.bincount(phase, steps[1:-1] - beside, _BLOCK) / counts)
    whole = float(steps.mean())
    # The runner-up of the other places is what chance gives: without a grid the best is hardly above it.
    return max(0.0, float(rise[-1] - max(rise[-2], 0.0))) / (_BLOCK * whole) if whole > 1e-3 else 0.0


def _middle(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of a square that is the face's own box."""
    height, width = luma.shape
    top, left = round(height * (1 - _FACE) / 2), round(width * (1 - _FACE) / 2)
    return luma[top : max(top + 1, height - top), left : max(left + 1, width - left)]


@cache
def _rings(size: int) -> tuple[NDArray[np.int64], Grey, NDArray[np.float64]]:
    """Of squares (size, size): the ring of each place of the half spectrum, a Hann window, places in each ring."""
    down = np.fft.fftfreq(size, 1 / size)[:, None]
    across = np.arange(size // 2 + 1)[None]
    rings = np.minimum(np.rint(np.hypot(down, across)).astype(np.int64), size - 1).ravel()
    hann = np.hanning(size + 2)[1:-1].astype(np.float32)
    counts = np.maximum(1, np.bincount(rings, minlength=size))[1 : size // 2 + 1]
    return rings, np.outer(hann, hann), counts.astype(np.float64)
