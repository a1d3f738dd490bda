"""What every forgery of videos shares: the registry, drawing a face anew, and laying it over the clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from clew.base.registry import Registry
from clew.datasets.synth.camera import expose
from clew.datasets.synth.clip import Clip, Script
from clew.datasets.synth.fields import Array, blur, f32, resize
from clew.datasets.synth.forge import Region, blend, weighted_stats
from clew.datasets.synth.glasses import wear_glasses
from clew.datasets.synth.light import develop
from clew.datasets.synth.parts import face_parts
from clew.datasets.synth.person import Person
from clew.datasets.synth.render import exposure, flat_light, paint_head, set_scene
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.stage import left_edge
from clew.datasets.synth.view import FACE_SHARE
from clew.media.pictures import Picture

Forged = tuple[Picture, Region]
VideoForgery = Callable[[Clip, Script, np.random.Generator], Iterator[Forged]]
"""(target, source, rng) -> each frame (H, W, 3) and its region, outside which it equals the target's frame.

`source` is the clip that lends the face or the expression; what is drawn from `rng` holds for the whole clip, so
that the traces hang together over time.
"""

VIDEO_FORGERIES: Registry[VideoForgery] = Registry("video forgery")


@dataclass(frozen=True)
class Window:
    """The square of one frame in which a face is drawn anew; pixels of the frame."""

    x: int
    y: int
    side: int
    square: int  # side of the square in the middle of the frame that shots are framed by
    left: int  # its first column

    def shot(self, shot: Shot) -> Shot:
        """`shot`, which frames the square, as one that frames the window."""
        place = [0.5 * self.square + s * self.square for s in (shot.shift_x, shot.shift_y)]
        return replace(
            shot,
            zoom=shot.zoom * self.square / self.side,
            shift_x=(place[0] - (self.x - self.left)) / self.side - 0.5,
            shift_y=(place[1] - self.y) / self.side - 0.5,
            lens_blur=shot.lens_blur * self.square / self.side,
        )

    def crop(self, frame: Picture) -> Picture:
        """The window's part of a frame (H, W, 3)."""
        return frame[self.y : self.y + self.side, self.x : self.x + self.side]

    def part(self, square: Array) -> Array:
        """The window's part of a map (H, H) over the frame's square."""
        x = self.x - self.left
        return square[self.y : self.y + self.side, x : x + self.side]


@dataclass(frozen=True)
class Drawn:
    """A face drawn anew: display values (n, n, 3) after the lens, and its parts (n, n)."""

    rgb: Array
    parts: dict[str, Array]


def window_of(clip: Clip, shot: Shot) -> Window:
    """The window around the face of `clip` in the frame that shows `shot`: brows to chin fill 2/3 of it."""
    square, left = clip.stage.height, left_edge(clip.stage.width, clip.stage.height)
    side = min(square, round(clip.script.shot.zoom * square / (FACE_SHARE * 1.5) / 2.0) * 2)
    corner = [
        int(np.clip(round(0.5 * square + s * square - 0.5 * side), 0, square - side))
        for s in (shot.shift_x, shot.shift_y)
    ]
    return Window(left + corner[0], corner[1], side, square, left)


def redraw(person: Person, shot: Shot, base: Shot, size: int) -> Drawn:
    """The face of `person` in `shot` at `size` pixels; `base`, the clip's own shot, sets the exposure."""
    scene = set_scene(person, shot, size=size)
    head = paint_head(scene)
    skin = head.linear.reshape(-1, 3)[head.cover.ravel() > 0.9]
    canvas = f32(np.broadcast_to(skin.mean(0) if len(skin) else f32(person.skin), head.linear.shape).copy())
    canvas += (head.linear - canvas) * head.cover[..., None]
    if person.glasses != "none":
        wear_glasses(person, scene.face, scene.view, canvas, float(flat_light(scene.lamp).mean()))
    rgb = expose(develop(canvas, exposure(person, base)), shot)
    return Drawn(rgb, face_parts(scene.face, scene.seen, head.hair, size))


def through_generator(face: Array, size: int, crisp: float) -> Array:
    """`face` (n, n, 3) as (size, size, 3): up-sampled smoothly, then sharpened by `crisp` as generators overdo it."""
    large = resize(face, size, smooth=True)
    return f32(large + crisp * (large - blur(large, 0.008 * size))) if crisp > 0 else large


def recolour(face: Array, goal: Array, weight: Array, left: float, error: Array) -> Array:
    """`face` with the mean and contrast of `goal` under `weight`, but for the share `left` of the difference."""
    mean, spread = weighted_stats(face, weight)
    goal_mean, goal_spread = weighted_stats(goal, weight)
    gain = np.clip(float((goal_spread / spread).mean()) ** (1.0 - left), 0.7, 1.35)  # one for all: no false colours
    return f32((face - mean) * gain + mean + (goal_mean - mean) * (1.0 - left) + error)


def grow(area: Array, share: float) -> Array:
    """`area` (n, n) dilated (`share` > 0) or eroded (< 0) by a share of n."""
    radius = round(abs(share) * area.shape[0])
    if radius == 0:
        return area
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return f32(cv2.dilate(area, kernel) if share > 0 else cv2.erode(area, kernel))


def even_blocks(region: Region) -> Region:
    """`region` (H, W) grown to whole blocks of 2 x 2 pixels, which share their chroma in 4:2:0."""
    height, width = region.shape
    blocks = region.reshape(height // 2, 2, width // 2, 2).any((1, 3))
    return np.repeat(np.repeat(blocks, 2, 0), 2, 1)


def lay_over(frame: Picture, window: Window, face: Array, alpha: Array) -> Forged:
    """`frame` with `face` (side, side, 3) in `window` by `alpha` (side, side), and the region of what changed."""
    mixed, inside = blend(window.crop(frame), face, alpha)
    result, region = frame.copy(), np.zeros(frame.shape[:2], bool)
    rows, columns = slice(window.y, window.y + window.side), slice(window.x, window.x + window.side)
    result[rows, columns], region[rows, columns] = mixed, inside
    return result, even_blocks(region)
