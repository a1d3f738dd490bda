"""Light on skin, hair and eyes: key, fill, rim, shine and cast shadows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from clew.datasets.synth.fields import Array, blur, f32, resize, smoothstep
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.view import Seen

_SCATTER = (0.30, 0.17, 0.12)  # how far red, green and blue light creep round an edge in skin


@dataclass(frozen=True)
class Lamp:
    """Directions towards the lamps in the camera's frame, unit length, and their colours."""

    key: Array  # (3,)
    key_colour: Array
    ambient_colour: Array
    rim: float
    rim_side: float
    softness: float


def set_up(shot: Shot) -> Lamp:
    """The lamps of `shot`."""
    yaw, pitch = np.radians([shot.light_yaw, shot.light_pitch])
    key = f32([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    return Lamp(
        key,
        f32(shot.key_colour) * np.float32(shot.key * 1.15),
        f32(shot.ambient_colour) * np.float32(shot.ambient),
        shot.rim,
        -float(np.sign(shot.light_yaw)) or 1.0,
        1.0 - shot.hardness,
    )


def cast_shadow(seen: Seen, lamp: Lamp, size: int) -> Array:
    """Share of the key light that the head itself keeps off each pixel: (size, size), 0 to 1."""
    depth = seen.coarse_depth
    n = depth.shape[0]
    mm = seen.pixel * size / n
    worst = np.full((n, n), -30.0, np.float32)
    width = 3.0 + 8.0 * lamp.softness
    for step in (5.0, 9.0, 14.0, 20.0, 28.0, 38.0, 52.0):
        dx, dy = (float(v) * step / mm for v in lamp.key[:2])
        move = f32([[1, 0, dx], [0, 1, dy]])
        higher = cv2.warpAffine(
            depth,
            move,
            (n, n),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=-400.0,
        )
        np.maximum(worst, (higher - depth - float(lamp.key[2]) * step - 0.6) * (12.0 / (6.0 + step)), out=worst)
    shade = smoothstep(worst, 0.0, width)
    shade = blur(shade, (0.8 + 2.5 * lamp.softness) / mm)
    return resize(f32(shade * (0.55 + 0.35 * (1.0 - lamp.softness))), size)


@dataclass(frozen=True)
class Shading:
    """Light per pixel: `diffuse` (H, W, 3) times albedo plus `shine` (H, W, 3) times gloss."""

    diffuse: Array
    shine: Array


def shade(normal: Array, open_sky: Array, shadow: Array, lamp: Lamp, power: float = 18.0) -> Shading:
    """Light on points of `normal` (H, W, 3), with `open_sky` and `shadow` (H, W) in 0 to 1."""
    facing = cv2.transform(normal, lamp.key[None])
    free = 1.0 - shadow
    up = 0.72 - 0.28 * normal[..., 1] + 0.1 * (normal[..., 2] - 0.7)
    diffuse = np.empty_like(normal)
    sky = up * open_sky
    for c in range(3):
        wrap = _SCATTER[c] * (1.0 + 0.8 * lamp.softness)
        direct = np.clip((facing + np.float32(wrap)) * np.float32(1.0 / (1.0 + wrap)), 0.0, None)
        reach = free if c else free**0.75
        diffuse[..., c] = direct * reach * lamp.key_colour[c] + sky * lamp.ambient_colour[c]
    half = lamp.key + f32([0, 0, 1])
    half /= np.linalg.norm(half)
    glint = np.clip(cv2.transform(normal, half[None]), 0.0, 1.0) ** power * free
    edge = np.clip(1.0 - normal[..., 2], 0.0, 1.0) ** 3 * np.clip(normal[..., 0] * lamp.rim_side + 0.15, 0.0, 1.0)
    shine = glint[..., None] * lamp.key_colour + (edge * np.float32(2.2 * lamp.rim))[..., None]
    return Shading(diffuse, f32(shine))


def develop(linear: Array, exposure: float) -> Array:
    """Linear light to display values: exposure, a soft shoulder, gamma 2.2; in [0, 1]."""
    x = linear * np.float32(exposure)
    rolled = np.where(x > 0.7, 0.7 + 0.3 * (1.0 - np.exp(-(x - 0.7) / 0.3)), x)
    return f32(cv2.pow(np.clip(rolled, 0.0, 1.0), 1.0 / 2.2))
