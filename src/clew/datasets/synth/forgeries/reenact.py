"""Re-enactment: mouth and eyes drawn anew with another expression, through a generator's up-sampling."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from clew.datasets.synth.camera import expose, noise_level, sensor_noise
from clew.datasets.synth.fields import Array, blur, f32, resize
from clew.datasets.synth.forge import FORGERIES, Region, Target, blend, weighted_stats
from clew.datasets.synth.person import Person
from clew.datasets.synth.render import render
from clew.datasets.synth.shot import Shot, draw_shot
from clew.media.pictures import Picture


@dataclass(frozen=True)
class ReenactStrength:
    """How plainly the generator shows; ranges are drawn from uniformly."""

    grid: int = 32  # cells across the frame of the coarsest transposed convolution
    uneven: tuple[float, float] = (0.08, 0.145)  # amplitude of its uneven overlap
    reduction: tuple[float, float] = (1.0, 2.0)
    sharpen: tuple[float, float] = (0.0, 1.5)
    colour: float = 0.022  # standard deviation of the colour error
    noiseless: float = 0.7
    feather: tuple[float, float] = (0.012, 0.035)


STRENGTH = ReenactStrength()


def _other_expression(shot: Shot, rng: np.random.Generator) -> Shot:
    other = draw_shot(rng)
    return replace(
        shot,
        smile=other.smile,
        mouth_open=float(np.clip(rng.uniform(0.0, 0.7), 0.0, 0.8)),
        eyes_open=other.eyes_open,
        brow_raise=shot.brow_raise,
        gaze_x=other.gaze_x,
        gaze_y=other.gaze_y,
    )


def _uneven_overlap(size: int, cells: int, rng: np.random.Generator) -> Array:
    """Gains (size, size) of a stride-2 transposed convolution whose kernel overlaps unevenly, up-sampled."""
    rows = 1.0 + f32(np.arange(2 * cells) % 2) * 2.0 - 1.0
    pattern = np.outer(rows - 1.0, np.ones(2 * cells)) + np.outer(np.ones(2 * cells), rows - 1.0)
    pattern = f32(pattern * 0.5 + 0.5 * np.outer(rows - 1.0, rows - 1.0))
    shift = rng.integers(0, 2, 2)
    return resize(np.roll(pattern, tuple(int(v) for v in shift), (0, 1)), size)


def _generate(face: Array, size: int, rng: np.random.Generator, k: ReenactStrength) -> Array:
    """`face` (size, size, 3) as it leaves the generator."""
    small = max(16, round(size / float(rng.uniform(*k.reduction))))
    soft = resize(resize(face, small), size, smooth=True)
    soft = f32(soft + float(rng.uniform(*k.sharpen)) * (soft - blur(soft, 1.2 * size / 128.0)))
    gain = 1.0 + np.float32(rng.uniform(*k.uneven)) * _uneven_overlap(size, k.grid, rng)
    return f32(soft * gain[..., None])


def _weights(target: Target, drawn: dict[str, Array], rng: np.random.Generator, k: ReenactStrength) -> Array:
    """Blending weights (size, size) over the mouth, the eyes or both."""
    names = (["mouth"], ["mouth", "left_eye", "right_eye"], ["left_eye", "right_eye"])[
        int(rng.choice(3, p=[0.45, 0.45, 0.1]))
    ]
    area = np.zeros((target.size, target.size), np.float32)
    for name in names:
        area = np.maximum(area, np.maximum(target.rendered.parts[name], drawn[name]))
    radius = max(1, round(0.015 * target.size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    wide = f32(cv2.dilate(area, kernel))
    free = (1.0 - target.rendered.parts["hair"]) * target.rendered.parts["head"]
    return f32(blur(wide, float(rng.uniform(*k.feather)) * target.size) * free)


@FORGERIES.register("reenact")
def reenact(
    target: Target, donor: Person, rng: np.random.Generator, strength: ReenactStrength = STRENGTH
) -> tuple[Picture, Region]:
    """Gives `target` another expression; `donor` is not looked at."""
    k = strength
    shot = _other_expression(target.shot, rng)
    drawn = render(target.person, shot, target.size)
    alpha = _weights(target, drawn.parts, rng, k)
    goal = f32(target.picture) / np.float32(255.0)
    face = _generate(expose(drawn.rgb, shot), target.size, rng, k)
    mean, _ = weighted_stats(face, alpha)
    goal_mean, _ = weighted_stats(goal, alpha)
    face = f32(face + 0.5 * (goal_mean - mean) + f32(rng.normal(0.0, k.colour, 3)))
    if rng.random() >= k.noiseless:
        face = face + sensor_noise(face.shape[:2], noise_level(face, target.shot), rng)
    return blend(target.picture, face, alpha)
