"""What a video's packets tell before they are decoded: how many frames, when each is shown, where to start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import av.container
import av.error
import av.video
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.pictures import MOST_PIXELS

MOST_FRAMES = 10_000_000
# Playlists and lists of files would make FFmpeg open other files and addresses: only real containers are read.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,live_flv,asf,ogg,wtv,mxf,h264,hevc,ivf,nut"
)
# Their packets carry the time at which their frame is shown, so frames are known without decoding.
_TIMED = frozenset({"mov", "mp4", "matroska", "webm"})
_NO_TIME = np.iinfo(np.int64).min


@contextmanager
def open_video(path: Path) -> Iterator[tuple[av.container.InputContainer, av.video.VideoStream]]:
    """A container and its first video stream; raises ClewError when the file is missing, empty or no video."""
    try:
        if path.stat().st_size == 0:
            raise ClewError(f"{path} is empty.")
        with path.open("rb"):
            pass
    except OSError as error:
        raise ClewError(f"{path} cannot be read ({error.strerror or error}).") from None
    guards = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS, "max_pixels": str(MOST_PIXELS)}
    try:
        container = av.open(f"file:{path}", options=guards, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise ClewError(f"{path} is not a video that can be read ({_told(error)}).") from None
    with container:
        # Covers of music files are video streams of one picture.
        streams = [s for s in container.streams.video if not s.disposition & _COVER]
        if not streams or streams[0].codec_context is None:
            raise ClewError(f"{path} holds no video stream that can be decoded.")
        stream = streams[0]
        if stream.width * stream.height > MOST_PIXELS:
            raise ClewError(f"{path} claims {stream.width} x {stream.height} pixels; at most {MOST_PIXELS:,} are read.")
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}  # frames may claim more than the file does
        stream.codec_context.thread_count = 1
        yield container, stream


_COVER = int(av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails)


def _told(error: Exception) -> str:
    log = getattr(error, "log", None)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{log[2].strip()}: {reason}" if log else reason


@dataclass(frozen=True)
class PacketIndex:
    """The packets of a video in the order of decoding.

    shown: whether a packet gives a frame; times: when, in the stream's time base, empty if the container does not say;
    starts: where decoding may begin; damage: what was wrong with the file, "" when nothing was; rate: frames per
    second that the header claims, 0 if it does not; width and height: of the first frame that could be decoded, 0 if
    none could, before the `turns` (quarters, counter-clockwise) that make it upright.
    """

    times: NDArray[np.int64]
    shown: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    damage: str
    codec: str
    base: Fraction
    rate: float
    width: int
    height: int
    turns: int

    @property
    def timed(self) -> bool:
        """Whether frames can be told apart by their times alone."""
        return self.times.size > 0

    def display_order(self) -> NDArray[np.int64]:
        """Positions of the packets whose frames are shown, first shown first."""
        at = np.flatnonzero(self.shown)
        return at[np.argsort(self.times[at], kind="stable")]

    def needed(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which packets must be decoded for the frames of `positions`: each from a start before it up to itself."""
        starts = np.flatnonzero(self.starts)
        change = np.zeros(len(self.shown) + 1, np.int64)
        for at in positions:
            before = starts[: np.searchsorted(starts, at, side="right")]
            # A frame shown before its start refers to what lies before that start (open groups of pictures).
            usable = before[self.times[before] <= self.times[at]]
            change[usable[-1] if usable.size else 0] += 1
            change[at + 1] -= 1
        return np.cumsum(change)[:-1] > 0


def index_video(path: Path) -> PacketIndex:
    """The packets of a video; the last few videos' are remembered while their files stay as they are.

    Raises ClewError naming the file when it cannot be read or holds no frames.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise ClewError(f"{path} cannot be read ({error.strerror or error}).") from None
    return _index_video(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=4)
def _index_video(path: Path, size: int, changed: int) -> PacketIndex:
    with open_video(path) as (container, stream):
        return _index_packets(container, stream, str(path))


def _index_packets(container: av.container.InputContainer, stream: av.video.VideoStream, name: str) -> PacketIndex:
    times: list[int] = []
    shown: list[bool] = []
    starts: list[bool] = []
    codec = stream.codec_context.name
    extra = stream.codec_context.extradata
    damage = ""
    first = None
    try:
        for packet in container.demux(stream):
            first = first or _first_frame(stream, packet)
            if packet.size == 0:
                continue
            if packet.is_corrupt:
                damage = "its data end in the middle of a frame"
            times.append(_NO_TIME if packet.pts is None else packet.pts)
            shown.append(not packet.is_discard and not (codec == "vp8" and _hidden_vp8(packet)))
            starts.append(packet.is_keyframe and _clean_start(packet, codec, extra))
            if len(times) > MOST_FRAMES:
                raise ClewError(f"{name} claims more than {MOST_FRAMES:,} frames; that many are not read.")
    except av.error.FFmpegError as error:
        damage = f"its data end early ({_told(error)})"
    if not any(shown):
        raise ClewError(f"{name} holds no video frames{': ' + damage if damage else ''}.")
    if stream.frames > len(times) and not damage:
        damage = f"it claims {stream.frames} frames and holds {len(times)}"
    when, seen, clean = np.array(times, np.int64), np.array(shown), np.array(starts)
    known = bool(_TIMED & set(container.format.name.split(",")))
    known = known and bool((when != _NO_TIME).all()) and len(np.unique(when)) == len(when)
    if known and clean.any():
        # What comes, or is shown, before the first start cannot be decoded.
        begin = int(np.argmax(clean))
        seen &= (np.arange(len(seen)) >= begin) & (when >= when[begin])
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    base = stream.time_base or Fraction(0)
    return PacketIndex(
        when if known else np.empty(0, np.int64),
        seen,
        clean,
        damage,
        stream.codec_context.codec.canonical_name,
        base,
        rate,
        first.width if first else 0,
        first.height if first else 0,
        quarter_turns(first) if first else 0,
    )


def quarter_turns(frame: av.VideoFrame) -> int:
    """Quarter turns counter-clockwise that the file's display matrix asks for (ISO/IEC 14496-12, 8.3.2)."""
    return round(frame.rotation / 90) % 4


def _first_frame(stream: av.video.VideoStream, packet: av.Packet) -> av.VideoFrame | None:
    """What comes out of the decoder with one more packet; the empty one at the end brings out what it kept."""
    try:
        return next(iter(stream.codec_context.decode(packet if packet.size else None)), None)
    except av.error.FFmpegError:
        return None


def _hidden_vp8(packet: av.Packet) -> bool:
    """Whether a VP8 packet holds a frame for reference only (RFC 6386, 9.1)."""
    return not memoryview(packet)[0] >> 4 & 1


def _clean_start(packet: av.Packet, codec: str, extra: bytes | None) -> bool:
    """Whether all that follows in the order of display can be decoded from here.

    H.264 files also mark frames as keys from which a picture only builds up (recovery points): IDR alone is clean.
    """
    if codec != "h264":
        return True
    data = memoryview(packet)
    if extra is None or not extra.startswith(b"\x01") or len(extra) < 5:
        kinds = _annex_b_kinds(bytes(data))
    else:
        kinds = _length_prefixed_kinds(data, (extra[4] & 3) + 1)
    return 5 in kinds


def _length_prefixed_kinds(data: memoryview, width: int) -> set[int]:
    kinds, at = set(), 0
    while at + width < len(data):
        kinds.add(data[at + width] & 31)
        at += width + int.from_bytes(data[at : at + width], "big")
    return kinds


def _annex_b_kinds(data: bytes) -> set[int]:
    return {part[0] & 31 for part in data.split(b"\x00\x00\x01")[1:] if part}
