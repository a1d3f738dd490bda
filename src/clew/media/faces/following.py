"""Faces of a video: searched for now and then, followed in between by looking only where they were.

A search of a whole frame costs a hundred times what a look around a known face costs, and finds nothing more there. So
few of the wanted frames are searched. A face found is followed forward as frames come, and backward through the frames
that are still held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from clew.media.ahead import ahead
from clew.media.decoding import decode_frames
from clew.media.faces.base import FaceDetector
from clew.media.faces.follower import Follower
from clew.media.faces.frames import FrameFaces
from clew.media.faces.searching import faces_in_picture
from clew.media.faces.settings import FollowSettings

__all__ = ["FollowSettings", "faces_in_picture", "faces_in_video"]

_DEFAULT = FollowSettings()


def faces_in_video(
    path: Path,
    indices: Iterable[int],
    detector: FaceDetector,
    settings: FollowSettings = _DEFAULT,
    threads: int = 1,
    seen: Callable[[], None] = lambda: None,
) -> Iterator[FrameFaces]:
    """The wanted frames in increasing order, each with its faces; those that cannot be read have none and a reason.

    Few frames are held at a time, however long the video is. With two threads or more the next frames are decoded
    meanwhile; the faces are the same. `seen` is called after each frame: they are given in groups, with pauses.
    Raises ClewError naming the file when nothing of it can be read.
    """
    wanted = sorted(set(indices))
    decode = partial(decode_frames, path, wanted, threads)
    frames = ahead(decode, most=4) if threads > 1 else decode()
    follower = Follower(detector, settings, len(wanted))
    for frame in frames:
        follower.see(frame)
        seen()
        if follower.full:
            yield from follower.told()
    yield from follower.told()
