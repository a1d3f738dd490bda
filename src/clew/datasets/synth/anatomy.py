"""Where everything of a face lies in millimetres, for one person with one expression.

The head's frame: x to the right of the picture, y down, z towards the viewer; the origin is midway between the
pupils. The skin is a map over (s, y): s = RADIUS * angle around a vertical axis through the head, so that s is
about x on the front of the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.datasets.synth.fields import Array, f32
from clew.datasets.synth.person import Person
from clew.datasets.synth.shot import Shot

RADIUS = 90.0
AXIS_Z = -90.0
SIDES = (-1.0, 1.0)


@dataclass(frozen=True)
class Anatomy:
    """Resolved places (mm) of one face with one expression."""

    width: float  # half breadth of the head
    jaw: float
    drop: float  # how far the jaw hangs
    smile: float
    hairline_y: float
    brow_y: float
    brow_arch: float
    eye_s: float
    eye_width: float
    lid_up: float  # opening above and below the line through the corners
    lid_low: float
    nose_y: float  # base of the nose
    nose_width: float
    mouth_y: float
    mouth_width: float
    corner_rise: float
    gap_up: float  # opening above and below the line between the lips
    gap_low: float
    lip_up: float
    lip_low: float
    chin_y: float
    ear_s: float
    ear_y: float
    rest_top: float  # brows and chin of the face at rest, which the frame is set by
    rest_bottom: float


def pose_face(person: Person, shot: Shot) -> Anatomy:
    """The face of `person` with the expression of `shot`."""
    smile, opening = shot.smile, shot.mouth_open
    happy = max(smile, 0.0)
    nose_y = person.nose_length
    mouth_y = nose_y + 21.0 + 1.5 * person.masculine - 1.5 * happy
    drop = 17.0 * opening + 1.5 * max(happy - 0.5, 0.0)
    gap = 11.0 * opening + 9.0 * max(happy - 0.42, 0.0)
    lids = person.eye_height * shot.eyes_open * (1.0 - 0.2 * happy)
    return Anatomy(
        width=person.width,
        jaw=person.jaw,
        drop=drop,
        smile=smile,
        hairline_y=-person.forehead,
        brow_y=-person.brow_height - 3.0 * shot.brow_raise,
        brow_arch=person.brow_arch + 1.0 * shot.brow_raise,
        eye_s=person.eye_gap * 1.02,
        eye_width=person.eye_width,
        lid_up=0.54 * lids,
        lid_low=0.36 * person.eye_height * (1.0 - 0.3 * happy),
        nose_y=nose_y,
        nose_width=person.nose_width * (1.0 + 0.07 * happy),
        mouth_y=mouth_y,
        mouth_width=person.mouth_width * (1.0 + 0.2 * smile - 0.1 * opening),
        corner_rise=3.8 * smile,
        gap_up=0.45 * gap,
        gap_low=0.55 * gap + 0.55 * drop,
        lip_up=person.lip_upper * (1.0 - 0.18 * happy),
        lip_low=person.lip_lower * (1.0 - 0.12 * happy),
        chin_y=mouth_y + 43.0 * person.chin + 0.8 * drop,
        ear_s=141.0,
        ear_y=15.0,
        rest_top=-person.brow_height,
        rest_bottom=nose_y + 21.0 + 1.5 * person.masculine + 43.0 * person.chin,
    )


@dataclass(frozen=True)
class LipLines:
    """The four lines of a mouth as y over the columns asked for (any shape), and how far along it they are."""

    u: Array  # -1 and 1 at the corners
    outer_up: Array
    inner_up: Array
    inner_low: Array
    outer_low: Array


def lip_lines(face: Anatomy, s: Array) -> LipLines:
    """The lips' outlines above the columns `s` (mm)."""
    u = s / np.float32(face.mouth_width)
    inside = np.clip(1.0 - u * u, 0.0, 1.0)
    middle = face.mouth_y - face.corner_rise * (u * u - 0.25) + 0.8 * np.exp(-((u / 0.16) ** 2)) - 0.4
    bow = 1.0 - 0.24 * np.exp(-((u / 0.11) ** 2)) + 0.10 * np.exp(-(((np.abs(u) - 0.24) / 0.14) ** 2))
    inner_up = middle - face.gap_up * inside
    inner_low = middle + face.gap_low * inside
    return LipLines(
        u=f32(u),
        outer_up=f32(inner_up - face.lip_up * bow * inside**0.85),
        inner_up=f32(inner_up),
        inner_low=f32(inner_low),
        outer_low=f32(inner_low + face.lip_low * inside**0.7),
    )


@dataclass(frozen=True)
class Lids:
    """One eye's own coordinates: `u` from the inner (-1) to the outer corner (1), `v` down, and both lids' `v`."""

    u: Array
    v: Array
    upper: Array
    lower: Array


def lids(face: Anatomy, tilt: float, side: float, s: Array, y: Array) -> Lids:
    """The lids of the eye on `side` (-1 left of the picture, 1 right) at points (`s`, `y`)."""
    dx = (s - np.float32(side * face.eye_s)) * np.float32(side)
    u = dx / np.float32(face.eye_width)
    v = y + dx * np.float32(tilt)
    inside = np.clip(1.0 - u * u, 0.0, 1.0)
    lean = np.clip(1.0 - (u + 0.12 * inside) ** 2, 0.0, 1.0)
    upper = -face.lid_up * lean**0.75
    lower = face.lid_low * inside**0.9 * (1.0 + 0.15 * u)
    return Lids(f32(u), f32(v), f32(upper), f32(lower))
