"""JSON from a file that may be hostile: numbers of 64 bits, texts that can be written again, a limit when inflated."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from typing import Any

LONGEST_NUMBER = 18  # digits, so that every whole number has 64 bits
MOST_TEXT = 8 * 2**20  # bytes of JSON that a few compressed ones may become


def checked_json(text: str | bytes) -> Any:
    """The value in a JSON text (bytes: UTF-8); raises ValueError for numbers and texts that are none elsewhere."""
    text = text.decode() if isinstance(text, bytes) else text
    value = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    for part in _texts(value):
        part.encode()  # half a surrogate pair raises a ValueError
    return value


def json_text(value: Any) -> str:
    """A value as JSON, the same text for equal values, without needless spaces."""
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def deflated(value: Any) -> bytes:
    """A value as JSON, compressed by zlib; raises ValueError for one that `inflated` would refuse as too long."""
    text = json_text(value).encode()
    if len(text) > MOST_TEXT:
        raise ValueError(f"{len(text):,} bytes of JSON, more than {MOST_TEXT:,}")
    return zlib.compress(text, 9)


def inflated(data: bytes) -> Any:
    """The value that `deflated` compressed; raises ValueError for anything else, before it takes much memory."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, MOST_TEXT + 1)
    except zlib.error:
        raise ValueError("it holds compressed JSON that is damaged") from None
    if len(text) > MOST_TEXT or not stream.eof or stream.unused_data:
        raise ValueError(
            f"it holds compressed JSON that is cut off, goes on after its end or has over {MOST_TEXT:,} bytes"
        )
    return checked_json(text)


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > LONGEST_NUMBER:
        raise ValueError("its header holds a number out of range")
    return int(text)


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("its header holds a number that is NaN or infinite")
    return value


def _texts(found: Any) -> Iterator[str]:
    """Every text in a JSON value, the names of fields with them."""
    if isinstance(found, str):
        yield found
    for part in (*found, *found.values()) if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from _texts(part)
