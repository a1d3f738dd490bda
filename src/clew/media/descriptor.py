"""A crop in a few dozen low-level numbers, by which crops of another kind stand out: no network, half a millisecond."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

VERSION = 1  # of what `descriptor` measures: what was learned from another one is not compared with it
SIZE = 64
SURFACE = 19  # the first so many numbers are of frequencies, light and noise; the others of where things are
_OCTAVES = 5  # of frequency: from the finest, a quarter to half a cycle per pixel, down
_FLOOR = 1e-2  # grey levels squared: what rounding to 8 bits leaves in any band
_GRID = 4  # the places of a face that edges are counted in
_COARSE = 8  # rows and columns of the face as light and shade


def descriptor(crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What a crop, RGB uint8 (H, W, 3), looks like from afar: (D,) statistics, the same for the same pixels.

    Energies by octave of luma and of the colour differences (log), means and spreads of light and colour, noise, the
    face as light and shade on 8x8 places, likeness to its mirror image, and where edges of which direction are.
    Crops are compared at one size: all as the network takes them.
    """
    how = cv2.INTER_AREA if min(crop.shape[:2]) > SIZE else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(crop), (SIZE, SIZE), interpolation=how).astype(np.float32)
    planes = cv2.split(cv2.cvtColor(small / 255, cv2.COLOR_RGB2YCrCb) * 255)
    luma, red, blue = (np.asarray(plane, np.float32) for plane in planes)
    parts = (
        _octaves(luma, _OCTAVES),
        _octaves(red, _OCTAVES - 2),
        _octaves(blue, _OCTAVES - 2),
        _light(luma, red, blue),
        [_noise(luma)],
        _shade(luma),
        _edges(luma),
    )
    return np.concatenate(parts).astype(np.float64)


@cache
def length() -> int:
    """D, how many numbers describe a crop."""
    return len(descriptor(np.zeros((SIZE, SIZE, 3), np.uint8)))


def _octaves(plane: Plane, count: int) -> list[float]:
    """Log energies of the levels of a Laplacian pyramid (Burt and Adelson, 1983), the finest first."""
    found = []
    for _ in range(count):
        less = np.asarray(cv2.pyrDown(plane), np.float32)
        rest = plane - cv2.pyrUp(less, dstsize=plane.shape[1::-1])
        found.append(float(np.log(np.square(rest).mean() + _FLOOR)))
        plane = less
    return found


def _light(luma: Plane, red: Plane, blue: Plane) -> list[float]:
    """Mean and log spread of luma, mean and log spread of the colour differences, and how these go together."""
    found = []
    for plane in (luma, red, blue):
        mean, deviation = cv2.meanStdDev(plane)
        found += [float(mean[0, 0]) / 64, float(np.log(deviation[0, 0] + 0.5))]
    return [*found, _likeness(red, blue)]


def _noise(luma: Plane) -> float:
    """Log of the noise's deviation by Immerkaer's mask, which lines and slopes do not reach (CVIU 64, 1996)."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.log(np.median(np.abs(cv2.filter2D(luma, -1, mask))) / 4 + 0.1))


def _shade(luma: Plane) -> NDArray[np.float64]:
    """The lowest waves (16) of a face of 8x8 places without its mean and contrast, and likeness to its mirror image."""
    coarse = cv2.resize(luma, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    coarse = (coarse - coarse.mean()) / (coarse.std() + 1)
    waves = cv2.dct(coarse)[:4, :4].ravel()[1:] / 4
    return np.concatenate((waves, [_likeness(coarse, coarse[:, ::-1])]))


def _edges(luma: Plane) -> NDArray[np.float64]:
    """Of 4x4 places: the log share of all edges there; of its rows: how far they lie level (+) or upright (-)."""
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    upright, level = _places(np.square(across)), _places(np.square(down))
    both = upright + level
    share = np.log(both / (both.mean() + 1) + 0.02).ravel()
    return np.concatenate((share, np.log((level.mean(1) + 1) / (upright.mean(1) + 1))))


def _places(plane: Plane) -> Plane:
    return np.asarray(cv2.resize(plane, (_GRID, _GRID), interpolation=cv2.INTER_AREA), np.float32)


def _likeness(a: Plane, b: Plane) -> float:
    """Correlation of two planes, -1 to 1; 0 where one of them is plain."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + a.size * 0.1))
