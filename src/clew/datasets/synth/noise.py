"""A bank of seamless noise tiles, made once per process; people differ by where they sample it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from clew.datasets.synth.fields import Array, f32, sample

TILE = 512
_SEED = 20240517


def _spectrum(low: float, high: float, slope: float) -> Array:
    """Amplitudes (TILE, TILE // 2 + 1) of a noise with wavelengths from `low` to `high` texels."""
    fy = np.fft.fftfreq(TILE)[:, None]
    fx = np.fft.rfftfreq(TILE)[None]
    f = np.hypot(fy, fx)
    inside = (f >= 1.0 / high) & (f <= 1.0 / low)
    return f32(np.where(inside, np.maximum(f, 1e-6) ** -slope, 0.0))


def _draw(key: int, low: float, high: float, slope: float) -> Array:
    rng = np.random.default_rng([_SEED, key])
    white = rng.standard_normal((TILE, TILE))
    tile = np.fft.irfft2(np.fft.rfft2(white) * _spectrum(low, high, slope), s=(TILE, TILE))
    return f32((tile - tile.mean()) / tile.std())


def _spots() -> Array:
    """A tile of round spots of 3 to 9 texels on 0, each between 0.3 and 1 high."""
    rng = np.random.default_rng([_SEED, 99])
    big = np.zeros((TILE, TILE), np.float32)
    for x, y, r, a in zip(*rng.random((4, 1500)), strict=True):
        centre = (int(x * (TILE - 24)) + 12, int(y * (TILE - 24)) + 12)
        cv2.circle(big, centre, int(1 + 3.2 * r * r), float(0.3 + 0.7 * a), -1, cv2.LINE_AA)
    return f32(cv2.GaussianBlur(big, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT))


@cache
def tile(kind: str) -> Array:
    """The tile (TILE, TILE) called `kind`: unit variance, zero mean (spots: 0 to 1); seamless.

    `cloud` has all scales from 8 to 512 texels, `grain` those from 2 to 8, `strand` those from 3 to 40.
    """
    if kind == "spots":
        return _spots()
    low, high, slope = {"cloud": (8, 512, 1.2), "grain": (2, 8, 0.2), "strand": (3, 40, 0.6)}[kind]
    return _draw(sum(kind.encode()), low, high, slope)


@cache
def coarse_tile(kind: str, level: int) -> Array:
    """`tile(kind)` blurred for sampling every 2^level texels, so that fine noise fades instead of aliasing."""
    if level <= 0:
        return tile(kind)
    wrapped = np.pad(tile(kind), 32, mode="wrap")
    return np.ascontiguousarray(cv2.GaussianBlur(wrapped, (0, 0), 0.45 * 2.0**level)[32:-32, 32:-32])


def look(kind: str, x: Array, y: Array, seed: int, step: float = 1.0) -> Array:
    """Noise at texel coordinates `x`, `y` (equal shapes), `step` texels apart, placed by `seed`."""
    level = int(np.clip(np.round(np.log2(max(step, 1.0))), 0, 4))
    dx, dy = seed % TILE, (seed // TILE) % TILE
    texture = coarse_tile(kind, level)
    return sample(texture, x + np.float32(dx), y + np.float32(dy), cv2.BORDER_WRAP)
