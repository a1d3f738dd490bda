"""Deepfakes: the source's face from a small generator, half recoloured, softly blended in along its outline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clew.datasets.synth.clip import Clip, Script
from clew.datasets.synth.fields import blur, f32, resize
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
class DeepfakesStrength:
    """How plainly it shows; drawn from uniformly once per clip, lengths are shares of the face's window."""

    pixels: tuple[int, int] = (44, 64)  # side of the generator's picture
    colour_left: tuple[float, float] = (0.05, 0.22)  # share of the colour difference that stays
    tint: float = 0.011  # further colour error, standard deviation
    crisp: tuple[float, float] = (0.6, 2.2)
    erode: tuple[float, float] = (0.01, 0.035)
    feather: tuple[float, float] = (0.012, 0.03)
    flicker: float = 0.004  # of the colour from frame to frame


STRENGTH = DeepfakesStrength()


@VIDEO_FORGERIES.register("Deepfakes")
def deepfakes(
    target: Clip, source: Script, rng: np.random.Generator, strength: DeepfakesStrength = STRENGTH
) -> Iterator[Forged]:
    """Puts the face of `source` on `target`, in the target's pose, expression and light."""
    k = strength
    size = int(rng.integers(k.pixels[0], k.pixels[1] + 1))
    left, crisp, erode, feather = (float(rng.uniform(*r)) for r in (k.colour_left, k.crisp, k.erode, k.feather))
    tint = f32(rng.normal(0.0, k.tint, 3))
    face = replace(source.person, glasses=target.stage.person.glasses)
    for frame, moment in zip(target.pictures, target.moments, strict=True):
        window = window_of(target, moment.shot)
        drawn = redraw(face, window.shot(moment.shot), target.script.shot, size)
        rgb = through_generator(drawn.rgb, window.side, crisp)
        free = resize(f32(1.0 - drawn.parts["hair"]), window.side)
        area = np.minimum(window.part(moment.parts["face"]), free)
        alpha = blur(grow(area, -erode), feather * window.side) * window.part(moment.parts["head"])
        goal = f32(window.crop(frame)) / np.float32(255.0)
        yield lay_over(frame, window, recolour(rgb, goal, alpha, left, tint + rng.normal(0.0, k.flicker)), alpha)
