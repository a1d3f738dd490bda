"""Hair as a mass over the head: where it grows, how thick it is, and which way its strands run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.datasets.synth.anatomy import RADIUS, Anatomy
from clew.datasets.synth.fields import Array, f32, gauss, smoothstep
from clew.datasets.synth.noise import look
from clew.datasets.synth.person import Person


@dataclass(frozen=True)
class Hair:
    """Maps over (s, y) of the surface: outer radius (mm), and cover from 0 to 1."""

    radius: Array
    cover: Array


@dataclass(frozen=True)
class Cut:
    """What makes a hair style: thickness (mm) on top and at the sides, and how far it comes down (mm)."""

    top: float
    sides: float
    length: float = 0.0  # y down to which it hangs; 0: only where it grows
    front: float = 100.0  # s from which hanging hair covers the side of the face
    fringe: float = 0.0  # share of the forehead covered
    flow: str = "back"  # back, part, down or curl
    shade: float = 1.0  # cover: below 1 the skin shows through


CUTS: dict[str, Cut] = {
    "bald": Cut(0.0, 0.0, shade=0.0),
    "buzz": Cut(2.0, 1.5, shade=0.8),
    "short": Cut(14.0, 5.0, flow="back"),
    "swept": Cut(20.0, 6.0, flow="part"),
    "fringe": Cut(14.0, 8.0, fringe=0.62, flow="down"),
    "bob": Cut(16.0, 14.0, length=95.0, front=92.0, flow="part"),
    "long": Cut(15.0, 15.0, length=260.0, front=98.0, flow="part"),
    "curly": Cut(26.0, 20.0, length=35.0, front=112.0, flow="curl"),
}


def hairline(p: Person, a: Anatomy, cut: Cut, s: Array) -> Array:
    """The y (mm) above which hair grows, over columns `s`: forehead, temples, sideburns, nape."""
    recede = 14.0 * p.masculine * max(p.age - 0.15, 0.0)
    drop = cut.fringe * (-a.hairline_y + recede)
    top = a.hairline_y - recede + drop
    temple = a.hairline_y - 1.8 * recede - 2.0 + 0.9 * drop
    sweep = cut.fringe * np.sign(p.parting) * 0.22 * np.clip(s, -45.0, 45.0)
    burn = 4.0 + 14.0 * p.masculine
    at = (0.0, 18.0, 36.0, 52.0, 66.0, 80.0, 93.0, 116.0, 126.0, 150.0, 166.0, 180.0, 290.0)
    rows = (top, top + 1.0, temple, temple + 5.0, max(-44.0, temple), -22.0, burn, burn, -14.0, -20.0, 40.0, 75.0, 95.0)
    return f32(np.interp(np.abs(s), at, rows) + sweep + 1.8 * np.sin(s * 0.11 + p.seed % 11))


def _hanging(cut: Cut, p: Person, s: Array, y: Array, lead: float = 0.0) -> Array:
    """Cover of the hair that hangs beside the face, reaching `lead` mm further in: (H, W)."""
    if cut.length <= 0:
        return np.zeros(np.broadcast_shapes(s.shape, y.shape), np.float32)
    wave = 5.0 * np.sin(y * 0.035 + p.seed % 5) + 4.0 * np.clip(-(y - 20.0) / 40.0, -1.0, 1.5)
    lopsided = 5.0 * np.sign(s) * np.sign(p.parting)
    inside = smoothstep(f32(np.abs(s) - cut.front - wave + lopsided + lead), -3.0, 4.0)
    return f32(inside * smoothstep(f32(y), cut.length + 6.0, cut.length - 10.0) * smoothstep(f32(y), -120.0, -85.0))


def grow_hair(p: Person, a: Anatomy, s: Array, y: Array, skin: Array) -> Hair:
    """The hair of `p` over columns `s` (1, W) and rows `y` (H, 1) of a head of radius `skin` (H, W)."""
    cut = CUTS[p.hair_style]
    if cut.shade == 0.0:
        return Hair(skin, np.zeros_like(skin))
    depth = hairline(p, a, cut, s) - y
    grown = smoothstep(depth, -3.0, 5.0)
    side = smoothstep(f32(np.abs(s)), 55.0, 105.0)
    bulk = (cut.top * (1.0 - side) + cut.sides * side) * (0.65 + 0.7 * p.hair_volume)
    thick = grown * bulk * (1.0 - np.exp(-np.clip(depth, 0.0, None) / 13.0)) + grown * 0.8
    radius = skin + thick
    hanging = _hanging(cut, p, s, y)
    if cut.length > 0:
        dome = np.sqrt(np.clip(1.0 - np.square(np.clip(y + 5.0, -125.0, 0.0) / 125.0), 0.0, 1.0))
        ends = 1.0 - 0.22 * smoothstep(f32(y), cut.length - 40.0, cut.length + 6.0)
        sheet = (p.width + 5.0 + cut.sides * (0.4 + 0.7 * p.hair_volume)) * dome * ends
        radius = np.maximum(radius, skin + (np.maximum(sheet, skin + 2.0) - skin) * hanging)
    if cut.flow == "curl":
        swell = look("strand", f32(84.0 * np.sin(s / RADIUS) * 1.1 + 0 * y), f32(y * 0.9 + 0 * s), p.seed)
        radius = radius + 1.8 * swell * np.maximum(grown, hanging)
    veil = _hanging(cut, p, s, y, 9.0)
    return Hair(f32(radius), f32(np.maximum(grown, veil) * cut.shade))


def strand_coordinates(p: Person, s: Array, y: Array, x: Array) -> tuple[Array, Array]:
    """(across, along): coordinates in mm in which strands are straight lines along the second."""
    flow = CUTS[p.hair_style].flow
    if flow == "part":
        level = np.minimum(y + 20.0, 0.0)
        wave = 3.0 * np.sin(y * 0.05 + p.seed % 3)
        across = np.hypot(x + 0.12 * s - p.parting * smoothstep(y, 0.0, -90.0), 0.9 * level)
        return f32(across + wave), f32(y - 0.3 * np.abs(s))
    if flow == "down":
        return f32(s + 5.0 * np.sin(y * 0.03)), y
    turn = np.arctan2(s - 0.3 * p.parting, -y + 20.0)
    return f32(turn * 85.0), f32(np.hypot(s, y))


def strands(p: Person, s: Array, y: Array, x: Array, step: float) -> Array:
    """Lightness of single strands around 0, unit variance, over points (mm) `step` apart; `x` is across the head."""
    if CUTS[p.hair_style].flow == "curl":
        wave = look("cloud", s, y, p.seed + 5, step)
        return look("strand", (x + 0.15 * s) * 2.2 + 9.0 * wave, y * 2.2 - 7.0 * wave, p.seed + 9, step * 2.2)
    across, along = strand_coordinates(p, s, y, x)
    bend = look("cloud", across * 0.8, along * 0.25, p.seed + 5, step)
    fine = look("strand", across * 3.0 + 4.0 * bend, along * 0.14, p.seed + 9, step * 2.0)
    locks = look("strand", across * 1.0 + 2.0 * bend, along * 0.09, p.seed + 31, step)
    return f32(0.75 * fine + 0.65 * locks)


def shine(p: Person, s: Array, y: Array) -> Array:
    """Bands where strands bend towards the light: 0 to 1."""
    if CUTS[p.hair_style].flow == "curl":
        return f32(0.25 + 0 * y)
    band = gauss(f32(y + 62.0 - 0.12 * np.abs(s)), 14.0) + 0.5 * gauss(f32(y - 45.0), 26.0)
    return f32(band)
