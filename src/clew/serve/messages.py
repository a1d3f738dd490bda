"""What server and workers say to each other: JSON with raw bytes behind it, nothing that could run."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

MOST_JSON = 32 * 2**20
MOST_BYTES = 64 * 2**20
_HEAD = struct.Struct(">II")  # bytes of JSON, bytes behind it


class Garbled(Exception):
    """What came is no message: the other side is broken or hostile."""


def packed(message: Mapping[str, Any], data: bytes = b"") -> Sequence[bytes]:
    """A message as it goes through a pipe."""
    text = json.dumps(message, allow_nan=False).encode()
    return _HEAD.pack(len(text), len(data)), text, data


def write(pipe: BinaryIO, message: Mapping[str, Any], data: bytes = b"") -> None:
    """Sends a message, from a worker."""
    pipe.write(b"".join(packed(message, data)))
    pipe.flush()


def read(pipe: BinaryIO) -> dict[str, Any] | None:
    """The next message to a worker, None at the end."""
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    found: dict[str, Any] = json.loads(pipe.read(_HEAD.unpack(head)[0]))
    return found


async def receive(pipe: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """The next message of a worker and its bytes; raises Garbled, or EOFError where the worker has ended."""
    try:
        text, data = _HEAD.unpack(await pipe.readexactly(_HEAD.size))
        if text > MOST_JSON or data > MOST_BYTES:
            raise Garbled(f"a message of {text} and {data} bytes")
        found = json.loads(await pipe.readexactly(text))
        behind = await pipe.readexactly(data) if data else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        raise EOFError from None
    except (ValueError, RecursionError) as error:
        raise Garbled(str(error)) from None
    if not isinstance(found, dict):
        raise Garbled("no object")
    return found, behind
