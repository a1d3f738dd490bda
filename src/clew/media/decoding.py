"""Wanted frames of a video, decoded without colour conversion; the rest is skipped where that is exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import av.container
import av.error
import av.video
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.media.packets import PacketIndex, index_video, open_video, quarter_turns
from clew.media.pictures import Picture

# Formats whose first plane is 8-bit brightness.
_LUMA_FIRST = ("yuv4", "yuvj4", "nv1", "nv2", "gray")
_PLANAR = ("yuv420p", "yuvj420p")


@dataclass(frozen=True)
class DecodedFrame:
    """One wanted frame, upright; `native` is None where it could not be had and `reason` says why."""

    index: int
    time_s: float
    native: av.VideoFrame | None
    reason: str = ""
    _turn: int = field(default=0, repr=False)  # quarter turns counter-clockwise that make it upright

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as displayed; (0, 0) for a missing frame."""
        if self.native is None:
            return 0, 0
        width, height = self.native.width, self.native.height
        return (height, width) if self._turn % 2 else (width, height)

    def grey(self) -> Picture:
        """Brightness (H, W) uint8, where possible a view of what was decoded."""
        native = self._there()
        name = native.format.name
        if name.startswith(_LUMA_FIRST) and native.format.components[0].bits == 8:
            plane = native.planes[0]
            rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * native.height]
            return np.rot90(rows.reshape(native.height, plane.line_size)[:, : native.width], self._turn)
        return np.rot90(native.to_ndarray(format="gray"), self._turn)

    def rgb(self) -> Picture:
        """The frame (H, W, 3) in RGB."""
        return np.ascontiguousarray(np.rot90(self._there().to_ndarray(format="rgb24"), self._turn))

    def rgb_part(self, x: int, y: int, width: int, height: int) -> Picture:
        """The same as rgb()[y : y + height, x : x + width], converting little more than that where it gains time."""
        native = self._there()
        pays = native.width * native.height > 4 * width * height + 400_000
        if pays and not self._turn and native.format.name in _PLANAR:
            return _converted_part(native, x, y, width, height)
        return np.ascontiguousarray(self.rgb()[y : y + height, x : x + width])

    def _there(self) -> av.VideoFrame:
        if self.native is None:
            raise ClewError(f"frame {self.index} is missing: {self.reason}.")
        return self.native


def _converted_part(native: av.VideoFrame, x: int, y: int, width: int, height: int) -> Picture:
    # FFmpeg converts in groups of up to 32 pixels from the left edge: cut between groups, the values stay the same.
    left, top = x // 32 * 32, y // 2 * 2
    right = min(native.width // 2 * 2, -(-(x + width) // 32) * 32)
    bottom = min(native.height // 2 * 2, -(-(y + height) // 2) * 2)
    if x + width > right or y + height > bottom:  # the last line of an odd size has no colour of its own
        return np.ascontiguousarray(native.to_ndarray(format="rgb24")[y : y + height, x : x + width])
    planes = []
    for plane, half in zip(native.planes, (1, 2, 2), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height]
        rows = rows.reshape(plane.height, plane.line_size)
        planes.append(rows[top // half : bottom // half, left // half : right // half].ravel())
    packed = np.concatenate(planes).reshape((bottom - top) * 3 // 2, right - left)
    part = av.VideoFrame.from_ndarray(packed, format=native.format.name)
    part.colorspace, part.color_range = native.colorspace, native.color_range
    whole = part.to_ndarray(format="rgb24")
    return np.asarray(whole[y - top : y - top + height, x - left : x - left + width], np.uint8)


def decode_frames(path: Path, wanted: Iterable[int], threads: int = 1) -> Iterator[DecodedFrame]:
    """The wanted frames in increasing order, each once; those that cannot be had come with a reason.

    Indices count the frames in the order of display as decoding everything would. Raises ClewError naming the file
    when nothing of it can be read.
    """
    order = sorted({int(index) for index in wanted})
    if order and order[0] < 0:
        raise ClewError(f"{path}: frames are counted from 0, found {order[0]}.")
    index = index_video(path)
    with open_video(path) as (container, stream):
        _prepare(stream, threads)
        if index.timed:
            yield from _by_time(container, stream, index, order)
        else:
            yield from _by_count(container, stream, index.rate, order)


def count_by_decoding(path: Path, threads: int = 1) -> int:
    """How many frames come out when everything is decoded."""
    with open_video(path) as (container, stream):
        _prepare(stream, threads)
        return sum(1 for _ in _frames(container, stream))


def _prepare(stream: av.video.VideoStream, threads: int) -> None:
    stream.codec_context.thread_type = "FRAME" if threads > 1 else "SLICE"
    stream.codec_context.thread_count = max(1, threads)


def _frames(container: av.container.InputContainer, stream: av.video.VideoStream) -> Iterator[av.VideoFrame]:
    for packet in _packets(container, stream):
        yield from _decoded(stream, packet)
    yield from _decoded(stream, None)


def _packets(container: av.container.InputContainer, stream: av.video.VideoStream) -> Iterator[av.Packet]:
    """The packets as `index_packets` counts them: up to the first that cannot be read."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.error.FFmpegError:
        return


def _decoded(stream: av.video.VideoStream, packet: av.Packet | None) -> list[av.VideoFrame]:
    try:
        return stream.codec_context.decode(packet)
    except av.error.FFmpegError:  # damaged: its frame is missing, later ones may be whole
        return []


def _by_time(
    container: av.container.InputContainer, stream: av.video.VideoStream, index: PacketIndex, order: list[int]
) -> Iterator[DecodedFrame]:
    shown = index.display_order()
    there = order[: int(np.searchsorted(order, len(shown)))]
    positions = shown[there]
    waiting = {int(index.times[at]): number for at, number in zip(positions, there, strict=True)}
    start = int(index.times[shown[0]])
    todo = iter(order)
    if there:
        for frame in _sought(container, stream, index, positions):
            if frame.pts in waiting:
                number = waiting.pop(frame.pts)
                yield from _lost(todo, number, len(shown))
                yield _given(frame, number, float((frame.pts - start) * index.base))
                if not waiting:
                    break
    yield from _lost(todo, None, len(shown))


def _sought(
    container: av.container.InputContainer,
    stream: av.video.VideoStream,
    index: PacketIndex,
    positions: NDArray[np.int64],
) -> Iterator[av.VideoFrame]:
    """Decodes what the frames at `positions` need; others may come out too."""
    needed = index.needed(positions)
    last = int(positions.max())
    wanted = np.zeros(len(needed), bool)
    wanted[positions] = True
    # Frames that no other refers to need not be decoded; other codecs' flags promise less.
    skips = stream.codec_context.name == "h264"
    running = False
    for at, packet in enumerate(_packets(container, stream)):
        if at > last:
            break
        if not needed[at]:
            if running:
                yield from _decoded(stream, None)
                stream.codec_context.flush_buffers()
            running = False
            continue
        running = True
        if skips:
            stream.codec_context.skip_frame = "DEFAULT" if wanted[at] else "NONREF"
        yield from _decoded(stream, packet)
    yield from _decoded(stream, None)


def _by_count(
    container: av.container.InputContainer, stream: av.video.VideoStream, rate: float, order: list[int]
) -> Iterator[DecodedFrame]:
    """For containers whose times are not to be trusted: what comes out is counted."""
    todo, wanted, count = iter(order), set(order), 0
    for frame in _frames(container, stream) if order else ():
        if count in wanted:
            yield from _lost(todo, count, count + 1)
            yield _given(frame, count, count / (rate or 25.0))
        count += 1
        if count > order[-1]:
            break
    yield from _lost(todo, None, count)


def _given(frame: av.VideoFrame, number: int, seconds: float) -> DecodedFrame:
    if frame.is_corrupt:
        return DecodedFrame(number, seconds, None, "its data are damaged")
    return DecodedFrame(number, seconds, frame, "", quarter_turns(frame))


def _lost(todo: Iterator[int], until: int | None, count: int) -> Iterator[DecodedFrame]:
    """Takes what is still to do up to `until` (None: all): what did not come out is missing."""
    for number in todo:
        if number == until:
            return
        reason = f"the video has {count} frames" if number >= count else "it could not be decoded"
        yield DecodedFrame(number, float("nan"), None, reason)
