"""Videos in: what they hold, frames evenly spaced over the whole of them, and exactly the frames asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError
from clew.media.decoding import count_by_decoding, decode_frames
from clew.media.packets import PacketIndex, index_video
from clew.media.pictures import Picture

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ts", ".mts", ".ogv"}
)


def is_video(path: Path) -> bool:
    """Whether the name says that `path` is a video."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


@dataclass(frozen=True)
class VideoFacts:
    """What a video holds: width and height in pixels as displayed, `frames` counted, not claimed.

    rotation: degrees clockwise that the file asks players to turn it by (frames are given turned);
    damage: what is wrong with the file though frames can be read from it, "" when nothing is.
    """

    width: int
    height: int
    frames: int
    fps: float
    duration_s: float
    codec: str
    rotation: int
    damage: str = ""


@dataclass(frozen=True)
class Frame:
    """A frame (H, W, 3) in RGB, turned as displayed; `rgb` is None where it could not be had and `reason` says why."""

    index: int
    time_s: float
    rgb: Picture | None
    reason: str = ""


def probe(path: Path) -> VideoFacts:
    """What a video holds; raises ClewError naming the file when it is empty, truncated, too large or no video."""
    index = index_video(path)
    if not index.width:
        raise ClewError(f"{path} holds no frame that can be decoded ({index.codec}).")
    frames = int(index.shown.sum()) if index.timed else count_by_decoding(path)
    width, height = (index.height, index.width) if index.turns % 2 else (index.width, index.height)
    seconds = _seconds(index, frames)
    rate = index.rate or (frames / seconds if seconds else 0.0)
    return VideoFacts(width, height, frames, rate, seconds, index.codec, -90 * index.turns % 360, index.damage)


def _seconds(index: PacketIndex, frames: int) -> float:
    """From the first frame's beginning to the last one's end, which is shown for as long as the mean of the others."""
    if not index.timed or frames < 2:
        return frames / index.rate if index.rate else 0.0
    times = index.times[index.shown]
    return float((times.max() - times.min()) * index.base) * frames / (frames - 1)


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """`wanted` frames of `count`, the middles of as many equal parts of the whole; all of them when there are fewer."""
    if count < 0 or wanted < 1:
        raise ValueError(f"expected count >= 0 and wanted >= 1, found {count} and {wanted}")
    if count <= wanted:
        return list(range(count))
    return [(2 * part + 1) * count // (2 * wanted) for part in range(wanted)]


def read_frames(path: Path, wanted_indices: Iterable[int], threads: int = 1) -> Iterator[Frame]:
    """The wanted frames in increasing order, each once; one that cannot be had comes with a reason, never another.

    Indices count the frames in the order of display. Memory does not grow with the video's length. `threads` are the
    decoder's. Raises ClewError naming the file when nothing of it can be read.
    """
    for frame in decode_frames(path, wanted_indices, threads):
        yield Frame(frame.index, frame.time_s, None if frame.native is None else frame.rgb(), frame.reason)
