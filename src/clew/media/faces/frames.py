"""A frame of a video with the faces in it, ready to be cut out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from clew.base.crops import resize
from clew.media.decoding import DecodedFrame
from clew.media.faces.base import Box
from clew.media.faces.cutting import cut_face, face_square
from clew.media.pictures import Picture

Status = Literal["ok", "no-face", "unreadable"]


@dataclass(frozen=True)
class TrackedFace:
    """One face in one frame; `track` numbers the persons of a video in the order of their first appearance.

    detected: whether the detector saw it in this very frame, else its place follows from the frames around.
    """

    track: int
    box: Box
    score: float
    detected: bool


@dataclass
class FrameFaces:
    """A wanted frame and its faces, the largest first; `reason` says why an unreadable one is unreadable."""

    frame: DecodedFrame
    faces: tuple[TrackedFace, ...]
    _rgb: Picture | None = field(default=None, repr=False)

    @property
    def index(self) -> int:
        """Which frame of the video it is, in the order of display."""
        return self.frame.index

    @property
    def time_s(self) -> float:
        """Seconds since the first frame; not a number where the frame could not be read."""
        return self.frame.time_s

    @property
    def reason(self) -> str:
        """Why the frame could not be read, else ""."""
        return self.frame.reason

    @property
    def status(self) -> Status:
        """What became of the frame."""
        if self.frame.native is None:
            return "unreadable"
        return "ok" if self.faces else "no-face"

    def rgb(self) -> Picture:
        """The frame (H, W, 3), converted once; raises ClewError when it could not be read."""
        if self._rgb is None:
            self._rgb = self.frame.rgb()
        return self._rgb

    def cut(self, box: Box, size: int, scale: float = 1.3) -> Picture:
        """The square (size, size, 3) around `box`, as `cut_face` cuts it; only that part is converted to RGB."""
        if self._rgb is not None:
            return cut_face(self._rgb, box, size, scale)
        x, y, side = face_square(box, *self.frame.size, scale)
        return resize(self.frame.rgb_part(x, y, side, side), size)
