"""The face crops of one video: faces followed through evenly spaced frames, as the crops of a store are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clew.base.errors import ClewError
from clew.base.progress import Progress, Task
from clew.explain.faces import MOST, NONE, Crop, Cutting
from clew.media.faces.base import FaceDetector, make_detector
from clew.media.faces.following import faces_in_video
from clew.media.pictures import square
from clew.media.videos import VideoFacts, evenly_spaced, probe, read_frames

MOST_FRAMES = 128
THREADS = 2  # the next frames are decoded while faces are searched for; the faces are the same


@dataclass(frozen=True)
class Shot:
    """One face in one frame of a video: whose, from 1; in which frame, from 0; when, in seconds; and its crop.

    detected: whether it was found in this very frame, else its place follows from the frames around.
    """

    track: int
    frame: int
    time_s: float
    crop: Crop
    detected: bool = True


@dataclass
class Footage:
    """What was sampled of a video: frames, and the faces in them in the order of frames.

    `left_out`: faces beyond the largest 16 of a frame; `unreadable`: {"frame", "reason"} of frames that are damaged.
    """

    facts: VideoFacts
    sampled: list[int]
    shots: list[Shot] = field(default_factory=list)
    without_face: list[int] = field(default_factory=list)
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0

    def tracks(self) -> dict[int, list[int]]:
        """The places of each track's shots, by its number, in the order of frames."""
        found: dict[int, list[int]] = {}
        for place, shot in enumerate(self.shots):
            found.setdefault(shot.track, []).append(place)
        return dict(sorted(found.items()))


def footage_of(path: Path, size: int, frames: int, cutting: Cutting, model: Path | None, progress: Progress) -> Footage:
    """The faces in `frames` evenly spaced frames of a video, as crops of `size` pixels; few frames are held at a time.

    Raises ClewError for a number of frames out of 1 to 128, for a video that is empty, cut off before its first frame,
    too large or none at all, and for one without a face in any of the frames.
    """
    if not 1 <= frames <= MOST_FRAMES:
        raise ClewError(f"--frames {frames}: expected 1 to {MOST_FRAMES} frames of the video.")
    finder = None if cutting.finder == NONE else make_detector(cutting.finder, model)
    with progress.task("reading the video", None):
        facts = probe(path)
    found = Footage(facts, evenly_spaced(facts.frames, frames))
    with progress.task("frames" if finder is None else "following faces", len(found.sampled)) as task:
        if finder is None:
            _whole(found, path, size, task)
        else:
            _followed(found, path, size, cutting.scale, finder, task)
    if not found.shots:
        raise _nothing(found, path, cutting.finder)
    return found


def _whole(found: Footage, path: Path, size: int, task: Task) -> None:
    for frame in read_frames(path, found.sampled, THREADS):
        if frame.rgb is None:
            found.unreadable.append({"frame": frame.index, "reason": frame.reason})
        else:
            found.shots.append(Shot(1, frame.index, frame.time_s, Crop(None, np.array(square(frame.rgb, size)))))
        task.advance(1)


def _followed(found: Footage, path: Path, size: int, scale: float, finder: FaceDetector, task: Task) -> None:
    for frame in faces_in_video(path, found.sampled, finder, threads=THREADS, seen=lambda: task.advance(1)):
        if frame.status == "unreadable":
            found.unreadable.append({"frame": frame.index, "reason": frame.reason})
        elif not frame.faces:
            found.without_face.append(frame.index)
        for face in frame.faces[:MOST]:
            crop = Crop(face.box, np.array(frame.cut(face.box, size, scale)))  # a copy: the frame is let go
            found.shots.append(Shot(face.track + 1, frame.index, frame.time_s, crop, face.detected))
        found.left_out += max(0, len(frame.faces) - MOST)


def _nothing(found: Footage, path: Path, finder: str) -> ClewError:
    """The error for a video that gave no crop."""
    count = len(found.sampled)
    if len(found.unreadable) == count:
        why = found.unreadable[0]["reason"] if count else "it holds none"
        return ClewError(f"{path}: none of its {count} sampled frames can be read ({why}).")
    return ClewError(
        f"{path}: {finder} finds no face in any of its {count} sampled frames. Choose a video with a face, more "
        "--frames, another --faces, or --faces none where each frame is a face crop already."
    )
