"""Face2Face: the target's own face drawn anew with the source's expression, from a smooth, evenly lit texture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clew.datasets.synth.clip import Clip, Script
from clew.datasets.synth.fields import blur, f32
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.video_forge import (
    VIDEO_FORGERIES,
    Forged,
    grow,
    lay_over,
    recolour,
    redraw,
    through_generator,
    window_of,
)


@dataclass(frozen=True)
class Face2FaceStrength:
    """How plainly it shows; drawn from uniformly once per clip, lengths are shares of the face's window."""

    texture: tuple[int, int] = (64, 84)  # side of the warped texture in pixels
    crisp: tuple[float, float] = (0.5, 2.2)
    flat: tuple[float, float] = (0.1, 0.35)  # share of the modelled light that has no direction
    colour_left: tuple[float, float] = (0.08, 0.3)
    tint: float = 0.009
    grow: tuple[float, float] = (-0.03, 0.0)
    feather: tuple[float, float] = (0.008, 0.018)


STRENGTH = Face2FaceStrength()


def borrow_expression(target: Shot, source: Shot) -> Shot:
    """`target` with mouth, brows, lids and gaze of `source`; the head stays as it is."""
    return replace(
        target,
        smile=source.smile,
        mouth_open=source.mouth_open,
        brow_raise=source.brow_raise,
        eyes_open=source.eyes_open,
        gaze_x=source.gaze_x,
        gaze_y=source.gaze_y,
    )


def _evenly_lit(shot: Shot, flat: float) -> Shot:
    """`shot` under the soft light that a fitted face model knows."""
    return replace(
        shot,
        hardness=shot.hardness * (1.0 - flat),
        key=shot.key * (1.0 - 0.45 * flat),
        ambient=shot.ambient * (1.0 + 0.9 * flat),
        rim=0.0,
    )


@VIDEO_FORGERIES.register("Face2Face")
def face2face(
    target: Clip, source: Script, rng: np.random.Generator, strength: Face2FaceStrength = STRENGTH
) -> Iterator[Forged]:
    """Lets `target` make the faces that `source` makes."""
    k = strength
    size = int(rng.integers(k.texture[0], k.texture[1] + 1))
    crisp, flat, left, wider, feather = (
        float(rng.uniform(*r)) for r in (k.crisp, k.flat, k.colour_left, k.grow, k.feather)
    )
    tint = f32(rng.normal(0.0, k.tint, 3))
    acted = source.motion.shots
    for t, (frame, moment) in enumerate(zip(target.pictures, target.moments, strict=True)):
        window = window_of(target, moment.shot)
        shot = _evenly_lit(borrow_expression(moment.shot, acted[t % len(acted)]), flat)
        drawn = redraw(target.stage.person, window.shot(shot), target.script.shot, size)
        rgb = through_generator(drawn.rgb, window.side, crisp)
        area = grow(window.part(moment.parts["face"]), wider)
        alpha = blur(area, feather * window.side) * window.part(moment.parts["head"])
        goal = f32(window.crop(frame)) / np.float32(255.0)
        yield lay_over(frame, window, recolour(rgb, goal, alpha, left, tint), alpha)
