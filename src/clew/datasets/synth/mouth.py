"""The mouth: lips, teeth and what lies behind them."""

from __future__ import annotations

import numpy as np

from clew.datasets.synth.anatomy import Anatomy, LipLines, lip_lines
from clew.datasets.synth.fields import Array, f32, gauss, over, smoothstep, soft
from clew.datasets.synth.noise import look
from clew.datasets.synth.person import Person

_DARK = (0.035, 0.012, 0.010)
_TONGUE = (0.30, 0.10, 0.09)
_TEETH = f32([0.60, 0.55, 0.47])


def lip_cover(lines: LipLines, y: Array, pixel: float) -> Array:
    """Cover (H, W) of the lips with everything between them."""
    edge = np.minimum(y - lines.outer_up, lines.outer_low - y)
    return f32(soft(f32(edge), max(1.3, pixel)) * smoothstep(f32(np.abs(lines.u)), 1.03, 0.96))


def paint_lips(p: Person, a: Anatomy, albedo: Array, s: Array, y: Array, pixel: float) -> tuple[Array, Array]:
    """Colours the lips in `albedo` (H, W, 3) in place; returns their cover and their gloss (H, W)."""
    lines = lip_lines(a, s)
    cover = lip_cover(lines, y, pixel)
    painted = smoothstep(f32(np.full(1, p.make_up)), 0.2, 0.7)[0]
    natural = f32([0.92 - 0.12 * p.lip_colour, 0.56 - 0.14 * p.lip_colour, 0.59 - 0.1 * p.lip_colour])
    stick = f32([0.85, 0.28 + 0.25 * p.lip_colour, 0.34 + 0.2 * p.lip_colour])
    tint = natural + (stick - natural) * painted * 0.8
    wrinkles = look("strand", s * 3.0, y * 0.5, p.seed + 61, pixel * 2.0)
    tone = 1.0 + 0.07 * wrinkles
    upper = smoothstep(f32(0.5 * (lines.inner_up + lines.inner_low) - y), -1.0, 1.0)
    tone = tone * (1.0 - 0.16 * upper)
    albedo += (albedo * tint * tone[..., None] - albedo) * (cover * (0.9 + 0.1 * painted))[..., None]
    return cover, f32(cover * (0.05 + 0.12 * p.gloss + 0.1 * painted))


def mouth_gap(a: Anatomy, s: Array, y: Array, pixel: float) -> tuple[LipLines, Array]:
    """The lips' lines and the cover (H, W) of the opening between them."""
    lines = lip_lines(a, s)
    inside = np.minimum(y - lines.inner_up, lines.inner_low - y)
    gap = soft(f32(inside), max(0.9, pixel)) * soft(f32(0.99 - np.abs(lines.u)) * 20.0, 2.0)
    return lines, f32(gap * min(1.0, (a.gap_up + a.gap_low) / 1.2))


def paint_inside(a: Anatomy, canvas: Array, light: Array, s: Array, y: Array, pixel: float) -> None:
    """Paints the open mouth and the line between the lips over lit `canvas` (H, W, 3), in place."""
    lines, gap = mouth_gap(a, s, y, pixel)
    deep = f32(np.broadcast_to(f32(_DARK), canvas.shape).copy())
    tongue = gauss(f32(y - lines.inner_low), 0.3 * (a.gap_up + a.gap_low) + 0.1) * smoothstep(
        f32(np.abs(lines.u)), 0.7, 0.3
    )
    over(deep, _TONGUE, f32(tongue * min(1.0, a.drop / 8.0) * 0.7))
    top = lines.inner_up - 0.6
    for edge, tall, direction in ((top, 8.5, 1.0), (lines.inner_low + 1.5 + 0.3 * a.drop, 5.0, -1.0)):
        into = direction * (y - edge)
        bite = 0.5 * np.abs(np.sin(s * np.float32(np.pi / 7.6)))
        band = soft(f32(tall - 0.6 + bite - into), max(pixel, 0.8)) * soft(f32(into), max(pixel, 0.8))
        seams = 1.0 - 0.22 * gauss(f32(((s / 7.6) % 1.0) - 0.5) * 7.6 - 0.0, 0.35 + 0.2 * pixel)
        fall = np.clip(1.0 - 0.85 * lines.u**2, 0.1, 1.0) * (1.0 if direction > 0 else 0.7)
        shade = smoothstep(f32(into), -1.5, 3.0) * 0.45 + 0.55
        deep += (_TEETH * (seams * fall * shade)[..., None] - deep) * band[..., None]
    canvas += (deep * light - canvas) * gap[..., None]
    middle = 0.5 * (lines.inner_up + lines.inner_low)
    ends = smoothstep(f32(np.abs(lines.u)), 1.12, 0.94)
    line = gauss(f32(y - middle), 0.55 + 0.25 * pixel) * ends * (1.0 - gap) * (0.75 if a.gap_up < 0.6 else 0.3)
    over(canvas, canvas * 0.28, f32(line))
