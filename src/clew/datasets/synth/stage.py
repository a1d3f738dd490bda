"""A wide frame around one person: what stands still in it is painted once, the head anew in every frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from clew.datasets.synth.anatomy import pose_face
from clew.datasets.synth.background import cut_clothes, paint_background
from clew.datasets.synth.fields import Array, f32
from clew.datasets.synth.glasses import wear_glasses
from clew.datasets.synth.light import develop, set_up
from clew.datasets.synth.parts import face_parts
from clew.datasets.synth.person import Person
from clew.datasets.synth.render import Scene, exposure, flat_light, paint_head, set_scene
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.view import View, make_view


@dataclass(frozen=True)
class Clothes:
    """A layer over the frame: colour times cover (H, W, 3), and cover (H, W)."""

    colour: Array
    cover: Array


@dataclass(frozen=True)
class Stage:
    """What does not change while the camera runs; lengths in pixels."""

    person: Person
    shot: Shot
    width: int
    height: int
    backdrop: Array  # (H, W, 3) linear light
    clothes: Clothes
    exposure: float


@dataclass(frozen=True)
class Moment:
    """One drawn frame: display values (H, W, 3), and where it came from."""

    rgb: Array
    shot: Shot
    view: View  # of the square of the frame's height in its middle
    parts: dict[str, Array]  # name -> (H, H) cover within that square


def left_edge(width: int, height: int) -> int:
    """The first column of the square in the middle of a frame."""
    return (width - height) // 2


def set_stage(person: Person, shot: Shot, width: int, height: int) -> Stage:
    """Paints background and clothes of `person` in `shot` for frames of `width` x `height` pixels."""
    view = make_view(pose_face(person, shot), shot, height)
    lamp = set_up(shot)
    wide = paint_background(shot, width)
    top = (width - height) // 2
    layer = cut_clothes(person, shot, view, flat_light(lamp), height, width)
    colour, cover = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    if layer is not None:
        first, cloth, edge = layer
        colour[first:], cover[first:] = cloth * edge[..., None], edge
    backdrop = f32(wide[top : top + height])
    return Stage(person, shot, width, height, backdrop, Clothes(colour, cover), exposure(person, shot))


def _shifted(layer: Array, dx: float, dy: float, border: int) -> Array:
    move = f32([[1, 0, dx], [0, 1, dy]])
    size = (layer.shape[1], layer.shape[0])
    return f32(cv2.warpAffine(layer, move, size, flags=cv2.INTER_LINEAR, borderMode=border))


def _parts(scene: Scene, hair: Array) -> dict[str, Array]:
    drawn = face_parts(scene.face, scene.seen, hair, scene.view.size)
    wanted = ("head", "face", "mouth")  # what forgers need: clips are held in memory
    return {name: f32(drawn[name]) for name in wanted}


def paint_person(person: Person, shot: Shot, square: Array, dress: Callable[[], None]) -> Moment:
    """Paints the head that `shot` frames over `square` (H, H, 3) in place, lets `dress` paint clothes, adds glasses.

    The moment's rgb is left empty.
    """
    view = make_view(pose_face(person, shot), shot, square.shape[0])
    scene = set_scene(person, shot, view, crown=True)
    head = paint_head(scene)
    square += (head.linear - square) * head.cover[..., None]
    dress()
    if person.glasses != "none":
        wear_glasses(person, scene.face, view, square, float(flat_light(scene.lamp).mean()))
    return Moment(np.zeros((0, 0, 3), np.float32), shot, view, _parts(scene, head.hair))


def perform(stage: Stage, shot: Shot, camera: tuple[float, float], body: tuple[float, float]) -> Moment:
    """One frame: `shot` with the camera and the body moved by shares of the frame's height."""
    high, left = stage.height, left_edge(stage.width, stage.height)
    canvas = _shifted(stage.backdrop, camera[0] * high, camera[1] * high, cv2.BORDER_REFLECT)

    def dress() -> None:
        dx, dy = ((camera[k] + body[k]) * high for k in (0, 1))
        cover = _shifted(stage.clothes.cover, dx, dy, cv2.BORDER_REPLICATE)
        canvas[:] *= 1.0 - cover[..., None]
        canvas[:] += _shifted(stage.clothes.colour, dx, dy, cv2.BORDER_REPLICATE)

    moment = paint_person(stage.person, shot, canvas[:, left : left + high], dress)
    return replace(moment, rgb=develop(canvas, stage.exposure))
