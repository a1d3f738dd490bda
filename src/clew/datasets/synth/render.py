"""One person in one shot: the scene as the lens sees it, with its parts and landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.datasets.synth.anatomy import SIDES, Anatomy, lip_lines, pose_face
from clew.datasets.synth.background import paint_background, paint_clothes
from clew.datasets.synth.eyes import brow_cover, lid_lines, paint_eye
from clew.datasets.synth.fields import Array, f32, over, resize, smoothstep
from clew.datasets.synth.glasses import wear_glasses
from clew.datasets.synth.hair import CUTS, shine, strands
from clew.datasets.synth.light import Lamp, Shading, cast_shadow, develop, set_up, shade
from clew.datasets.synth.mouth import lip_cover, paint_inside, paint_lips
from clew.datasets.synth.noise import look
from clew.datasets.synth.parts import face_parts, find_landmarks
from clew.datasets.synth.person import Person
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.skin import beard_area, paint_skin
from clew.datasets.synth.surface import Surface, build_surface, close_crown
from clew.datasets.synth.view import Seen, View, make_view, place, trace, turn_relief

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Rendered:
    """A drawn picture before the camera's own marks, and the truth about it."""

    rgb: Array  # (size, size, 3), display values in [0, 1]
    parts: dict[str, Array]  # name -> (size, size) cover in [0, 1]
    landmarks: dict[str, tuple[float, float]]  # name -> (x, y) in pixels


@dataclass
class Scene:
    """One person before one view: what the painters share."""

    person: Person
    shot: Shot
    face: Anatomy
    surface: Surface
    view: View
    seen: Seen
    lamp: Lamp

    def box(self, points: list[tuple[float, float]], margin: float) -> Box:
        """The window of pixels around points (s, y) of the skin, `margin` mm wider."""
        at = place(self.view, self.surface, points)
        m = margin / self.view.mm
        low, high = at.min(0) - m, at.max(0) + m
        x0, y0 = (int(np.clip(v, 0, self.view.size - 2)) for v in low)
        x1, y1 = (int(np.clip(np.ceil(v), 2, self.view.size)) for v in high)
        return slice(min(y0, y1 - 2), y1), slice(min(x0, x1 - 2), x1)

    def flat_light(self, box: Box, shadow: Array) -> Array:
        """Light (h, w, 3) on a patch inside `box` that faces forward."""
        key = self.lamp.key_colour * np.float32(max(0.15, float(self.lamp.key[2])))
        return f32((1.0 - shadow[box])[..., None] * key + 0.7 * self.lamp.ambient_colour)


def _working_size(size: int) -> int:
    """Drawn larger where pixels are coarse, then reduced by area."""
    return round(size * 1.2) if size <= 160 else size


@dataclass(frozen=True)
class Head:
    """A painted head: maps over the view's pixels."""

    linear: Array  # (H, W, 3) light
    cover: Array  # (H, W) of the head
    hair: Array  # (H, W) cover of hair within it


def set_scene(person: Person, shot: Shot, view: View | None = None, size: int = 256, crown: bool = False) -> Scene:
    """`person` in `shot` before `view` (None: the face fills `size` pixels); `crown` closes the head's top."""
    face = pose_face(person, shot)
    if view is None:
        view = make_view(face, shot, size)
    surface = build_surface(person, face, float(np.clip(1.35 * view.mm, 0.7, 2.4)))
    if crown:
        surface = close_crown(surface, person)
    return Scene(person, shot, face, surface, view, trace(surface, view), set_up(shot))


def _form(scene: Scene) -> tuple[Array, Array]:
    """Normals (H, W, 3) in the camera's frame, roughened by pores, and how much sky each point sees (H, W)."""
    seen, p, a = scene.seen, scene.person, scene.face
    normal, hollow = turn_relief(scene.view, scene.surface.at(scene.surface.relief, seen.s, seen.y))
    rough = np.float32(0.035 + 0.05 * p.age)
    normal[..., 0] += rough * look("grain", seen.s * 2.2, seen.y * 2.2, p.seed + 21, seen.pixel * 2.2)
    normal[..., 1] += rough * look("grain", seen.s * 2.2, seen.y * 2.2, p.seed + 23, seen.pixel * 2.2)
    under = smoothstep(seen.y, a.chin_y - 5.0, a.chin_y + 9.0)
    return normal, f32(np.clip(1.0 - 0.10 * hollow, 0.35, 1.12) * (1.0 - 0.6 * under))


def _paint_face(scene: Scene, light: Shading) -> Array:
    """Skin with lips, nostrils, brows and beard under `light`: (H, W, 3) linear."""
    p, a, seen = scene.person, scene.face, scene.seen
    skin = paint_skin(p, a, seen.s, seen.y, seen.pixel)
    albedo, gloss = skin.albedo, skin.gloss
    box = scene.box([(-a.mouth_width, a.mouth_y), (a.mouth_width, a.mouth_y), (0, a.mouth_y + a.gap_low)], 18.0)
    _, wet = paint_lips(p, a, albedo[box], seen.s[box], seen.y[box], seen.pixel)
    gloss[box] += wet
    _nostrils(scene, albedo)
    box = scene.box([(-52.0, a.brow_y), (52.0, a.brow_y), (0.0, a.brow_y)], 14.0)
    brows = brow_cover(p, a, seen.s[box], seen.y[box], seen.pixel)
    over(albedo[box], f32(p.hair) * 0.5 + 0.003, brows * 0.94)
    if p.beard in ("moustache", "goatee", "full"):
        _grow_beard(scene, albedo, gloss)
    return f32(albedo * light.diffuse + gloss[..., None] * light.shine)


def _nostrils(scene: Scene, albedo: Array) -> None:
    a, seen = scene.face, scene.seen
    w = a.nose_width / 17.0
    box = scene.box([(-12.0, a.nose_y), (12.0, a.nose_y)], 9.0)
    s, y = np.abs(seen.s[box]), seen.y[box]
    tilt = y - a.nose_y + 1.2 + 0.25 * (s - 6.5 * w)
    hole = np.exp(-(((s - 6.5 * w) / (3.1 * w)) ** 2) - (tilt / 1.5) ** 2)
    wing = np.exp(-(((np.hypot(s - 11.5 * w, 0.9 * (y - 0.89 * a.nose_y)) - 6.3) / 1.3) ** 2))
    wing *= smoothstep(f32(s - 13.0 * w), 0.0, 3.0)
    albedo[box] *= (1.0 - 0.82 * hole)[..., None] * (1.0 - 0.22 * wing)[..., None]


def _grow_beard(scene: Scene, albedo: Array, gloss: Array) -> None:
    p, a, seen = scene.person, scene.face, scene.seen
    area = beard_area(p, a, seen.s, seen.y)
    lips = _lips(scene)
    turn = 0.35 * seen.s
    hairs = look("strand", seen.s * 2.6 + 0.3 * seen.y, seen.y * 0.55 + turn, p.seed + 29, seen.pixel * 2.4)
    cover = np.clip(area * 1.35 + 0.28 * hairs * area - 0.12, 0.0, 0.96) * (1.0 - lips)
    colour = f32(p.hair) * 0.9 * np.exp(0.45 * hairs)[..., None]
    over(albedo, f32(colour), f32(cover))
    gloss *= 1.0 - 0.8 * cover


def _lips(scene: Scene) -> Array:
    """Cover (H, W) of the mouth."""
    return lip_cover(lip_lines(scene.face, scene.seen.s), scene.seen.y, scene.seen.pixel)


def _paint_eyes(scene: Scene, canvas: Array, shadow: Array) -> None:
    p, a, seen = scene.person, scene.face, scene.seen
    for side in SIDES:
        box = scene.box([(side * a.eye_s, 0.0)], 24.0)
        s, y = seen.s[box], seen.y[box]
        light = scene.flat_light(box, shadow) * np.float32(0.5 + np.mean(p.skin))
        dark, folds = lid_lines(p, a, side, s, y, seen.pixel)
        canvas[box] *= 1.0 - folds[..., None] * f32([0.75, 0.85, 0.9])
        ball, cover = paint_eye(p, a, scene.shot, scene.lamp, side, s, y, light, seen.pixel)
        canvas[box] += (ball - canvas[box]) * cover[..., None]
        over(canvas[box], (0.012, 0.009, 0.008), dark)


def _paint_mouth(scene: Scene, canvas: Array, shadow: Array) -> None:
    a, seen = scene.face, scene.seen
    box = scene.box([(-a.mouth_width, a.mouth_y), (a.mouth_width, a.mouth_y), (0, a.mouth_y + a.gap_low)], 16.0)
    light = scene.flat_light(box, shadow) * 0.8
    paint_inside(a, canvas[box], light, seen.s[box], seen.y[box], seen.pixel)


def _paint_hair(scene: Scene, canvas: Array, light: Shading) -> Array:
    """Paints hair over `canvas` in place; returns its cover (H, W)."""
    p, seen = scene.person, scene.seen
    if CUTS[p.hair_style].shade == 0.0:
        return np.zeros_like(seen.s)
    single = strands(p, seen.s, seen.y, seen.x, seen.pixel)
    cut = CUTS[p.hair_style]
    plain = scene.surface.at(scene.surface.hair.cover, seen.s, seen.y)
    ragged = plain + 0.88 * single * plain * (1.0 - plain)
    cover = smoothstep(f32(ragged), 0.12, 0.88) * cut.shade
    depth = 0.6 if cut.flow == "curl" else 0.42
    albedo = f32(p.hair) * np.exp(depth * single - 0.2)[..., None]
    glow = (shine(p, seen.s, seen.y) * np.clip(0.5 + 0.5 * single, 0.0, 2.0))[..., None]
    key = np.clip(light.diffuse, 0.0, 2.0)
    lit = albedo * key * 1.15 + glow * key * (f32(p.hair) * 0.5 + 0.022)
    canvas += (lit - canvas) * cover[..., None]
    return f32(cover)


def paint_head(scene: Scene) -> Head:
    """Skin, mouth, eyes and hair of `scene`, without background, clothes and glasses."""
    seen, lamp = scene.seen, scene.lamp
    shadow = cast_shadow(seen, lamp, scene.view.size)
    light = shade(*_form(scene), shadow, lamp)
    head = _paint_face(scene, light)
    _paint_mouth(scene, head, shadow)
    _paint_eyes(scene, head, shadow)
    hair = _paint_hair(scene, head, light)
    return Head(head, seen.cover, hair)


def _compose(scene: Scene) -> tuple[Array, Array]:
    """The whole scene (W, W, 3) in linear light, and the cover (W, W) of hair."""
    head = paint_head(scene)
    canvas = paint_background(scene.shot, scene.view.size)
    canvas += (head.linear - canvas) * head.cover[..., None]
    flat = flat_light(scene.lamp)
    paint_clothes(scene.person, scene.shot, scene.view, canvas, flat)
    if scene.person.glasses != "none":
        wear_glasses(scene.person, scene.face, scene.view, canvas, float(flat.mean()))
    return canvas, head.hair


def flat_light(lamp: Lamp) -> Array:
    """Light (3,) on clothes and whatever else faces forward."""
    return f32(0.75 * lamp.key_colour * max(0.2, float(lamp.key[2])) + 0.7 * lamp.ambient_colour)


def exposure(person: Person, shot: Shot) -> float:
    """What an automatic exposure does: brings the face near mid grey, dark skin a little below."""
    light = 0.62 * shot.key * 1.15 + 0.75 * shot.ambient
    return float(0.30 / (light * float(np.mean(person.skin)) ** 0.62 * 0.30**0.38))


def render(person: Person, shot: Shot, size: int) -> Rendered:
    """Draws `person` in `shot` as a picture of `size` x `size` pixels."""
    scene = set_scene(person, shot, size=_working_size(size))
    linear, hair = _compose(scene)
    rgb = resize(develop(linear, exposure(person, shot)), size)
    parts = face_parts(scene.face, scene.seen, hair, size)
    landmarks = find_landmarks(scene.face, scene.surface, scene.view, size / scene.view.size)
    return Rendered(f32(np.clip(rgb, 0.0, 1.0)), parts, landmarks)
