"""Where the parts of a drawn face are: masks and landmarks that belong to the picture."""

from __future__ import annotations

import numpy as np

from clew.datasets.synth.anatomy import SIDES, Anatomy
from clew.datasets.synth.fields import Array, f32, resize, smoothstep
from clew.datasets.synth.mouth import lip_cover, lip_lines
from clew.datasets.synth.surface import Surface
from clew.datasets.synth.view import Seen, View, place

_SIDE_NAMES = {-1.0: "left", 1.0: "right"}  # as seen in the picture


def _oval(s: Array, y: Array, centre: tuple[float, float], wide: float, tall: float, power: float = 2.0) -> Array:
    far = np.abs((s - centre[0]) / wide) ** power + np.abs((y - centre[1]) / tall) ** power
    return smoothstep(f32(far), 1.12, 0.88)


def face_parts(face: Anatomy, seen: Seen, hair: Array, size: int) -> dict[str, Array]:
    """Masks (size, size) in [0, 1] of the head's parts; `face` is brows to chin without hair."""
    s, y, cover = (resize(m, size) for m in (seen.s, seen.y, seen.cover))
    free = resize(hair, size)
    top, bottom = face.brow_y - 14.0, face.chin_y + 1.0
    middle = (0.0, 0.5 * (top + bottom))
    parts = {
        "head": cover,
        "hair": f32(cover * free),
        "face": f32(_oval(s, y, middle, 74.0, 0.5 * (bottom - top), 2.4) * cover * (1.0 - free)),
        "nose": f32(_oval(s, y, (0.0, 0.6 * face.nose_y), face.nose_width + 5.0, 0.5 * face.nose_y) * cover),
        "lips": f32(lip_cover(lip_lines(face, s), y, seen.pixel) * cover),
    }
    low = face.mouth_y + 0.5 * (face.gap_low + face.lip_low - face.gap_up - face.lip_up)
    tall = 0.5 * (face.gap_low + face.lip_low + face.gap_up + face.lip_up) + 9.0
    parts["mouth"] = f32(_oval(s, y, (0.0, low), face.mouth_width + 9.0, tall) * cover)
    for side, name in _SIDE_NAMES.items():
        centre = (side * face.eye_s, 0.0)
        parts[f"{name}_eye"] = f32(_oval(s, y, centre, face.eye_width + 6.5, 13.0) * cover)
    return parts


def find_landmarks(face: Anatomy, surface: Surface, view: View, scale: float) -> dict[str, tuple[float, float]]:
    """Pixel (x, y) of named points; `scale` turns the view's pixels into the picture's."""
    e, w = face.eye_s, face.eye_width
    points = {
        "nose_bridge": (0.0, 0.0),
        "nose_tip": (0.0, 0.85 * face.nose_y),
        "nose_base": (0.0, face.nose_y + 1.0),
        "mouth_left": (-face.mouth_width, face.mouth_y - 0.75 * face.corner_rise),
        "mouth_right": (face.mouth_width, face.mouth_y - 0.75 * face.corner_rise),
        "lip_top": (0.0, face.mouth_y - face.gap_up - face.lip_up),
        "lip_bottom": (0.0, face.mouth_y + face.gap_low + face.lip_low),
        "chin": (0.0, face.chin_y),
    }
    for side in SIDES:
        name = _SIDE_NAMES[side]
        points[f"{name}_eye"] = (side * e, 0.0)
        points[f"{name}_eye_inner"] = (side * (e - w), 0.0)
        points[f"{name}_eye_outer"] = (side * (e + w), 0.0)
        points[f"{name}_brow"] = (side * e, face.brow_y)
        points[f"{name}_jaw"] = (side * 85.0, face.mouth_y)
        points[f"{name}_cheek"] = (side * 95.0, 15.0)
    pixels = (place(view, surface, list(points.values())) + 0.5) * scale - 0.5
    return {name: (float(x), float(y)) for name, (x, y) in zip(points, pixels, strict=True)}
