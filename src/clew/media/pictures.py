"""Pictures in and out: RGB uint8 arrays of shape (H, W, 3)."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.media.jpeg_scans import broken, filled

Picture = NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
MOST_BYTES = 256 * 2**20
MOST_PIXELS = 100_000_000
_CUT = "its end is missing"


def is_picture(path: Path) -> bool:
    """Whether the name says that `path` is a picture."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_picture(path: Path) -> Picture:
    """The picture in a JPEG, PNG, WebP or BMP file, turned as its EXIF orientation says.

    Raises ClewError naming the file when it is empty, truncated, too large or no picture.
    """
    return decode_picture(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a picture file; raises ClewError when it cannot be read or is too large for a picture."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ClewError(f"{path} has {size:,} bytes; at most {MOST_BYTES:,} are read.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ClewError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}).") from None


def decode_picture(data: bytes, name: str) -> Picture:
    """The picture in `data`, the bytes of a file called `name`; raises ClewError as `read_picture` does."""
    if not data:
        raise ClewError(f"{name} is empty.")
    shape = header_size(data)
    if shape is None:
        raise ClewError(f"{name} is not a JPEG, PNG, WebP or BMP picture.")
    if shape[0] * shape[1] > MOST_PIXELS or 0 in shape:
        raise ClewError(f"{name} claims {shape[0]} x {shape[1]} pixels; at most {MOST_PIXELS:,} are read.")
    jpeg = data.startswith(b"\xff\xd8")
    why = broken(data) if jpeg else "" if _ends_well(data) else _CUT
    if why:
        raise ClewError(f"{name} is {'truncated' if why == _CUT else 'damaged'}: {why}.")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ClewError(f"{name} cannot be decoded ({error.err}).") from None
    if picture is None:
        raise ClewError(f"{name} cannot be decoded.")
    rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    if jpeg and filled(data, rgb):
        raise ClewError(f"{name} is damaged: its picture data end early.")
    return rgb


def header_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a picture's header claims, before anything is decoded; None for other files."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack(">II", data[16:24])
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
        if data.startswith(b"BM"):
            width, height = struct.unpack("<ii", data[18:26])
            return abs(width), abs(height)
    except (struct.error, IndexError):
        return None
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _ends_well(data: bytes) -> bool:
    """Whether the end marker of the format is there: OpenCV fills what a truncated file lacks with grey."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-64:]
    if data[:4] == b"RIFF":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return len(data) >= int.from_bytes(data[2:6], "little")


def square(picture: Picture, size: int) -> Picture:
    """The centre square of a picture (H, W, 3) resized to (size, size, 3)."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(picture[top : top + side, left : left + side], size)


def encode_jpeg(picture: Picture, quality: int) -> bytes:
    """The bytes of `picture` as a JPEG file (4:2:0) of a quality from 1 to 100."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    )
    if not done:
        raise ClewError(f"a picture of shape {picture.shape} cannot be written as JPEG.")
    return data.tobytes()
