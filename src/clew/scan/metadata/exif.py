"""Who made a picture by its EXIF block: a handful of tags, from a block that may be hostile.

The libraries for EXIF do as much work as a block asks for (60 kB can ask for minutes); this reads few entries, once.
"""

from __future__ import annotations

import struct
from typing import Any

from clew.scan.metadata.cleaned import cleaned

MOST_ENTRIES = 512  # of one directory
MOST_TEXT = 8192  # bytes of a value
ASCII, UNDEFINED = 2, 7
_EXIF_AT, _GPS_AT = 0x8769, 0x8825
_PICTURE = {0x010F: "make", 0x0110: "model", 0x0131: "software", 0x0132: "changed"}
_TAKEN = {0x9003: "taken", 0x9004: "digitised", 0x9286: "comment"}
_PLACES = (2, 4)  # latitude and longitude


def exif_facts(block: bytes) -> dict[str, Any]:
    """{"make", "model", "software", "changed", "taken", "digitised", "comment"} of those that a TIFF block tells.

    "gps": True where it holds a place, which is not told. Follows EXIF 2.32; of a damaged block, what can be read.
    """
    found: dict[str, Any] = {}
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return found
    try:
        first = _entries(block, order, struct.unpack_from(f"{order}I", block, 4)[0])
        found |= _texts(block, order, first, _PICTURE)
        if _EXIF_AT in first:
            found |= _texts(block, order, _entries(block, order, _offset(first[_EXIF_AT], order)), _TAKEN)
        if _GPS_AT in first:
            places = _entries(block, order, _offset(first[_GPS_AT], order))
            if any(place in places for place in _PLACES):
                found["gps"] = True
    except struct.error:  # the block ends early
        pass
    return found


Entry = tuple[int, int, bytes]  # type, count, the four bytes of its value or place


def _entries(block: bytes, order: str, at: int) -> dict[int, Entry]:
    """The entries of the directory at `at` by tag."""
    found: dict[int, Entry] = {}
    (count,) = struct.unpack_from(f"{order}H", block, at)
    for number in range(min(count, MOST_ENTRIES)):
        if at + 14 + 12 * number > len(block):
            break
        tag, kind, length, value = struct.unpack_from(f"{order}HHI4s", block, at + 2 + 12 * number)
        found.setdefault(tag, (kind, length, value))
    return found


def _offset(entry: Entry, order: str) -> int:
    return int(struct.unpack(f"{order}I", entry[2])[0])


def _texts(block: bytes, order: str, entries: dict[int, Entry], names: dict[int, str]) -> dict[str, str]:
    found = {}
    for tag, name in names.items():
        if tag not in entries or entries[tag][0] not in (ASCII, UNDEFINED):
            continue
        kind, length, value = entries[tag]
        start = _offset(entries[tag], order)
        data = value[:length] if length <= 4 else block[start : start + min(length, MOST_TEXT)]
        text = cleaned(_comment(data) if kind == UNDEFINED else data.split(b"\0")[0])
        if text:
            found[name] = text
    return found


def _comment(data: bytes) -> str:
    """A user comment: eight bytes name its encoding."""
    code, text = data[:8], data[8:]
    if code.startswith(b"UNICODE"):
        # Either order of bytes is met with in either order of the block: letters have their zero on one side.
        big = text[: len(text) // 2 * 2][0::2].count(0) > text[1::2].count(0)
        return text.decode("utf-16-be" if big else "utf-16-le", "replace")
    return text.decode("utf-8", "replace") if code.startswith(b"ASCII") else ""
