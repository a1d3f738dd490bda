"""The head as a surface of revolution gone irregular: a radius over (s, y), with hair on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from clew.datasets.synth.anatomy import AXIS_Z, RADIUS, Anatomy
from clew.datasets.synth.bumps import creases, relief
from clew.datasets.synth.fields import Array, blur, f32, sample, smoothstep
from clew.datasets.synth.hair import CUTS, Hair, grow_hair
from clew.datasets.synth.person import Person

S_EDGE = RADIUS * np.pi
Y_TOP, Y_BOTTOM = -150.0, 215.0
CROWN = 80.0  # mm above the pupils where the dome begins
# Half breadth relative to the head's, and depth in front of the axis (mm), down the average head. Below the
# mouth the rows are those of `_LOWER` between mouth (0) and chin (1).
_ROWS = (-150, -128, -115, -95, -70, -40, -10, 25, 50, 70)
_SIDE = (0.05, 0.42, 0.66, 0.87, 0.97, 1.0, 0.972, 0.905, 0.825, 0.735)
_DEPTH = (10, 42, 66, 83, 95, 101, 98, 94, 96, 99)
_LOWER = (0.3, 0.55, 0.75, 0.88, 0.97, 1.05, 1.15, 1.3)
_SIDE_LOWER = (0.66, 0.585, 0.50, 0.41, 0.30, 0.19, 0.09, 0.04)
_DEPTH_LOWER = (99, 99, 99, 98, 91, 68, 30, 10)


@dataclass(frozen=True)
class Surface:
    """Maps over (s, y), rows from Y_TOP, columns from -S_EDGE, one cell every `cell` mm."""

    cell: float
    radius: Array  # (H, W) mm from the axis, hair included
    relief: Array  # (H, W, 4): normal in the head's frame, mm below the smooth neighbourhood
    hair: Hair

    def at(self, texture: Array, s: Array, y: Array) -> Array:
        """Looks `texture` up at points (`s`, `y`) in mm."""
        scale = np.float32(1.0 / self.cell)
        return sample(texture, (s + np.float32(S_EDGE)) * scale, (y - np.float32(Y_TOP)) * scale)


def _profiles(a: Anatomy, y: Array) -> tuple[Array, Array]:
    """Half breadth and depth (mm) of the head at rows `y`, with the jaw where the expression puts it."""
    mouth, chin = a.mouth_y, a.chin_y
    rows = [*_ROWS, *(mouth + t * (chin - mouth) for t in _LOWER)]
    order = np.maximum.accumulate(rows)
    wide = 1.0 + (a.jaw - 1.0) * np.clip((y - 20.0) / 50.0, 0.0, 1.0)
    side = np.interp(y, order, [*_SIDE, *_SIDE_LOWER]) * a.width * wide
    depth = np.interp(y, order, [*_DEPTH, *_DEPTH_LOWER])
    cells = 5.0 / float(y[1] - y[0])
    return f32(blur(f32(side)[:, None], cells)[:, 0]), f32(blur(f32(depth)[:, None], cells)[:, 0])


def _skull(p: Person, a: Anatomy, theta: Array, y: Array) -> Array:
    side, depth = (v[:, None] for v in _profiles(a, y))
    n = np.float32(p.flatness)
    back = np.where(np.cos(theta) > 0, depth, np.minimum(depth, 78.0) + 8.0)
    return f32((np.abs(np.sin(theta) / side) ** n + np.abs(np.cos(theta) / back) ** n) ** (-1.0 / n))


def _neck(p: Person, theta: Array, y: Array) -> Array:
    wide = 42.0 + 8.0 * p.masculine
    flare = smoothstep(y, 120.0, 215.0)[:, None] * 40.0
    apple = 3.5 * p.masculine * np.exp(-((theta / 0.09) ** 2) - (((y[:, None] - 150.0) / 9.0) ** 2))
    tube = wide - 9.0 * np.cos(theta) + flare * np.abs(np.sin(theta)) + apple
    return f32(tube * smoothstep(y, 40.0, 95.0)[:, None])


def _ears(p: Person, a: Anatomy, s: Array, y: Array) -> Array:
    """Ears as a shell with a rim and a bowl, standing off the side of the head: (H, W) mm."""
    across = (np.abs(s) - a.ear_s + 0.10 * (y - a.ear_y)) / (13.0 * p.ears)
    up = (y - a.ear_y) / (30.0 * p.ears)
    wide = 1.0 - 0.35 * smoothstep(f32(up), 0.0, 1.0)
    far = np.sqrt((across / wide) ** 2 + up**2)
    shell = 13.0 * smoothstep(f32(far), 1.0, 0.55) * smoothstep(f32(across), -0.9, 0.5) * wide
    rim = 2.2 * np.exp(-(((far - 0.72) / 0.14) ** 2)) * smoothstep(f32(across), -0.6, 0.3)
    bowl = -4.0 * np.exp(-(((across + 0.1) / 0.4) ** 2) - ((up - 0.1) / 0.4) ** 2)
    return f32(shell + rim + bowl)


def _relief(radius: Array, cavity: Array, theta: Array, cell: float) -> Array:
    """Unit normals of the surface at `radius` (H, W) mm around the axis, and `cavity`: (H, W, 4)."""
    along = cv2.Sobel(radius, cv2.CV_32F, 1, 0, ksize=3, scale=RADIUS / (8.0 * cell))  # dr / dtheta
    down = cv2.Sobel(radius, cv2.CV_32F, 0, 1, ksize=3, scale=1.0 / (8.0 * cell))
    sin, cos = np.sin(theta), np.cos(theta)
    turn = along / radius
    x, y, z = sin - turn * cos, -down, cos + turn * sin
    length = 1.0 / np.sqrt(x * x + y * y + z * z)
    return f32(cv2.merge([x * length, y * length, z * length, cavity]))


def build_surface(p: Person, a: Anatomy, cell: float) -> Surface:
    """The head of `p` with face `a`, sampled every `cell` mm."""
    s = f32(np.arange(-S_EDGE, S_EDGE + cell, cell))
    y = f32(np.arange(Y_TOP, Y_BOTTOM + cell, cell))
    theta = s[None] / np.float32(RADIUS)
    head = _skull(p, a, theta, y)
    _add_window(head, s, y, (-132.0, 132.0, -100.0, 150.0), lambda u, v: relief(p, a, u[0], v[:, 0]))
    _add_window(head, s, y, (-60.0, 60.0, -75.0, 115.0), lambda u, v: creases(p, a, u, v))
    for low, high in () if CUTS[p.hair_style].length else ((-165.0, -115.0), (115.0, 165.0)):
        _add_window(head, s, y, (low, high, -25.0, 55.0), lambda u, v: _ears(p, a, u, v))
    neck = _neck(p, theta, y)
    skin = f32(0.5 * (head + neck + np.sqrt((head - neck) ** 2 + 16.0)))
    hair = grow_hair(p, a, s[None], y[:, None], skin)
    radius = np.maximum(skin, hair.radius)
    cavity = blur(skin, 7.0 / cell) - skin
    return Surface(cell, radius, _relief(radius, cavity, theta, cell), hair)


def close_crown(surface: Surface, p: Person) -> Surface:
    """`surface` with a dome on top: build_surface leaves it open above the frame of a portrait."""
    y = f32(Y_TOP + surface.cell * np.arange(surface.radius.shape[0]))
    first = int(np.searchsorted(y, -CROWN))
    cut = CUTS[p.hair_style]
    tall = 40.0 + cut.top * (0.5 + 0.7 * p.hair_volume)
    up = np.clip((-CROWN - y[:first]) / tall, 0.0, 1.3)[:, None]
    dome = surface.radius[first] * np.sqrt(np.clip(1.0 - up**2, 0.0, 1.0)) - 30.0 * np.clip(up - 1.0, 0.0, 1.0)
    radius = surface.radius.copy()
    radius[:first] = np.minimum(radius[:first], dome)
    theta = f32(-S_EDGE + surface.cell * np.arange(radius.shape[1]))[None] / np.float32(RADIUS)
    turned = surface.relief.copy()
    rows = slice(0, first + 2)
    turned[:first] = _relief(np.maximum(radius[rows], 2.0), turned[rows, :, 3], theta, surface.cell)[:first]
    return replace(surface, radius=f32(radius), relief=turned)


def _add_window(
    target: Array, s: Array, y: Array, box: tuple[float, float, float, float], bump: Callable[[Array, Array], Array]
) -> None:
    """Adds `bump` to the part of `target` inside `box` = (least s, most s, least y, most y)."""
    i0, i1 = np.searchsorted(s, box[:2])
    j0, j1 = np.searchsorted(y, box[2:])
    target[j0:j1, i0:i1] += bump(s[None, i0:i1], y[j0:j1, None])


def to_space(radius: Array, s: Array, y: Array) -> tuple[Array, Array, Array]:
    """Points (x, y, z) in the head's frame at `radius` over (`s`, `y`)."""
    theta = s / np.float32(RADIUS)
    return f32(radius * np.sin(theta)), y, f32(radius * np.cos(theta) + np.float32(AXIS_Z))
