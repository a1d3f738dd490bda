"""NeuralTextures: the mouth drawn anew with the source's speech, through transposed convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clew.datasets.synth.clip import Clip, Script
from clew.datasets.synth.fields import Array, blur, f32, resize
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
class NeuralTexturesStrength:
    """How plainly it shows; drawn from uniformly once per clip, lengths are shares of the face's window."""

    pixels: tuple[int, int] = (56, 76)  # side of the picture before the last up-sampling
    cells: int = 28  # of the coarsest transposed convolution across the window
    uneven: tuple[float, float] = (0.06, 0.105)  # amplitude of its uneven overlap
    crisp: tuple[float, float] = (0.0, 1.0)
    colour_left: tuple[float, float] = (0.2, 0.5)
    tint: float = 0.012
    grow: tuple[float, float] = (0.03, 0.06)
    feather: tuple[float, float] = (0.012, 0.025)


STRENGTH = NeuralTexturesStrength()


def overlap(size: int, cells: int, shift: tuple[int, int]) -> Array:
    """Pattern (size, size), -1 to 1, of a stride-2 transposed convolution whose kernel overlaps unevenly."""
    rows = f32(np.arange(2 * cells) % 2) * 2.0 - 1.0
    pattern = 0.5 * (rows[None] + rows[:, None] + rows[None] * rows[:, None])
    return resize(np.roll(f32(pattern), shift, (0, 1)), size)


@VIDEO_FORGERIES.register("NeuralTextures")
def neural_textures(
    target: Clip, source: Script, rng: np.random.Generator, strength: NeuralTexturesStrength = STRENGTH
) -> Iterator[Forged]:
    """Gives `target` the mouth movements of `source`."""
    k = strength
    size = int(rng.integers(k.pixels[0], k.pixels[1] + 1))
    uneven, crisp, left, wider, feather = (
        float(rng.uniform(*r)) for r in (k.uneven, k.crisp, k.colour_left, k.grow, k.feather)
    )
    tint = f32(rng.normal(0.0, k.tint, 3))
    shift = (int(rng.integers(2)), int(rng.integers(2)))
    acted = source.motion.shots
    for t, (frame, moment) in enumerate(zip(target.pictures, target.moments, strict=True)):
        window, said = window_of(target, moment.shot), acted[t % len(acted)]
        shot = replace(moment.shot, smile=said.smile, mouth_open=said.mouth_open)
        drawn = redraw(target.stage.person, window.shot(shot), target.script.shot, size)
        rgb = through_generator(drawn.rgb, window.side, crisp)
        rgb = f32(rgb * (1.0 + uneven * overlap(window.side, k.cells, shift))[..., None])
        mouth = np.maximum(window.part(moment.parts["mouth"]), resize(drawn.parts["mouth"], window.side))
        alpha = blur(grow(f32(mouth), wider), feather * window.side) * window.part(moment.parts["head"])
        goal = f32(window.crop(frame)) / np.float32(255.0)
        yield lay_over(frame, window, recolour(rgb, goal, alpha, left, tint), alpha)
