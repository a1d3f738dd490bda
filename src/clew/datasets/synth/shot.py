"""One moment in front of one camera: pose, expression, light, background, lens and film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.datasets.synth.fields import Colour

BACKGROUNDS = ("wall", "bokeh", "room", "leaves", "outdoors")


@dataclass(frozen=True)
class Shot:
    """Everything about a picture but the person; angles in degrees, shares of the frame in 0 to 1."""

    # pose: plain numbers that can move over time
    yaw: float = 0.0  # positive: the nose points to the right of the picture
    pitch: float = 0.0  # positive: the nose points down
    roll: float = 0.0  # positive: clockwise
    # expression
    smile: float = 0.0  # -0.4 to 1
    mouth_open: float = 0.0  # 0 to 1
    brow_raise: float = 0.0  # -1 to 1
    eyes_open: float = 1.0  # 0 closed, 1 normal, 1.2 wide
    gaze_x: float = 0.0  # -1 to 1
    gaze_y: float = 0.0
    # light
    light_yaw: float = 30.0  # where the key light stands: right of the camera
    light_pitch: float = 35.0  # above the camera
    key: float = 1.0
    key_colour: Colour = (1.0, 1.0, 1.0)
    ambient: float = 0.4
    ambient_colour: Colour = (1.0, 1.0, 1.0)
    rim: float = 0.0
    hardness: float = 0.5  # 0 overcast, 1 bare bulb
    # place and framing
    background: str = "wall"
    scene: int = 0  # seed of what stands in the background
    shift_x: float = 0.0  # shares of the frame
    shift_y: float = 0.0
    zoom: float = 1.0
    # camera
    lens_blur: float = 0.4  # sigma in pixels of a frame of 256
    sharpen: float = 0.0
    noise: float = 0.01  # standard deviation of mid grey
    exposure: float = 0.0  # stops
    white_balance: tuple[float, float] = (1.0, 1.0)  # gains of red and blue
    jpeg_quality: int = 90


def _turn(rng: np.random.Generator, spread: float, limit: float) -> float:
    return float(np.clip(rng.normal(0.0, spread), -limit, limit))


def _warm(rng: np.random.Generator, spread: float) -> Colour:
    """A light's colour: from warm to cold, with unit mean."""
    warmth, tint = rng.normal(0.0, spread), rng.normal(0.0, 0.3 * spread)
    rgb = np.exp([warmth, tint, -1.2 * warmth])
    r, g, b = (float(v) for v in rgb / rgb.mean())
    return r, g, b


def draw_shot(rng: np.random.Generator) -> Shot:
    """Draws one shot: mostly frontal, as pictures found by a face detector are."""
    smile = float(rng.choice([rng.normal(0.05, 0.15), rng.uniform(0.25, 1.0)]))
    opening = float(max(0.0, rng.normal(-0.12, 0.28)))
    side = 1.0 if rng.random() < 0.5 else -1.0
    return Shot(
        yaw=_turn(rng, 9.0, 21.0),
        pitch=_turn(rng, 4.5, 10.0),
        roll=_turn(rng, 4.0, 10.0),
        smile=float(np.clip(smile, -0.35, 1.0)),
        mouth_open=float(np.clip(opening, 0.0, 0.8)),
        brow_raise=_turn(rng, 0.35, 1.0),
        eyes_open=float(np.clip(rng.normal(0.98, 0.1), 0.66, 1.18)),
        gaze_x=_turn(rng, 0.3, 0.8),
        gaze_y=_turn(rng, 0.18, 0.5),
        light_yaw=side * float(rng.uniform(3.0, 58.0)),
        light_pitch=float(rng.uniform(8.0, 55.0)),
        key=float(rng.uniform(0.55, 1.1)),
        key_colour=_warm(rng, 0.05),
        ambient=float(rng.uniform(0.24, 0.52)),
        ambient_colour=_warm(rng, 0.06),
        rim=float(max(0.0, rng.normal(0.0, 0.45))),
        hardness=float(rng.random()),
        background=str(rng.choice(BACKGROUNDS)),
        scene=int(rng.integers(1 << 40)),
        shift_x=_turn(rng, 0.015, 0.04),
        shift_y=_turn(rng, 0.015, 0.04),
        zoom=float(np.clip(rng.normal(1.0, 0.03), 0.94, 1.07)),
        lens_blur=float(rng.uniform(0.25, 1.3)),
        sharpen=float(max(0.0, rng.uniform(-0.4, 0.7))),
        noise=float(np.exp(rng.uniform(np.log(0.004), np.log(0.017)))),
        exposure=_turn(rng, 0.22, 0.5),
        white_balance=(float(np.exp(_turn(rng, 0.04, 0.1))), float(np.exp(_turn(rng, 0.05, 0.12)))),
        jpeg_quality=int(rng.integers(80, 97)),
    )
