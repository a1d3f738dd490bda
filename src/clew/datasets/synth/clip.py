"""A clip: one person in one scene for a second or two, as a camera records it before any encoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clew.base.hashing import stable_seed
from clew.datasets.synth.camera import photograph
from clew.datasets.synth.motion import Motion, move
from clew.datasets.synth.person import Person, draw_person
from clew.datasets.synth.shot import Shot, draw_shot
from clew.datasets.synth.stage import Moment, Stage, perform, set_stage
from clew.media.pictures import Picture

FACE_ZOOM = 0.62  # brows to chin fill FACE_SHARE of this share of the frame's height


@dataclass(frozen=True)
class Format:
    """The shape of every clip of a set; frames are even in both directions, as H.264 wants them."""

    width: int = 320
    height: int = 240
    fps: int = 25
    seconds: tuple[float, float] = (1.0, 1.4)


FORMAT = Format()


@dataclass(frozen=True)
class ClipId:
    """Which clip: number `number` of person `person` in the set of `seed`."""

    seed: int
    person: int
    number: int = 0


@dataclass(frozen=True)
class Script:
    """Who does what in a clip, before anything is drawn."""

    person: Person
    shot: Shot
    motion: Motion

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.motion.shots)


@dataclass(frozen=True)
class Clip:
    """A finished genuine clip with what a forger's tools would find out about it."""

    script: Script
    stage: Stage
    moments: tuple[Moment, ...]  # their rgb is dropped
    pictures: tuple[Picture, ...]  # (H, W, 3) uint8 each


def who(seed: int, person: int) -> Person:
    """Person `person` of the set of `seed`: the same as in a set of pictures of that seed."""
    return draw_person(np.random.default_rng(stable_seed("person", seed, person)))


def _for_video(shot: Shot, rng: np.random.Generator) -> Shot:
    """`shot` from further away: head and shoulders, nearly frontal, by a camera that makes videos."""
    return replace(
        shot,
        yaw=0.75 * shot.yaw,
        pitch=0.75 * shot.pitch,
        roll=0.7 * shot.roll,
        zoom=FACE_ZOOM * float(rng.uniform(0.93, 1.07)),
        shift_x=float(np.clip(rng.normal(0.0, 0.03), -0.06, 0.06)),
        shift_y=0.055 + float(np.clip(rng.normal(0.0, 0.01), -0.02, 0.02)),
        lens_blur=0.35 + 0.6 * shot.lens_blur,
        sharpen=0.5 * shot.sharpen,
    )


def write_script(clip: ClipId, form: Format = FORMAT) -> Script:
    """What happens in `clip`: it depends on the arguments alone, and costs next to nothing."""
    rng = np.random.default_rng(stable_seed("clip", clip.seed, clip.person, clip.number))
    shot = _for_video(draw_shot(rng), rng)
    frames = round(float(rng.uniform(*form.seconds)) * form.fps)
    return Script(who(clip.seed, clip.person), shot, move(shot, rng, frames, form.fps))


def perform_all(script: Script, stage: Stage) -> Iterator[Moment]:
    """The frames of `script` as they are drawn."""
    shake = script.motion.shake
    for t, shot in enumerate(script.motion.shots):
        camera = (float(shake.camera_x[t]), float(shake.camera_y[t]))
        yield perform(stage, shot, camera, (float(shake.body_x[t]), float(shake.body_y[t])))


def shoot(clip: ClipId, form: Format = FORMAT) -> Clip:
    """Draws and photographs `clip`; the sensor's noise is new in every frame."""
    script = write_script(clip, form)
    stage = set_stage(script.person, script.shot, form.width, form.height)
    rng = np.random.default_rng(stable_seed("noise", clip.seed, clip.person, clip.number))
    moments, pictures = [], []
    for moment in perform_all(script, stage):
        pictures.append(photograph(moment.rgb, script.shot, rng))
        moments.append(replace(moment, rgb=np.zeros((0, 0, 3), np.float32)))
    return Clip(script, stage, tuple(moments), tuple(pictures))
