"""The camera: lens, exposure, white balance, the sensor's noise, sharpening, and eight bits."""

from __future__ import annotations

from typing import cast

import numpy as np

from clew.datasets.synth.fields import Array, blur, f32
from clew.datasets.synth.shot import Shot
from clew.media.pictures import Picture

FRAME = 256.0  # pixels of the frame that Shot's lengths refer to


def sensor_noise(shape: tuple[int, int], level: Array, rng: np.random.Generator) -> Array:
    """Noise (H, W, 3) of standard deviation `level` (H, W[, 1]): mostly grey, slightly coloured, a pixel wide."""
    colour = rng.standard_normal((*shape, 3), dtype=np.float32)
    grey = rng.standard_normal((*shape, 1), dtype=np.float32)
    return f32((0.55 * colour + 0.83 * grey) * level.reshape(*shape, 1))


def noise_level(rgb: Array, shot: Shot) -> Array:
    """Standard deviation (H, W) of the sensor's noise: photons in the lights, read-out in the darks."""
    luma = np.clip(rgb.mean(axis=2), 0.0, 1.0)
    return f32(shot.noise * np.sqrt(0.35 + 1.3 * luma * (1.2 - luma)))


def expose(rgb: Array, shot: Shot) -> Array:
    """Lens blur, exposure and white balance of `rgb` (H, W, 3) in display values."""
    seen = blur(rgb, shot.lens_blur * rgb.shape[0] / FRAME)
    red, blue = shot.white_balance
    gain = f32([red, 1.0, blue]) * np.float32(2.0 ** (shot.exposure / 2.2))
    bright = seen * gain
    return f32(np.where(bright > 0.85, 0.85 + 0.15 * np.tanh((bright - 0.85) / 0.15), bright))


def finish(rgb: Array, shot: Shot) -> Picture:
    """The camera's own sharpening, then eight bits: (H, W, 3) uint8."""
    crisp = rgb + np.float32(shot.sharpen) * (rgb - blur(rgb, 1.0)) if shot.sharpen > 0 else rgb
    return cast(Picture, np.clip(crisp * 255.0 + 0.5, 0, 255).astype(np.uint8))


def photograph(rgb: Array, shot: Shot, rng: np.random.Generator) -> Picture:
    """What the camera of `shot` makes of the scene `rgb` (H, W, 3) in [0, 1]: uint8 RGB, before JPEG."""
    seen = expose(rgb, shot)
    return finish(f32(seen + sensor_noise(seen.shape[:2], noise_level(seen, shot), rng)), shot)
