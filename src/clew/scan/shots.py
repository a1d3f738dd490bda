"""The faces of a picture or video, one after the other, each cut out of its frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from clew.base.progress import Task
from clew.media.faces.base import Box, FaceDetector
from clew.media.faces.cutting import cut_face, face_square
from clew.media.faces.following import faces_in_video
from clew.media.faces.frames import FrameFaces
from clew.media.faces.searching import faces_in_picture
from clew.media.pictures import Picture
from clew.media.videos import read_frames
from clew.scan.cropping import Cropping
from clew.scan.reading import as_far

MOST_IN_PICTURE, MOST_IN_FRAME = 64, 16  # the largest ones
THREADS = 2  # from which the next frames are decoded while faces are searched for; the faces are the same


@dataclass(frozen=True)
class Shot:
    """One face in one frame: whose (from 0), where, when, and its square as it was cut, `side` pixels across."""

    track: int
    frame: int
    time_s: float
    box: Box
    detected: bool
    score: float
    square: Picture

    @property
    def side(self) -> int:
        """Pixels of the frame across the square."""
        return self.square.shape[0]

    def without_square(self) -> Shot:
        """The same, which holds no pixels."""
        return replace(self, square=np.empty((0, 0, 3), np.uint8))


@dataclass
class Sampled:
    """What became of the frames: those that could be read, [index, why] of the others, faces left out, damage."""

    wanted: list[int]
    read: int = 0
    unreadable: list[list[int | str]] = field(default_factory=list)
    left_out: int = 0
    damage: str = ""

    def damaged(self, why: str) -> None:
        """Reading ended early."""
        self.damage = why


def picture_shots(
    picture: Picture, finder: FaceDetector | None, cropping: Cropping, sampled: Sampled
) -> Iterator[Shot]:
    """The faces of a picture (H, W, 3), the largest first, each another person; all of it where there is no finder."""
    if finder is None:
        sampled.read = 1
        yield _whole(picture, 0, 0.0)
        return
    found = faces_in_picture(picture, finder)
    sampled.read = 1
    sampled.left_out = max(0, len(found) - MOST_IN_PICTURE)
    height, width = picture.shape[:2]
    for track, face in enumerate(found[:MOST_IN_PICTURE]):
        _, _, side = face_square(face.box, width, height, cropping.scale)
        yield Shot(
            track, 0, 0.0, face.box, True, face.score, np.array(cut_face(picture, face.box, side, cropping.scale))
        )


def video_shots(
    path: Path, finder: FaceDetector | None, cropping: Cropping, sampled: Sampled, threads: int, task: Task
) -> Iterator[Shot]:
    """The faces in the wanted frames of a video, in the order of frames; few frames are held at a time."""
    if finder is None:
        yield from _whole_frames(path, sampled, threads, task)
        return

    def frames() -> Iterator[FrameFaces]:
        return faces_in_video(path, sampled.wanted, finder, threads=min(threads, THREADS), seen=lambda: task.advance(1))

    for frame in as_far(path, frames, sampled.damaged):
        if frame.status == "unreadable":
            sampled.unreadable.append([frame.index, frame.reason])
            continue
        sampled.read += 1
        sampled.left_out = max(sampled.left_out, len(frame.faces) - MOST_IN_FRAME)
        for face in frame.faces[:MOST_IN_FRAME]:
            _, _, side = face_square(face.box, *frame.frame.size, cropping.scale)
            square = np.array(frame.cut(face.box, side, cropping.scale))  # a copy: the frame is let go
            yield Shot(face.track, frame.index, frame.time_s, face.box, face.detected, face.score, square)


def _whole_frames(path: Path, sampled: Sampled, threads: int, task: Task) -> Iterator[Shot]:
    for frame in as_far(path, lambda: read_frames(path, sampled.wanted, min(threads, THREADS)), sampled.damaged):
        task.advance(1)
        if frame.rgb is None:
            sampled.unreadable.append([frame.index, frame.reason])
            continue
        sampled.read += 1
        yield _whole(frame.rgb, frame.index, frame.time_s)


def _whole(picture: Picture, frame: int, time_s: float) -> Shot:
    """A picture that is a crop: its centre square."""
    height, width = picture.shape[:2]
    side = min(height, width)
    x, y = (width - side) // 2, (height - side) // 2
    square = np.array(picture[y : y + side, x : x + side])
    return Shot(0, frame, time_s, Box(float(x), float(y), float(side), float(side)), True, float("inf"), square)
