"""FaceSwap: the source's face pasted in by plain graphics, with its own light and colours and a visible border."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from clew.datasets.synth.clip import Clip, Script
from clew.datasets.synth.fields import Array, blur, f32, resize
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
class FaceSwapStrength:
    """How plainly it shows; drawn from uniformly once per clip, lengths are shares of the face's window."""

    texture: tuple[int, int] = (80, 112)  # side of the pasted picture in pixels
    crisp: tuple[float, float] = (0.5, 2.0)
    colour_left: tuple[float, float] = (0.1, 0.3)
    tint: float = 0.012
    erode: tuple[float, float] = (0.0, 0.03)
    corners: tuple[float, float] = (0.012, 0.03)  # how far the polygon may leave the outline
    feather: float = 0.006
    off: float = 0.006  # how far the paste lies off its place, standard deviation
    jitter: float = 0.0006  # of its place from frame to frame: more would cost bytes that tell the label


STRENGTH = FaceSwapStrength()


def _own_light(target: Shot, source: Shot, near: float = 0.5) -> Shot:
    """The target's pose, expression and framing under the source's light and camera."""
    return replace(
        target,
        light_yaw=target.light_yaw + near * (source.light_yaw - target.light_yaw),
        light_pitch=source.light_pitch,
        key=source.key,
        key_colour=source.key_colour,
        ambient=source.ambient,
        hardness=source.hardness,
        exposure=source.exposure,
        white_balance=source.white_balance,
    )


def polygon(area: Array, loose: float) -> Array:
    """`area` (n, n) replaced by the convex polygon around it with few corners, at most `loose` * n off: 0 or 1."""
    out = np.zeros(area.shape, np.uint8)
    found, _ = cv2.findContours((area > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if found:
        hull = cv2.convexHull(max(found, key=cv2.contourArea))
        cv2.fillPoly(out, [cv2.approxPolyDP(hull, loose * len(area), True)], 1)
    return f32(out)


@VIDEO_FORGERIES.register("FaceSwap")
def faceswap(
    target: Clip, source: Script, rng: np.random.Generator, strength: FaceSwapStrength = STRENGTH
) -> Iterator[Forged]:
    """Pastes the face of `source` on `target`."""
    k = strength
    size = int(rng.integers(k.texture[0], k.texture[1] + 1))
    crisp, left, erode, loose = (float(rng.uniform(*r)) for r in (k.crisp, k.colour_left, k.erode, k.corners))
    tint = f32(rng.normal(0.0, k.tint, 3))
    off = np.clip(rng.normal(0.0, k.off, 2), -2 * k.off, 2 * k.off)
    face = replace(source.person, glasses=target.stage.person.glasses)
    for frame, moment in zip(target.pictures, target.moments, strict=True):
        window = window_of(target, moment.shot)
        shot = _own_light(moment.shot, source.shot)
        dx, dy = (float(v) for v in off + rng.normal(0.0, k.jitter, 2))
        shaken = replace(shot, shift_x=shot.shift_x + dx, shift_y=shot.shift_y + dy)
        drawn = redraw(face, window.shot(shaken), source.shot, size)
        rgb = through_generator(drawn.rgb, window.side, crisp)
        free = resize(f32(1.0 - drawn.parts["hair"]), window.side)
        area = polygon(grow(window.part(moment.parts["face"]), -erode), loose)
        cover = np.minimum(area * window.part(moment.parts["head"]), free)
        alpha = blur(cover, k.feather * window.side)
        goal = f32(window.crop(frame)) / np.float32(255.0)
        yield lay_over(frame, window, recolour(rgb, goal, alpha, left, tint), alpha)
