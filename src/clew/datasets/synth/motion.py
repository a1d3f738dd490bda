"""How a person moves before the camera: pose, expression, gaze and light as smooth functions of time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from clew.datasets.synth.fields import Array, f32, smoothstep
from clew.datasets.synth.shot import Shot

BLINK_SECONDS = 0.22
_WAVES = 4


@dataclass(frozen=True)
class Shake:
    """Where the camera and the body are in each frame: (T,) shares of the frame's height."""

    camera_x: Array
    camera_y: Array
    body_x: Array
    body_y: Array


@dataclass(frozen=True)
class Motion:
    """One shot for every frame, and how camera and body move under it."""

    shots: tuple[Shot, ...]
    shake: Shake


def waves(rng: np.random.Generator, time: Array, spread: float, slow: float, fast: float) -> Array:
    """A smooth signal over `time` (T,) in seconds: sines of `slow` to `fast` Hz, standard deviation `spread`."""
    rates = np.exp(rng.uniform(np.log(slow), np.log(fast), _WAVES))
    phases = rng.uniform(0.0, 2.0 * np.pi, _WAVES)
    weights = rng.uniform(0.5, 1.0, _WAVES) * (slow / rates) ** 0.5
    weights *= spread * np.sqrt(2.0) / np.sqrt(np.square(weights).sum())
    return f32((weights * np.sin(2.0 * np.pi * rates * time[:, None] + phases)).sum(1))


def blinks(rng: np.random.Generator, time: Array, rate: float) -> Array:
    """How far the lids are shut (T,), 0 to 1: `rate` blinks a second of BLINK_SECONDS each."""
    shut = np.zeros_like(time)
    at = float(time[0]) - 1.0 + rng.exponential(1.0 / rate)
    while at < time[-1] + BLINK_SECONDS:
        phase = np.abs(time - np.float32(at)) / np.float32(0.5 * BLINK_SECONDS)
        shut = np.maximum(shut, smoothstep(f32(phase), 1.0, 0.25))
        at += 2.0 * BLINK_SECONDS + rng.exponential(1.0 / rate)
    return f32(shut)


def glances(rng: np.random.Generator, time: Array, start: float, spread: float) -> Array:
    """A gaze (T,) that rests, then jumps within a tenth of a second, about every second."""
    out = np.full_like(time, start)
    at, level = float(time[0]) + rng.exponential(0.9), start
    while at < time[-1]:
        goal = float(np.clip(rng.normal(0.0, spread), -0.8, 0.8))
        out += (goal - level) * smoothstep(f32(time - at), 0.0, 0.1)
        level, at = goal, at + 0.25 + rng.exponential(0.9)
    return f32(out)


def speech(rng: np.random.Generator, time: Array) -> Array:
    """How far a talking mouth is open (T,), 0 to about 0.6, in syllables under slow phrases."""
    syllables = waves(rng, time, 0.25, 2.2, 4.8)
    phrases = smoothstep(waves(rng, time, 1.0, 0.25, 0.8), -0.9, 0.3)
    return f32(np.clip(0.16 + syllables, 0.0, 0.62) * phrases)


def move(shot: Shot, rng: np.random.Generator, frames: int, fps: float) -> Motion:
    """`shot` over `frames` frames: what it says is where the person starts from and comes back to."""
    time = f32(np.arange(frames) / fps)
    lively = float(rng.uniform(0.6, 1.3))
    talks = bool(rng.random() < 0.7)
    mouth = speech(rng, time) if talks else f32(shot.mouth_open * (0.7 + waves(rng, time, 0.15, 0.3, 0.9)))
    smile = np.clip(shot.smile * (0.6 if talks else 1.0) + waves(rng, time, 0.14, 0.2, 0.9), -0.3, 1.0)
    shut = blinks(rng, time, 0.4)
    yaw = np.clip(shot.yaw + waves(rng, time, 3.6 * lively, 0.15, 0.9), -23.0, 23.0)
    pitch = np.clip(shot.pitch + waves(rng, time, 1.9 * lively, 0.2, 1.1), -11.0, 11.0)
    roll = np.clip(shot.roll + waves(rng, time, 1.6 * lively, 0.15, 0.8), -11.0, 11.0)
    brow = np.clip(shot.brow_raise + waves(rng, time, 0.22, 0.3, 1.2), -1.0, 1.0)
    gaze_x = glances(rng, time, shot.gaze_x, 0.3)
    gaze_y = glances(rng, time, shot.gaze_y, 0.15)
    turn = waves(rng, time, 2.0, 0.1, 0.5)
    glow = np.exp(waves(rng, time, 0.015, 0.2, 0.8))
    held = float(rng.uniform(0.1, 1.0))  # of a camera in somebody's hand, against one on a stand
    shake = Shake(
        *(waves(rng, time, 0.004 * held, 0.5, 3.0) for _ in range(2)),
        *(waves(rng, time, spread * lively, 0.15, 0.7) for spread in (0.008, 0.004)),
    )
    shots = tuple(
        replace(
            shot,
            yaw=float(yaw[t]),
            pitch=float(pitch[t]),
            roll=float(roll[t]),
            smile=float(smile[t]),
            mouth_open=float(np.clip(mouth[t], 0.0, 0.8)),
            brow_raise=float(brow[t]),
            eyes_open=float(max(0.04, shot.eyes_open * (1.0 - shut[t]))),
            gaze_x=float(gaze_x[t]),
            gaze_y=float(gaze_y[t]),
            light_yaw=shot.light_yaw + float(turn[t]),
            key=shot.key * float(glow[t]),
            shift_x=shot.shift_x + float(shake.camera_x[t] + shake.body_x[t]),
            shift_y=shot.shift_y + float(shake.camera_y[t] + shake.body_y[t]),
        )
        for t in range(frames)
    )
    return Motion(shots, shake)
