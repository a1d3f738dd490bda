"""A picture of several people side by side under one light, any of whom may be forged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from clew.base.hashing import stable_seed
from clew.datasets.synth import video_forgeries  # noqa: F401  (registers them)
from clew.datasets.synth.anatomy import pose_face
from clew.datasets.synth.background import cut_clothes, paint_background
from clew.datasets.synth.camera import photograph
from clew.datasets.synth.clip import FACE_ZOOM, Clip, Format, Script, who, write_script
from clew.datasets.synth.clip import ClipId as Donor
from clew.datasets.synth.fields import Array, f32, over, soft
from clew.datasets.synth.forge import Region
from clew.datasets.synth.light import develop, set_up
from clew.datasets.synth.motion import Motion, Shake
from clew.datasets.synth.parts import face_parts
from clew.datasets.synth.person import Person
from clew.datasets.synth.render import exposure, flat_light, set_scene
from clew.datasets.synth.shot import Shot, draw_shot
from clew.datasets.synth.stage import Clothes, Moment, Stage, paint_person
from clew.datasets.synth.video_forge import VIDEO_FORGERIES
from clew.datasets.synth.view import make_view
from clew.media.pictures import Picture

SHOULDER = 178.0  # mm from the middle to the outside of the arm
STEP = 0.84  # of a square's side between neighbours
_OUTLINE_PIXELS = 96


@dataclass(frozen=True)
class Member:
    """One person of a picture; pixels of the whole picture."""

    person: Person
    shot: Shot  # frames the member's square
    x: int  # left edge of the square; its bottom is the picture's
    side: int


@dataclass(frozen=True)
class Group:
    """A planned picture."""

    members: tuple[Member, ...]
    shot: Shot  # light, camera and background that all share
    width: int
    height: int
    seed: int


def gather(seed: int, number: int, people: tuple[int, ...], side: int) -> Group:
    """Picture `number` of `people`, each in a square of `side` pixels: it depends on the arguments alone."""
    rng = np.random.default_rng(stable_seed("group", seed, number))
    common = draw_shot(rng)
    margin = round(0.18 * side)
    step = round(STEP * side)
    width = 2 * margin + side + step * (len(people) - 1)
    members = []
    for place, person in enumerate(people):
        own = draw_shot(rng)
        shot = replace(
            common,
            yaw=0.8 * own.yaw,
            pitch=0.75 * own.pitch,
            roll=0.7 * own.roll,
            smile=own.smile,
            mouth_open=own.mouth_open,
            brow_raise=own.brow_raise,
            eyes_open=own.eyes_open,
            gaze_x=own.gaze_x,
            gaze_y=own.gaze_y,
            zoom=FACE_ZOOM * float(rng.uniform(0.9, 1.04)),
            shift_x=float(rng.uniform(-0.03, 0.03)),
            shift_y=float(rng.uniform(0.03, 0.08)),
        )
        members.append(Member(who(seed, person), shot, margin + place * step, side))
    height = round(1.12 * side / 2) * 2
    return Group(tuple(members), common, width, height, int(rng.integers(1 << 40)))


def outline(member: Member, height: int) -> Array:
    """The polygon (N, 2) around the member's face, hair or no hair, in pixels of a picture of `height`."""
    small = set_scene(member.person, member.shot, size=_OUTLINE_PIXELS, crown=True)
    oval = face_parts(small.face, small.seen, np.zeros_like(small.seen.s), _OUTLINE_PIXELS)["face"]
    large = cv2.resize(oval, (member.side, member.side), interpolation=cv2.INTER_LINEAR)
    found, _ = cv2.findContours((large > 0.02).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = max(found, key=cv2.contourArea)[:, 0] + [member.x, height - member.side]
    return f32(cv2.approxPolyDP(points.astype(np.int32)[:, None], 0.7, True)[:, 0])


def inside(polygon: Array, width: int, height: int) -> Region:
    """The pixels (H, W) within a polygon, its border included."""
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], 1)
    return mask.astype(bool)


def _paint_clothes(member: Member, canvas: Array) -> None:
    """Shoulders and arms over `canvas` (H, W, 3), cut off at their sides."""
    view = make_view(pose_face(member.person, member.shot), member.shot, member.side)
    half = round(SHOULDER / view.mm) + 4
    light = flat_light(set_up(member.shot))
    layer = cut_clothes(member.person, member.shot, view, light, member.side, 2 * half)
    if layer is None:
        return
    first, colour, cover = layer
    across = np.abs(np.arange(2 * half) + 0.5 - half)[None] * view.mm
    drop = np.arange(len(cover))[:, None] * view.mm
    round_off = 26.0 * np.exp(-drop / 22.0)
    cover = cover * soft(f32(SHOULDER - round_off - across), 2.0 * view.mm)
    middle = member.x + member.side / 2.0 - view.centre[0] / view.mm
    left, top = round(middle - half), canvas.shape[0] - member.side + first
    low, high = max(0, -left), min(2 * half, canvas.shape[1] - left)
    over(canvas[top:, left + low : left + high], colour[:, low:high], f32(cover[:, low:high]))


def draw_group(group: Group) -> tuple[Picture, list[Moment]]:
    """The genuine picture (H, W, 3) and where everybody is in it."""
    top = (group.width - group.height) // 2
    wide = paint_background(group.shot, max(group.width, group.height))
    canvas = f32(wide[max(top, 0) :][: group.height, : group.width]).copy()
    moments = []
    for member in group.members:
        square = canvas[group.height - member.side :, member.x : member.x + member.side]
        moments.append(paint_person(member.person, member.shot, square, partial(_paint_clothes, member, canvas)))
    level = np.mean([np.log(exposure(member.person, group.shot)) for member in group.members])
    rgb = develop(canvas, float(np.exp(level)))
    return photograph(rgb, group.shot, np.random.default_rng(group.seed)), moments


def _still() -> Shake:
    nothing = np.zeros(1, np.float32)
    return Shake(nothing, nothing, nothing, nothing)


def forge_member(
    picture: Picture, group: Group, place: int, moment: Moment, method: str, donor: Donor, form: Format
) -> Picture:
    """`picture` with the face of one member forged inside its outline."""
    member = group.members[place]
    side, top = member.side, group.height - member.side
    square = picture[top:, member.x : member.x + side]
    nothing = np.zeros((0, 0, 3), np.float32)
    stage = Stage(member.person, member.shot, side, side, nothing, Clothes(nothing, nothing[..., 0]), 1.0)
    script = Script(member.person, member.shot, Motion((member.shot,), _still()))
    clip = Clip(script, stage, (moment,), (square,))
    rng = np.random.default_rng(stable_seed("forged member", group.seed, place))
    ((forged, _),) = VIDEO_FORGERIES.get(method)(clip, write_script(donor, form), rng)
    allowed = inside(outline(member, group.height), group.width, group.height)
    result = picture.copy()
    part = result[top:, member.x : member.x + side]
    free = allowed[top:, member.x : member.x + side]
    part[free] = forged[free]
    return result
