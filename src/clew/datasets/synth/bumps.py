"""The relief of a face: hills and hollows (mm) that are added to the plain head."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import cv2
import numpy as np

from clew.datasets.synth.anatomy import SIDES, Anatomy
from clew.datasets.synth.fields import Array, f32
from clew.datasets.synth.person import Person

_NOTHING = np.zeros((0, 0), np.float32)
Bump = tuple[float, float, float, float, float]  # height, s, y, sigma along s, sigma along y (mm)


def _pair(height: float, s: float, y: float, wide: float, tall: float) -> list[Bump]:
    return [(height, side * s, y, wide, tall) for side in SIDES]


def _eye_region(p: Person, a: Anatomy) -> list[Bump]:
    m = p.masculine
    return [
        *_pair(1.5 + 2.8 * m, 22.0, a.brow_y + 2.0, 14.0, 6.0),
        *_pair(-6.0, a.eye_s, -3.0, 13.0, 8.0),
        *_pair(-5.0, 17.0, 0.0, 6.0, 8.0),
        *_pair(4.4, a.eye_s, 0.5, 9.5, 6.0),
        *_pair(-1.6 - 1.2 * p.age, a.eye_s - 4.0, 13.0, 10.0, 3.5),
        *_pair(0.7 + 1.2 * p.age, a.eye_s, 9.0, 9.0, 3.0),
        *_pair(1.2, 30.0, -48.0, 20.0, 14.0),
        *_pair(-3.5, 88.0, -25.0, 14.0, 20.0),
    ]


def _nose(p: Person, a: Anatomy) -> list[Bump]:
    n, b, t, w = a.nose_y, p.nose_bridge, p.nose_tip, a.nose_width / 17.0
    return [
        (6.0 * b, 0.0, 1.0, 4.8, 9.0),
        (6.5 * b, 0.0, 0.30 * n, 4.9, 8.0),
        (7.5 * b, 0.0, 0.52 * n, 5.2, 7.5),
        (7.8, 0.0, 0.70 * n, 5.8, 6.5),
        (12.5 * t, 0.0, 0.86 * n, 6.8 * w, 6.2),
        *_pair(6.8, 12.0 * w, 0.855 * n, 4.2 * w, 5.0),
        *_pair(-2.2, 17.5 * w, 0.90 * n, 3.0, 5.0),
        *_pair(-1.6, 6.2 * w, n - 1.4, 3.4, 2.0),
        (-3.2, 0.0, n + 5.0, 11.0, 4.5),
        (-1.3, 0.0, n + 11.0, 2.6, 6.0),
        *_pair(0.9, 4.6, n + 12.0, 2.0, 5.5),
    ]


def _cheeks(p: Person, a: Anatomy) -> list[Bump]:
    happy = max(a.smile, 0.0)
    return [
        *_pair(2.0 + 3.0 * p.cheeks + 2.6 * happy, 41.0, 25.0 - 4.0 * happy, 15.0, 12.0),
        *_pair(-3.6 * (1.0 - p.cheeks) - 0.8, 58.0, 58.0, 16.0, 16.0),
        *_pair(2.0 * p.cheeks + 1.6 * happy, 38.0, 58.0, 13.0, 13.0),
    ]


def _mouth(p: Person, a: Anatomy) -> list[Bump]:
    m, w = a.mouth_y, a.mouth_width
    low = m + a.gap_low + 0.5 * a.lip_low
    return [
        (4.5, 0.0, m, 22.0, 14.0),
        *_pair(2.2, 5.0, m - a.gap_up - 0.5 * a.lip_up, 6.5, 2.6),
        *_pair(2.2, 5.0, low, 8.0, 0.36 * a.lip_low),
        *_pair(-2.8, w + 1.0, m - 0.75 * a.corner_rise, 3.2, 3.4),
        (-3.6, 0.0, low + 0.5 * a.lip_low + 6.0, 15.0, 4.0),
        (5.0 + 1.5 * p.masculine, 0.0, a.chin_y - 10.0, 13.0, 8.0),
        *_pair(1.5 * p.masculine, 12.0, a.chin_y - 10.0, 8.0, 7.0),
    ]


def relief(p: Person, a: Anatomy, s: Array, y: Array) -> Array:
    """Sum of all bumps over the grid of columns `s` (W,) and rows `y` (H,): (H, W) mm.

    Every bump is an outer product, so the whole face is one matrix product (OpenCV's: it starts no threads).
    """
    table = f32([*_eye_region(p, a), *_nose(p, a), *_cheeks(p, a), *_mouth(p, a)])
    height, s0, y0, wide, tall = (column[:, None] for column in table.T)
    across = np.exp(-0.5 * ((s[None] - s0) / wide) ** 2)
    down = np.exp(-0.5 * ((y[None] - y0) / tall) ** 2) * height
    return cast(Array, cv2.gemm(f32(down), f32(across), 1.0, _NOTHING, 0.0, flags=cv2.GEMM_1_T))


def _crease(s: Array, y: Array, points: list[tuple[float, float]], depth: float, wide: float) -> Array:
    """A groove of `depth` (mm) along a polyline; fades at its ends."""
    out = np.zeros(np.broadcast_shapes(s.shape, y.shape), np.float32)
    for (s0, y0), (s1, y1) in pairwise(points):
        ds, dy = s1 - s0, y1 - y0
        length = ds * ds + dy * dy
        along = np.clip(((s - s0) * ds + (y - y0) * dy) / length, 0.0, 1.0)
        far = (s - s0 - along * ds) ** 2 + (y - y0 - along * dy) ** 2
        np.minimum(out, -depth * np.exp(far * np.float32(-0.5 / wide**2)), out=out)
    return out


def creases(p: Person, a: Anatomy, s: Array, y: Array) -> Array:
    """Folds of age and expression over `s` (1, W) and `y` (H, 1): (H, W) mm, all of them below 0."""
    happy, age = max(a.smile, 0.0), max(p.age - 0.2, 0.0)
    n, c = a.nose_y, a.mouth_width + 7.0
    mirror = np.abs(s)
    fold = [(a.nose_width + 3.0, n - 6.0), (c - 3.0, n + 11.0), (c, a.mouth_y - 2.0 - a.corner_rise)]
    out = _crease(mirror, y, fold, 0.35 + 1.3 * age + 1.3 * happy, 2.2)
    if p.age > 0.4:
        depth, b = 1.3 * (p.age - 0.4), a.brow_y
        for k, level in enumerate((-12.0, -20.0, -29.0)):
            wave = 1.2 * np.sin(s * np.float32(0.09) + p.seed % 7 + k)
            groove = -depth * np.exp(-0.5 * ((y - (b + level + wave)) / 1.1) ** 2)
            out += f32(groove * np.exp(-((s / 40.0) ** 4)))
        e = a.eye_s + a.eye_width
        for dy in (-5.0, 0.5, 6.0):
            out += _crease(mirror, y, [(e + 3.0, 0.3 * dy), (e + 12.0, dy)], (0.6 + happy) * depth, 0.9)
        out += _crease(mirror, y, [(c - 3.0, a.mouth_y + 4.0), (c - 2.0, a.mouth_y + 15.0)], 0.9 * depth, 1.6)
    if p.age > 0.3:
        out += _crease(mirror, y, [(5.0, a.brow_y + 4.0), (6.0, a.brow_y - 6.0)], 0.9 * (p.age - 0.3), 1.0)
    return out
