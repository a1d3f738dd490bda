"""The colour of skin over the face: tone, blood, freckles, pores, beard shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.datasets.synth.anatomy import Anatomy
from clew.datasets.synth.fields import Array, f32, gauss, smoothstep
from clew.datasets.synth.noise import look
from clew.datasets.synth.person import Person

_BLOOD = f32([0.10, -0.16, -0.14])  # what redness does to log albedo
_SPOT = f32([0.45, 0.75, 0.95])


@dataclass(frozen=True)
class Skin:
    """Maps over the pixels: linear `albedo` (H, W, 3), `gloss` and `relief` (H, W); relief is pores, 0 mean."""

    albedo: Array
    gloss: Array


def _blood(p: Person, a: Anatomy, s: Array, y: Array, step: float) -> Array:
    """Where blood shows: cheeks, nose, ears, chin: (H, W) around 0."""
    mirror = f32(np.abs(s))
    cheeks = gauss(mirror - 43.0, 19.0) * gauss(y - 31.0, 16.0) * (0.45 + 0.7 * p.make_up)
    nose = gauss(s, 11.0) * gauss(y - 0.86 * a.nose_y, 9.0) * 0.9
    ears = smoothstep(mirror, 118.0, 132.0) * 0.9
    chin = gauss(s, 14.0) * gauss(y - a.chin_y + 10.0, 9.0) * 0.4
    blotch = 0.35 * look("cloud", s * 1.2, y * 1.2, p.seed + 3, step * 1.2)
    pale = 0.5 * gauss(mirror - a.eye_s, 14.0) * gauss(y - 2.0, 9.0)
    return f32((cheeks + nose + ears + chin - pale) * (0.3 + 0.75 * p.redness) + blotch * (0.4 + 0.6 * p.redness))


def _spots(p: Person, s: Array, y: Array, step: float) -> Array:
    """Freckles and moles: absorption from 0 to about 1."""
    out = np.zeros_like(s)
    if p.freckles > 0.05:
        where = gauss(y - 25.0, 28.0) * gauss(s, 60.0)
        out += p.freckles * where * look("spots", s * 2.4, y * 2.4, p.seed + 7, step * 1.6)
    moles = look("spots", s * 1.3, y * 1.3, p.seed + 11, step)
    out += smoothstep(moles, 0.92 - 0.14 * p.blemishes, 1.0) * 0.7
    return f32(out)


def beard_area(p: Person, a: Anatomy, s: Array, y: Array) -> Array:
    """Where a beard of the person's kind grows: (H, W) from 0 to 1, mouth left out."""
    mirror = f32(np.abs(s))
    edge = np.interp(mirror, (0.0, 20.0, 34.0, 62.0, 90.0, 112.0), (60.0, 60.0, 69.0, 74.0, 50.0, 0.0))
    low = smoothstep(f32(y - edge - (a.mouth_y - 72.0)), -4.0, 7.0)
    lip = gauss(mirror - 0.55 * a.mouth_width, 0.55 * a.mouth_width)
    top = lip * gauss(y - a.nose_y - 0.42 * (a.mouth_y - a.nose_y), 4.6)
    neck = smoothstep(y, a.chin_y + 28.0, a.chin_y + 2.0) * smoothstep(mirror, 128.0, 112.0)
    if p.beard == "moustache":
        return f32(top)
    if p.beard == "goatee":
        ring = smoothstep(mirror, a.mouth_width + 11.0, a.mouth_width + 3.0)
        return f32(np.maximum(low * ring * neck, top * 0.9))
    return f32(np.maximum(low * neck, top * 0.9))


def paint_skin(p: Person, a: Anatomy, s: Array, y: Array, step: float) -> Skin:
    """The bare skin of `p` at points (`s`, `y`) in mm, `step` mm apart."""
    log = _blood(p, a, s, y, step)[..., None] * _BLOOD
    rough = look("grain", s * 2.6, y * 2.6, p.seed + 13, step * 2.6)
    tone = look("cloud", s * 2.0, y * 2.0, p.seed + 17, step * 2.0)
    dark_rings = gauss(f32(np.abs(s) - a.eye_s + 4.0), 10.0) * gauss(y - 11.0, 4.5)
    even = 0.045 * tone + (0.035 + 0.05 * p.age) * rough - (0.12 + 0.22 * p.age) * dark_rings
    if p.make_up > 0.3:
        lid = gauss(f32(np.abs(s) - a.eye_s - 2.0), 10.0) * gauss(y + 7.0, 4.0)
        even = even - 0.5 * p.make_up * lid
    log = log + even[..., None] - _spots(p, s, y, step)[..., None] * _SPOT
    if p.masculine > 0.5 and p.beard in ("none", "stubble"):
        amount = 0.10 if p.beard == "none" else 0.26
        dots = 1.0 + 0.55 * look("grain", s * 3.4, y * 3.4, p.seed + 19, step * 3.4)
        log = log - (amount * beard_area(p, a, s, y) * dots)[..., None] * f32([1.15, 1.0, 0.85])
    gloss = 0.035 + 0.06 * p.gloss * (
        gauss(s, 9.0) * gauss(y - 0.5 * a.nose_y, 26.0)
        + 0.8 * gauss(s, 38.0) * gauss(y + 48.0, 18.0)
        + 0.6 * gauss(f32(np.abs(s) - 40.0), 15.0) * gauss(y - 20.0, 10.0)
    )
    return Skin(f32(f32(p.skin) * np.exp(log)), f32(gloss * (1.0 + 0.25 * rough)))
