"""What is behind the person, out of focus, and the clothes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from clew.datasets.synth.fields import Array, blur, f32, over, resize, soft
from clew.datasets.synth.noise import look
from clew.datasets.synth.person import Person
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.view import View

_N = 96  # pixels of the low-resolution background


def _colour(rng: np.random.Generator, low: float, high: float, spread: float = 0.25) -> Array:
    level = np.exp(rng.uniform(np.log(low), np.log(high)))
    return f32(np.clip(level * np.exp(rng.normal(0, spread, 3)), 0, 1))


def _ramp(rng: np.random.Generator, a: Array, b: Array) -> Array:
    at = f32(np.linspace(-0.5, 0.5, _N))
    angle = rng.uniform(0, 2 * np.pi)
    t = np.clip(at[None] * np.cos(angle) + at[:, None] * np.sin(angle) + 0.5, 0, 1)
    return f32(a + (b - a) * t[..., None])


def _wall(rng: np.random.Generator) -> Array:
    base = _colour(rng, 0.05, 0.8, 0.12)
    return _ramp(rng, base, f32(base * rng.uniform(0.45, 0.95)))


def _bokeh(rng: np.random.Generator) -> Array:
    out = _ramp(rng, _colour(rng, 0.02, 0.1), _colour(rng, 0.02, 0.2))
    for _ in range(int(rng.integers(8, 22))):
        centre = (int(rng.integers(_N)), int(rng.integers(_N)))
        spot = np.zeros((_N, _N), np.float32)
        cv2.circle(spot, centre, int(rng.integers(3, 11)), 1.0, -1, cv2.LINE_AA)
        out += blur(spot, 0.8)[..., None] * _colour(rng, 0.1, 0.7, 0.5) * np.float32(0.7)
    return out


def _room(rng: np.random.Generator) -> Array:
    out = _wall(rng)
    for _ in range(int(rng.integers(5, 12))):
        x, y = (int(v) for v in rng.integers(-20, _N, 2))
        w, h = (int(v) for v in rng.integers(6, 60, 2))
        colour = tuple(float(v) for v in _colour(rng, 0.03, 0.8, 0.3))
        cv2.rectangle(out, (x, y), (x + w, y + h), colour, -1)
    return blur(out, float(rng.uniform(1.2, 5.0)))


def _leaves(rng: np.random.Generator) -> Array:
    at = f32(np.arange(_N))
    x, y = np.meshgrid(at, at)
    seed = int(rng.integers(1 << 18))
    thick = look("cloud", f32(x * 0.9), f32(y * 0.9), seed) + 0.8 * look("strand", f32(x * 0.8), f32(y * 0.8), seed + 1)
    green = _colour(rng, 0.06, 0.3, 0.15) * f32([0.85, 1.2, 0.45])
    out = green * np.exp(0.65 * thick)[..., None]
    return blur(f32(out), float(rng.uniform(0.8, 3.5)))


def _outdoors(rng: np.random.Generator) -> Array:
    sky, ground = _colour(rng, 0.35, 0.95, 0.12) * f32([0.9, 1.0, 1.15]), _colour(rng, 0.05, 0.4, 0.2)
    at = f32(np.linspace(0, 1, _N))
    far = soft(at - np.float32(rng.uniform(0.2, 0.9)), float(rng.uniform(0.05, 0.3)))
    out = f32(np.broadcast_to((sky + (ground - sky) * far[:, None])[:, None], (_N, _N, 3)).copy())
    for _ in range(int(rng.integers(2, 6))):
        x, w = int(rng.integers(_N)), int(rng.integers(8, 26))
        top = int(rng.integers(5, _N))
        cv2.rectangle(out, (x, top), (x + w, _N), tuple(float(v) for v in _colour(rng, 0.04, 0.5)), -1)
    return blur(out, float(rng.uniform(1.5, 4.5)))


_KINDS: dict[str, Callable[[np.random.Generator], Array]] = {
    "wall": _wall,
    "bokeh": _bokeh,
    "room": _room,
    "leaves": _leaves,
    "outdoors": _outdoors,
}


def paint_background(shot: Shot, size: int) -> Array:
    """The blurred surroundings, linear light: (size, size, 3)."""
    rng = np.random.default_rng(shot.scene)
    light = np.float32(0.6 + 0.4 * shot.key) * f32(shot.ambient_colour)
    picture = resize(_KINDS[shot.background](rng), size, smooth=True)
    return f32(np.clip(picture, 0.003, 1.5) * light * np.float32(rng.uniform(0.5, 1.1)))


def paint_clothes(p: Person, shot: Shot, view: View, canvas: Array, light: Array) -> None:
    """Paints shoulders and collar over `canvas` (H, W, 3) in place."""
    layer = cut_clothes(p, shot, view, light, canvas.shape[0], canvas.shape[1])
    if layer is not None:
        first, colour, cover = layer
        over(canvas[first:], colour, cover)


def cut_clothes(
    p: Person, shot: Shot, view: View, light: Array, height: int, width: int
) -> tuple[int, Array, Array] | None:
    """Shoulders and collar in a picture of `height` x `width` around the middle of `view`.

    Returns the first row that they reach, their colour (h, width, 3) from there on, and their cover (h, width).
    """
    n = height
    at = ((np.arange(n) + 0.5) / n - 0.5) * view.size * view.mm
    across = ((np.arange(width) + 0.5) - 0.5 * width) / n * view.size * view.mm if width != n else at
    first = int(np.searchsorted(at, 134.0 - view.centre[1] - 45.0))
    if first >= n - 1:
        return None
    x = f32(across[None] + view.centre[0] - 0.25 * shot.roll)
    y = f32(at[first:, None] + view.centre[1] + 45.0)
    kind = p.seed % 3
    collar = (150.0, 138.0, 160.0)[kind] + (0.0 if kind == 1 else 0.006) * (52.0 - np.abs(x)) ** 2 * (np.abs(x) < 52)
    slope = 0.30 * np.clip(np.abs(x) - 52.0, 0.0, None)
    edge = f32(y - collar - slope)
    cover = soft(edge, 2.0 * view.mm)
    folds = look("cloud", f32(x * 1.2 + 0 * y), f32(y * 0.8 + 0 * x), p.seed + 71)
    weave = look("grain", f32(x * 2.0 + 0 * y), f32(y * 2.0 + 0 * x), p.seed + 73, view.mm * 2.0)
    seam = 1.0 - 0.35 * np.exp(-0.5 * np.square((edge - 9.0) / 1.2)) if kind != 2 else 1.0
    tone = (0.85 + 0.16 * folds + 0.05 * weave) * seam * (0.55 + 0.45 * np.clip(edge / 12.0, 0.0, 1.0))
    return first, f32(p.clothes) * light * tone[..., None], cover
