"""The camera's geometry: which point of the head every pixel sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from clew.datasets.synth.anatomy import AXIS_Z, RADIUS, Anatomy
from clew.datasets.synth.fields import Array, f32, resize
from clew.datasets.synth.shot import Shot
from clew.datasets.synth.surface import Surface, to_space

PIVOT = np.array([0.0, 45.0, -45.0])  # mm; the point of the head that poses turn around
FACE_SHARE = 0.66  # of the frame's height, from the brows to the chin
# mm along the rays: wide steps over the front of the face, narrow ones by the ears.
_DEPTHS = np.concatenate([np.arange(105.0, -30.0, -11.0), np.arange(-30.0, -165.0, -7.0)]).astype(np.float32)


@dataclass(frozen=True)
class View:
    """Orthographic camera: pixel = (R (p - PIVOT) - centre) / mm + size / 2."""

    rotation: Array  # (3, 3), head to camera
    centre: tuple[float, float]  # mm, in the camera's frame
    mm: float  # per pixel
    size: int

    def project(self, points: Array) -> Array:
        """Pixel coordinates (N, 2) of points (N, 3) of the head's frame."""
        seen = (points - PIVOT) @ self.rotation.T
        return f32((seen[:, :2] - np.array(self.centre)) / self.mm + self.size / 2.0 - 0.5)


def _rotation(shot: Shot) -> Array:
    yaw, pitch, roll = np.radians([shot.yaw, shot.pitch, shot.roll])
    ry = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    rx = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    rz = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return f32(rz @ rx @ ry)


def make_view(face: Anatomy, shot: Shot, size: int) -> View:
    """Frames the face like a detector's box, enlarged: brows to chin fill about FACE_SHARE, whatever the expression."""
    rotation = _rotation(shot)
    frame = (face.rest_bottom - face.rest_top) / FACE_SHARE / shot.zoom
    middle = np.array([0.0, 0.5 * (face.rest_bottom + face.rest_top) - 7.0, 5.0])
    x, y, _ = rotation @ (middle - PIVOT)
    centre = (float(x) - shot.shift_x * frame, float(y) - shot.shift_y * frame)
    return View(rotation, centre, frame / size, size)


@dataclass(frozen=True)
class Seen:
    """What each pixel sees of the head: (H, W) maps."""

    s: Array  # mm on the head's skin map
    y: Array
    x: Array  # mm to the right of the head's middle
    depth: Array  # mm towards the viewer, in the camera's frame
    cover: Array  # 0 background to 1 head
    coarse_depth: Array  # (n, n) depth at low resolution, far away where there is no head
    pixel: float  # mm per pixel of the full maps


def _plane(view: View, n: int) -> tuple[Array, Array]:
    """Camera coordinates (mm) of the pixel centres of an n x n grid over the frame: (1, n) and (n, 1)."""
    at = ((np.arange(n) + 0.5) / n - 0.5) * view.size * view.mm
    return f32(at[None] + view.centre[0]), f32(at[:, None] + view.centre[1])


def _to_head(view: View, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    """Camera-frame points into (x, y, z - AXIS_Z) of the head's frame."""
    r = view.rotation
    hx = r[0, 0] * x + r[1, 0] * y + (r[2, 0] * z + np.float32(PIVOT[0]))
    hy = r[0, 1] * x + r[1, 1] * y + (r[2, 1] * z + np.float32(PIVOT[1]))
    hz = r[0, 2] * x + r[1, 2] * y + (r[2, 2] * z + np.float32(PIVOT[2] - AXIS_Z))
    return f32(hx), f32(hy), f32(hz)


def _clearance(surface: Surface, view: View, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    """Distance to the axis less the surface's radius, and (s, y), at camera-frame points."""
    hx, hy, hz = _to_head(view, x, y, z)
    far, angle = cv2.cartToPolar(hz, hx)
    s = f32(np.where(angle > np.pi, angle - 2 * np.pi, angle) * RADIUS)
    return f32(far - surface.at(surface.radius, s, hy)), s, hy


def _march(surface: Surface, view: View, n: int) -> tuple[Array, Array, Array]:
    """First hit along the n x n rays: depth (mm), slope of the clearance there, least clearance (mm)."""
    x, y = _plane(view, n)
    depths = _DEPTHS
    clear = np.empty((len(depths), n, n), np.float32)
    half = len(depths) // 2
    for part in (slice(0, half), slice(half, None)):
        z = np.repeat(depths[part], n)[:, None]
        tall = np.tile(y, (len(depths[part]), 1))
        clear[part] = _clearance(surface, view, x, tall, z)[0].reshape(-1, n, n)
    hit = clear < 0
    first = np.where(hit.any(0), hit.argmax(0), clear.argmin(0))
    first = np.maximum(first, 1)
    ahead = np.take_along_axis(clear, first[None] - 1, 0)[0]
    here = np.take_along_axis(clear, first[None], 0)[0]
    missed = here >= 0
    share = np.where(missed, 1.0, ahead / np.maximum(ahead - here, 1e-3))
    step = depths[first - 1] - depths[first]
    depth = depths[first - 1] - share * step
    slope = np.maximum((ahead - here) / step, 0.25)
    return f32(depth), f32(slope), f32(clear.min(0))


def trace(surface: Surface, view: View) -> Seen:
    """Finds the head behind every pixel: a coarse march, then one Newton step per pixel."""
    n = int(np.clip(view.size // 2, 48, 112))
    depth, slope, least = _march(surface, view, n)
    for _ in range(2):
        off = _clearance(surface, view, *_plane(view, n), depth)[0]
        depth = f32(depth - np.where(least < 0, np.clip(off / slope, -6.0, 6.0), 0.0))
    x, y = _plane(view, view.size)
    fine, steep = resize(depth, view.size), resize(slope, view.size)
    limit = 6.0 * view.mm
    edge = resize(np.clip(least, -limit, limit), view.size, smooth=True)
    off, _, _ = _clearance(surface, view, x, y, fine)
    fine = f32(fine - np.where(edge < 0, np.clip(off / steep, -4.0, 4.0), 0.0))
    _, s, head_y = _clearance(surface, view, x, y, fine)
    across = _to_head(view, x, y, fine)[0]
    cover = np.clip(0.5 - edge / np.float32(1.2 * view.mm), 0.0, 1.0)
    behind = np.where(least < 0, depth, -400.0)
    return Seen(s, head_y, across, fine, f32(cover), f32(behind), view.mm)


def place(view: View, surface: Surface, points: Sequence[tuple[float, float]]) -> Array:
    """Pixels (N, 2), x and y, of the points (s, y) of the surface."""
    s, y = f32(points).T[:, None]
    x, _, z = to_space(surface.at(surface.radius, s, y), s, y)
    return view.project(np.concatenate([x, y, z]).T)


def turn_relief(view: View, relief: Array) -> tuple[Array, Array]:
    """Splits a surface's relief (H, W, 4) into normals (H, W, 3) in the camera's frame and hollows (H, W)."""
    rotation = np.zeros((3, 4), np.float32)
    rotation[:, :3] = view.rotation
    return cast(Array, cv2.transform(relief, rotation)), relief[..., 3]
