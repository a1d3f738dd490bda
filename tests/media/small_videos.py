"""Little videos whose frames carry their number as a bar code, so that a test can tell which one it was given."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, BITS = 128, 96, 8


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture (height, width, 3): eight bars, black or white, tell the number; noise keeps encoders busy."""
    rng = np.random.default_rng(number)
    picture = rng.integers(90, 166, (height, width, 3)).astype(np.uint8)
    for bit in range(BITS):
        edge = width // BITS
        picture[height // 4 : 3 * height // 4, bit * edge : (bit + 1) * edge] = 235 if number >> bit & 1 else 20
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number that a picture of `numbered` carries."""
    middle = picture[picture.shape[0] // 2 - 8 : picture.shape[0] // 2 + 8].mean((0, 2))
    bars = middle.reshape(BITS, -1).mean(1)
    return int(sum(1 << bit for bit in range(BITS) if bars[bit] > 128))


def write(
    path: Path,
    frames: Sequence[np.ndarray],
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    rotation: int | None = None,
    muxer: dict[str, str] | None = None,
    pixels: str = "yuv420p",
) -> Path:
    """Encodes pictures (H, W, 3) as a video of 25 frames a second; `times` are milliseconds of each frame."""
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], pixels
        stream.codec_context.thread_count = 1
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_numbered(path: Path, count: int = 60, **how: object) -> Path:
    """A video whose frame i carries the number i."""
    return write(path, [numbered(i) for i in range(count)], **how)  # type: ignore[arg-type]


def write_sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "mono"
        for part in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, part * 1024
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
