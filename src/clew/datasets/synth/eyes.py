"""Eyes: the ball with its iris, the lids that cover it, lashes and brows."""

from __future__ import annotations

import numpy as np

from clew.datasets.synth.anatomy import Anatomy, Lids, lids
from clew.datasets.synth.fields import Array, f32, gauss, over, smoothstep, soft
from clew.datasets.synth.light import Lamp
from clew.datasets.synth.noise import look
from clew.datasets.synth.person import Person
from clew.datasets.synth.shot import Shot

IRIS = 6.0  # mm, radius


def eye_opening(eye: Lids, pixel: float) -> Array:
    """Cover (H, W) of the visible eyeball."""
    inside = np.minimum(eye.v - eye.upper, eye.lower - eye.v)
    wide = soft(f32(1.0 - np.abs(eye.u)) * 15.0, pixel)
    return f32(soft(f32(inside), max(pixel, 0.5)) * wide)


def _iris(p: Person, x: Array, y: Array, pixel: float) -> tuple[Array, Array]:
    """Colour (H, W, 3) and cover (H, W) of the iris at mm from its centre."""
    r = np.hypot(x, y)
    angle = np.arctan2(y, x)
    fibres = look("strand", f32(angle * 26.0), f32(r * 2.0), p.seed + 41, 1.0)
    light = 0.75 + 0.25 * fibres + 0.5 * gauss(f32(r - 3.0), 1.0)
    light = light * (1.0 - 0.72 * smoothstep(f32(r), IRIS - 1.5, IRIS - 0.1))
    colour = f32(p.iris) * light[..., None]
    pupil = soft(f32(2.1 - r), max(pixel, 0.6))
    over(colour, (0.004, 0.004, 0.005), pupil)
    return f32(colour), soft(f32(IRIS - r), max(pixel, 0.7))


def paint_eye(
    p: Person, a: Anatomy, shot: Shot, lamp: Lamp, side: float, s: Array, y: Array, light: Array, pixel: float
) -> tuple[Array, Array]:
    """Lit colour (H, W, 3) of the eyeball and its cover (H, W); `light` (H, W, 3) falls on a flat patch."""
    eye = lids(a, p.eye_tilt, side, s, y)
    cover = eye_opening(eye, pixel)
    x = eye.u * np.float32(a.eye_width) * np.float32(side)
    gx, gy = 5.0 * shot.gaze_x, 3.2 * shot.gaze_y - 0.06 * a.lid_up
    ball = f32(np.broadcast_to(f32([0.56, 0.50, 0.47]), (*s.shape, 3)).copy())
    veins = look("strand", s * 1.5, y * 4.0, p.seed + 43, pixel * 4.0)
    corner = smoothstep(f32(np.abs(eye.u)), 0.45, 1.0)
    ball *= 1.0 - (0.25 + 0.06 * veins * (1.0 + p.age))[..., None] * corner[..., None] * f32([0.5, 1.0, 1.0])
    iris, round_cover = _iris(p, f32(x - gx), f32(eye.v - gy), pixel)
    ball += (iris - ball) * round_cover[..., None]
    tear = gauss(f32(eye.u + 0.93), 0.07)
    over(ball, (0.42, 0.2, 0.17), f32(tear * 0.8))
    shade = 0.45 + 0.55 * smoothstep(f32(eye.v - eye.upper), 0.0, 4.5)
    curve = 1.0 - 0.35 * np.square(eye.u)
    lit = ball * light * (shade * curve)[..., None]
    key = lamp.key
    spot_x, spot_y = gx + 3.0 * float(key[0]), gy + 3.0 * float(key[1])
    spot = np.hypot(x - spot_x, (eye.v - spot_y) * 0.9)
    glint = soft(f32(0.95 + 0.35 * lamp.softness - spot), max(pixel, 0.8)) * min(1.0, pixel**-0.5)
    lit += glint[..., None] * lamp.key_colour * 0.85
    wet = gauss(f32(eye.v - eye.lower + 0.5), 0.4)
    lit += (wet * 0.07)[..., None] * light
    return f32(lit), cover


def lid_lines(p: Person, a: Anatomy, side: float, s: Array, y: Array, pixel: float) -> tuple[Array, Array]:
    """How dark lashes (H, W) and how dark the fold of the lid and its shadow (H, W) are, 0 to 1."""
    eye = lids(a, p.eye_tilt, side, s, y)
    near = smoothstep(f32(np.abs(eye.u)), 1.18, 0.92)
    thick = 0.55 + 0.35 * p.make_up + 0.4 * np.clip(eye.u, 0.0, 1.0) + 0.25 * (1.0 - p.masculine)
    ragged = 1.0 + 0.35 * look("strand", s * 6.0 + eye.v * 2.0, y * 0.8, p.seed + 47, pixel * 3.0)
    width = np.sqrt(np.square(thick * ragged) + (0.35 * pixel) ** 2)
    above = eye.v - eye.upper + 0.35 * thick
    lashes = np.exp(-0.5 * np.square(above / width)) * near * np.minimum(1.0, 1.25 * thick / pixel**0.5)
    lower = gauss(f32(eye.v - eye.lower - 0.2), 0.45 + 0.3 * pixel) * near * (0.22 + 0.25 * p.make_up)
    high = 1.6 + 2.6 * p.lid_fold
    inside = np.clip(1.06 - np.square(eye.u), 0.0, 1.0)
    crease = eye.v - eye.upper + high * (0.55 + 0.45 * inside)
    fold = gauss(f32(crease), 0.65 + 0.25 * pixel) * smoothstep(f32(np.abs(eye.u)), 1.15, 0.8)
    bag = gauss(f32(eye.v - eye.lower - 6.0 - 2.0 * p.age), 1.3) * smoothstep(f32(np.abs(eye.u)), 1.0, 0.5)
    folds = fold * (0.35 + 0.3 * p.age) + bag * (0.04 + 0.2 * p.age)
    return f32(np.clip(np.maximum(lashes, lower), 0.0, 0.95)), f32(folds)


def brow_cover(p: Person, a: Anatomy, s: Array, y: Array, pixel: float) -> Array:
    """Cover (H, W) of both brows, hair by hair."""
    u = f32((np.abs(s) - 12.0) / 38.0 + 0.02 * np.sign(s) * np.sin(p.seed % 13))
    along = np.clip(u, 0.0, 1.0)
    rise = a.brow_arch * np.sin(np.pi * np.clip(along * 0.95, 0, 1) ** 1.15)
    line = a.brow_y + 1.5 - rise - 1.5 * along + 7.0 * np.clip(along - 0.72, 0.0, 1.0) ** 1.3
    half = p.brow_thick * (0.55 + 0.75 * np.sqrt(np.clip(along * 6, 0, 1)) - 0.85 * along**1.6) + 0.25
    far = np.abs(y - line) / half
    ends = smoothstep(u, -0.06, 0.10) * smoothstep(u, 1.03, 0.88)
    slant = np.abs(s) + (y - line) * (1.6 - 2.2 * along)
    hairs = look("strand", f32(slant * 3.2), f32((y - line) * 1.0 + 40.0 * np.sign(s)), p.seed + 53, pixel * 2.4)
    body = np.clip(1.25 - np.square(far) * (0.8 + 0.25 * hairs), 0.0, 1.0)
    return f32(body * ends * np.clip(0.85 + 0.25 * hairs, 0.3, 1.0) * p.brow_dense)
