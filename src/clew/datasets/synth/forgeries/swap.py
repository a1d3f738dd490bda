"""Face swap: another person's face, generated small, recoloured half-way and blended in along its outline."""

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
class SwapStrength:
    """How clumsy a swap is; ranges are drawn from uniformly, lengths are shares of the frame."""

    reduction: tuple[float, float] = (1.4, 2.8)  # the generator's picture is this much smaller
    colour_left: tuple[float, float] = (0.45, 0.85)  # share of the colour difference that stays
    tint: float = 0.045  # further colour error, standard deviation
    noise: tuple[float, float] = (0.2, 2.4)  # of the target's own noise, where it gets any
    noiseless: float = 0.3  # share of swaps that get none
    sharpen: tuple[float, float] = (0.4, 3.0)
    erode: tuple[float, float] = (0.0, 0.03)
    feather: tuple[float, float] = (0.005, 0.02)


STRENGTH = SwapStrength()


def _donor_shot(target: Shot, rng: np.random.Generator) -> Shot:
    """The target's pose, expression and framing under the donor's own light and camera."""
    own = draw_shot(rng)
    near = 0.5
    return replace(
        target,
        light_yaw=target.light_yaw + near * (own.light_yaw - target.light_yaw),
        light_pitch=own.light_pitch,
        key=own.key,
        ambient=own.ambient,
        hardness=own.hardness,
        key_colour=own.key_colour,
        lens_blur=own.lens_blur,
        exposure=own.exposure,
        white_balance=own.white_balance,
    )


def _generated(face: Array, size: int, factor: float) -> Array:
    """`face` (size, size, 3) as a generator of a smaller picture gives it."""
    small = max(16, round(size / factor))
    return resize(resize(face, small), size, smooth=True)


def _recolour(face: Array, goal: Array, weight: Array, left: float, error: Array) -> Array:
    """`face` with the mean and contrast of `goal` under `weight`, but for the share `left` of the difference."""
    mean, spread = weighted_stats(face, weight)
    goal_mean, goal_spread = weighted_stats(goal, weight)
    gain = np.clip((goal_spread / spread) ** (1.0 - left), 0.6, 1.6)
    return f32((face - mean) * gain + mean + (goal_mean - mean) * (1.0 - left) + error)


def _outline(target: Target, donor: Array, rng: np.random.Generator, k: SwapStrength) -> Array:
    """Blending weights (size, size): the face without hair, eroded and feathered."""
    face = np.minimum(target.rendered.parts["face"], donor)
    radius = max(1, round(rng.uniform(*k.erode) * target.size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return blur(f32(cv2.erode(face, kernel)), float(rng.uniform(*k.feather)) * target.size)


@FORGERIES.register("swap")
def swap(
    target: Target, donor: Person, rng: np.random.Generator, strength: SwapStrength = STRENGTH
) -> tuple[Picture, Region]:
    """Puts the face of `donor` on `target`."""
    k = strength
    shot = _donor_shot(target.shot, rng)
    plain = replace(donor, glasses=target.person.glasses)
    drawn = render(plain, shot, target.size)
    face = _generated(expose(drawn.rgb, shot), target.size, float(rng.uniform(*k.reduction)))
    crisp = float(rng.uniform(*k.sharpen))
    face = f32(face + crisp * (face - blur(face, 1.2 * target.size / 128.0)))
    alpha = _outline(target, f32(1.0 - drawn.parts["hair"]), rng, k)
    goal = f32(target.picture) / np.float32(255.0)
    error = f32(rng.normal(0.0, k.tint, 3))
    face = _recolour(face, goal, alpha, float(rng.uniform(*k.colour_left)), error)
    if rng.random() >= k.noiseless:
        level = noise_level(face, target.shot) * np.float32(rng.uniform(*k.noise))
        face = face + sensor_noise(face.shape[:2], level, rng)
    return blend(target.picture, face, alpha)
