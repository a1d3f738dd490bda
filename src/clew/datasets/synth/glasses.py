"""Glasses: two rims, a bridge and temples in front of the face."""

from __future__ import annotations

import cv2
import numpy as np

from clew.datasets.synth.anatomy import SIDES, Anatomy
from clew.datasets.synth.fields import Array, blur, f32, over
from clew.datasets.synth.person import Person
from clew.datasets.synth.view import View

_SHIFT = 4  # fractional bits of the drawn coordinates


def _rim(p: Person, a: Anatomy, side: float) -> Array:
    """Points (N, 3) of one rim in the head's frame."""
    t = np.linspace(0, 2 * np.pi, 40)
    power = 1.0 if p.glasses == "round" else 0.45
    wide, tall = (23.5, 21.0) if p.glasses == "round" else (26.5, 18.0)
    x = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power * wide
    y = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power * tall
    z = 20.0 - 0.010 * np.square(x + side * side * (a.eye_s + 2.0))
    return f32(np.stack([side * (x + a.eye_s + 2.0), y + 4.0, z], 1))


def _lines(p: Person, a: Anatomy) -> list[Array]:
    inner = a.eye_s + 2.0 - (23.5 if p.glasses == "round" else 26.5)
    t = np.linspace(-1, 1, 12)
    bridge = np.stack([t * (inner + 0.5), -2.5 - 2.5 * (1 - t**2), 20.0 + 2.0 * (1 - t**2)], 1)
    outer = 2 * (a.eye_s + 2.0) - inner
    arms = [f32([[e * outer, 0.0, -2.0], [e * (a.width + 5.0), -2.0, -75.0]]) for e in SIDES]
    return [f32(bridge), *arms]


def _stroke(shape: tuple[int, int], lines: list[Array], closed: bool, width: float) -> Array:
    """Cover (H, W) of poly-lines in pixels, `width` pixels thick, anti-aliased."""
    out = np.zeros(shape, np.uint8)
    for points in lines:
        fixed = np.round(points * (1 << _SHIFT)).astype(np.int32)[:, None]
        cv2.polylines(out, [fixed], closed, 255, max(1, round(width)), cv2.LINE_AA, _SHIFT)
    return f32(out * np.float32(min(1.0, width) / 255.0))


def wear_glasses(p: Person, a: Anatomy, view: View, canvas: Array, light: float) -> Array:
    """Paints the glasses over lit `canvas` (H, W, 3) in place; returns the cover (H, W) of their frame."""
    shape = canvas.shape[:2]
    rims = [view.project(_rim(p, a, side)) for side in SIDES]
    width = (1.3 + 2.2 * (p.seed % 5) / 4.0) / view.mm
    frame = np.maximum(
        _stroke(shape, rims, True, width), _stroke(shape, [view.project(l) for l in _lines(p, a)], False, width)
    )
    drop = round(5.0 / view.mm)
    shadow = blur(np.roll(frame, drop, 0), 2.0 / view.mm)
    canvas *= 1.0 - 0.4 * shadow[..., None]
    lens = np.zeros(shape, np.uint8)
    for rim in rims:
        cv2.fillPoly(lens, [np.round(rim).astype(np.int32)], 255, cv2.LINE_AA)
    glare = f32(np.linspace(1, 0, shape[0])[:, None] * np.linspace(0, 1, shape[1])[None])
    canvas += (f32(lens) / 255.0 * (0.015 + 0.05 * glare) * light)[..., None]
    bevel = frame - np.roll(frame, 1, 0)
    over(canvas, f32(p.glasses_colour) * light + np.clip(bevel, 0, 1)[..., None] * 0.10 * light, frame)
    return frame
