"""The 68 points of the iBUG scheme on a drawn face, in the order that dlib's predictor gives them."""

from __future__ import annotations

import numpy as np

from clew.datasets.synth.anatomy import Anatomy, lids, lip_lines
from clew.datasets.synth.fields import Array, f32
from clew.datasets.synth.person import Person
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.surface import build_surface
from clew.datasets.synth.view import View, place

EYES, NOSE_TIP, MOUTH_CORNERS = (slice(36, 42), slice(42, 48)), 30, (48, 54)
_JAW_S = (118.0, 116.0, 112.0, 104.0, 90.0, 69.0, 46.0, 23.0, 0.0)
_JAW_Y = (-0.06, 0.16, 0.35, 0.52, 0.68, 0.82, 0.92, 0.98, 1.0)  # between the pupils (0) and the chin (1)


def _jaw(a: Anatomy) -> list[tuple[float, float]]:
    right = [(s, y * a.chin_y) for s, y in zip(_JAW_S, _JAW_Y, strict=True)]
    return [(-s, y) for s, y in right] + right[-2::-1]


def _brows(a: Anatomy) -> list[tuple[float, float]]:
    along = np.linspace(0.0, 1.0, 5)
    right = [(12.0 + 38.0 * u, a.brow_y - a.brow_arch * np.sin(np.pi * u) + 2.0 * u) for u in along]
    return [(-s, y) for s, y in reversed(right)] + right


def _nose(a: Anatomy) -> list[tuple[float, float]]:
    base = [(k * 0.36 * a.nose_width, a.nose_y + 1.5 * (2 - abs(k))) for k in (-2, -1, 0, 1, 2)]
    return [(0.0, share * 0.86 * a.nose_y) for share in (0.0, 1 / 3, 2 / 3, 1.0)] + base


def _eye(p: Person, a: Anatomy, side: float) -> list[tuple[float, float]]:
    """Corner, upper lid, corner, lower lid, from the left of the picture."""

    def at(u: float, row: str) -> tuple[float, float]:
        s = side * a.eye_s + u * a.eye_width
        eye = lids(a, p.eye_tilt, side, f32([s]), f32([0.0]))
        y = 0.0 if row == "corner" else float(getattr(eye, row)[0])
        return s, y - float(eye.v[0])  # the eye's own axis is tilted

    upper, lower = [at(u, "upper") for u in (-0.4, 0.4)], [at(u, "lower") for u in (0.4, -0.4)]
    return [at(-1.0, "corner"), *upper, at(1.0, "corner"), *lower]


def _mouth(a: Anatomy) -> list[tuple[float, float]]:
    def row(name: str, shares: tuple[float, ...]) -> list[tuple[float, float]]:
        s = f32(shares) * np.float32(a.mouth_width)
        return [(float(x), float(y)) for x, y in zip(s, getattr(lip_lines(a, s), name), strict=True)]

    wide, inner = (-1.0, -0.6, -0.25, 0.0, 0.25, 0.6, 1.0), (-0.85, -0.4, 0.0, 0.4, 0.85)
    outer = row("outer_up", wide) + row("outer_low", wide[-2:0:-1])
    return outer + row("inner_up", inner) + row("inner_low", inner[-2:0:-1])


def find_points(person: Person, shot: Shot, face: Anatomy, view: View) -> Array:
    """Pixel coordinates (68, 2), x and y, of the face in `view`."""
    surface = build_surface(person, face, float(np.clip(1.35 * view.mm, 0.7, 2.4)))
    points = [*_jaw(face), *_brows(face), *_nose(face), *_eye(person, face, -1.0), *_eye(person, face, 1.0)]
    return place(view, surface, [*points, *_mouth(face)])


def five_points(points: Array) -> Array:
    """Both eyes, the tip of the nose and the corners of the mouth (5, 2) of the 68."""
    eyes = [points[eye].mean(0) for eye in EYES]
    return f32([*eyes, points[NOSE_TIP], *(points[k] for k in MOUTH_CORNERS)])
