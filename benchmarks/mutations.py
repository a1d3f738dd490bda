"""Files spoiled in every way that a disk, a network or somebody who means it spoils them, by a seed."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable

Mutation = Callable[[random.Random, bytes, bytes], bytes]  # of a file's bytes; those of another file are given too

TAGS = (  # what header fields stand beside
    *(b"\xff\xc0", b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xdb", b"\xff\xdd", b"\xff\xe1", b"Exif"),
    *(b"IHDR", b"IDAT", b"IEND", b"RIFF", b"VP8 ", b"VP8X", b"BM"),
    *(b"ftyp", b"moov", b"mvhd", b"tkhd", b"mdhd", b"stsd", b"avcC", b"stts", b"ctts", b"stss", b"stsz", b"stsc"),
    *(b"stco", b"elst", b"mdat", b"avih", b"strh", b"strf", b"idx1", b"movi", b"\x1aE\xdf\xa3"),
    *(b"__metadata__", b"data_offsets", b'"dtype"', b'"shape"', b"seal", b"clew"),
)
EXTREMES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\x01",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"9",
    b"-",
)
_SEAL = re.compile(rb"seal\W{1,8}([0-9a-f]{64})")
SUFFIXES = (".jpg", ".png", ".webp", ".bmp", ".mp4", ".avi", ".mkv", ".webm", ".ts", ".safetensors", ".txt", "")


def flipped(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """1 to 64 bits turned over."""
    found = bytearray(data)
    for _ in range(2 ** rng.randrange(7)):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def truncated(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """The end cut off."""
    return data[: rng.randrange(len(data))]


def inserted(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Up to 4096 bytes more: any, or some of the file's own."""
    at, count = rng.randrange(len(data)), 1 + rng.randrange(4096)
    more = rng.randbytes(count) if rng.random() < 0.5 else _slice(rng, data, count)
    return data[:at] + more + data[at:]


def removed(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """Up to 4096 bytes fewer."""
    at = rng.randrange(len(data))
    return data[:at] + data[at + 1 + rng.randrange(4096) :]


def zeroed(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A run of zeros, as of a disk's block that was never written."""
    at, count = rng.randrange(len(data)), 1 + rng.randrange(8192)
    return data[:at] + bytes(min(count, len(data) - at)) + data[at + count :]


def header(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """1 to 4 fields beside the format's own marks, or in the first bytes, set to what a field should not be."""
    found = bytearray(data)
    marks = [at for tag in TAGS for at in _places(data, tag)] or [0]
    for _ in range(1 + rng.randrange(4)):
        at = rng.choice(marks) + rng.randrange(28) if rng.random() < 0.8 else rng.randrange(512)
        value = rng.choice(EXTREMES) if rng.random() < 0.7 else rng.randbytes(1 + rng.randrange(4))
        if at < len(found):
            found[at : at + len(value)] = value
    return bytes(found)


def spliced(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def moved(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A part written over another part."""
    part, at = _slice(rng, data, 1 + rng.randrange(8192)), rng.randrange(len(data))
    return data[:at] + part + data[at + len(part) :]


def renamed(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """The bytes as they are; the name says another kind."""
    return data


KINDS: dict[str, Mutation] = {
    one.__name__: one for one in (flipped, truncated, inserted, removed, zeroed, header, spliced, moved, renamed)
}


def mutated(seed: int, number: int, suffix: str, data: bytes, other: bytes) -> tuple[str, str, bytes]:
    """The mutation `number` of a file: its kind, the new suffix (`suffix`, but for renamed ones), the new bytes."""
    rng = random.Random(f"{seed}-{number}")
    kind = rng.choice(list(KINDS))
    found = KINDS[kind](rng, data, other)
    if rng.random() < 0.2:  # a spoiled file is often spoiled twice
        found = rng.choice(list(KINDS.values()))(rng, found or b"\0", other)
    return kind, rng.choice(SUFFIXES) if kind == "renamed" else suffix, found


def resealed(data: bytes) -> bytes:
    """A ticket's bytes with the seal that fits them, as somebody makes it who means it; other bytes as they are."""
    found = _SEAL.search(data)
    if found is None:
        return data
    start, end = found.span(1)
    whole = hashlib.sha256(data[:start] + b"0" * 64 + data[end:]).hexdigest().encode()
    return data[:start] + whole + data[end:]


def _slice(rng: random.Random, data: bytes, count: int) -> bytes:
    at = rng.randrange(len(data))
    return data[at : at + count]


def _places(data: bytes, tag: bytes, most: int = 8) -> list[int]:
    found: list[int] = []
    at = data.find(tag)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = data.find(tag, at + 1)
    return found
