"""The ticket file: one .safetensors, no pickle, sealed by a checksum; needs no torch.

Its tensors hold mask, surviving values and all else, `clew.tickets.packed` says how. Its header is a JSON text in the
file's metadata; what is long there and read by programs alone, `DETAILS`, is a tensor too, compressed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from clew.base.errors import ClewError
from clew.base.files import write_bytes
from clew.tickets.checked_json import deflated, json_text
from clew.tickets.format_1 import unpacked_1
from clew.tickets.header import DETAILS, FORMAT, VALUES, check_graph_fits, parse_header
from clew.tickets.packed import layout_of, packed, unpacked

SEAL = b"0" * 64  # stands where the checksum goes while the checksum is taken
MOST_BYTES = 4 * 2**30
Found = TypeVar("Found")


@dataclass(frozen=True)
class TicketFile:
    """What a ticket file holds.

    `header` what it says of itself, details and all; `mask` prunable tensor name -> bool of its shape; `values` the
    same names -> float32 with zeros where the mask is False; `rest` the other tensors of the state.
    """

    header: dict[str, Any]
    mask: dict[str, NDArray[np.bool_]] = field(repr=False)
    values: dict[str, NDArray[np.float32]] = field(repr=False)
    rest: dict[str, NDArray[Any]] = field(repr=False)

    @property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """All tensors of the state by name, pruned weights zero."""
        return {**self.rest, **self.values}


def write_ticket(path: Path, ticket: TicketFile) -> None:
    """Writes a ticket atomically; equal tickets give equal bytes."""
    write_bytes(path, ticket_bytes(ticket))


def ticket_bytes(ticket: TicketFile) -> bytes:
    """The bytes of a ticket file, its checksum in place; `values` in its header chooses fp32 (usual) or fp16.

    Raises ValueError when a pruned value is not zero, a value is not one of fp16 where the header says so, or the
    header's graph does not fit the tensors.
    """
    _check_graph(ticket)
    stored = ticket.header.get("values", VALUES[0])
    own = {"format": FORMAT, "values": stored, "seal": SEAL.decode(), "rest": layout_of(ticket.rest)}
    own["shapes"] = {name: list(mask.shape) for name, mask in ticket.mask.items()}
    header = {"graph": None, **ticket.header, **own}
    tensors = packed(ticket.mask, ticket.values, ticket.rest, stored)
    tensors["details"] = np.frombuffer(deflated({key: header.pop(key) for key in DETAILS}), np.uint8)
    data = save(tensors, {"clew": json_text(header)})
    return data.replace(SEAL, hashlib.sha256(data).hexdigest().encode(), 1)


def read_ticket(path: Path) -> TicketFile:
    """Reads a ticket; raises ClewError naming the file when a single byte of it is not as it was written."""
    return _read(path, parse_ticket)


def read_sealed(path: Path) -> dict[str, Any]:
    """The header of a ticket whose bytes are all as they were written; raises ClewError as `read_ticket` does."""
    return _read(path, _sealed_header)


def _read(path: Path, parse: Callable[[bytes], Found]) -> Found:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ClewError(f"{path} is larger than any ticket.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ClewError(f"{path} does not exist.") from None
    except OSError as error:
        raise ClewError(f"{path} cannot be read ({error.strerror}).") from None
    try:
        return parse(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise ClewError(f"{path} is not a whole ticket ({error}): fetch or make it again.") from None


def parse_ticket(data: bytes) -> TicketFile:
    """The ticket in the bytes of a file; raises ValueError or what the parsers raise when it is not whole."""
    header = _sealed_header(data)
    unpack = unpacked_1 if header["format"] == 1 else unpacked
    ticket = TicketFile(header, *unpack(header, load(data)))
    _check_graph(ticket)
    return ticket


def _sealed_header(data: bytes) -> dict[str, Any]:
    """The header, once the seal is found to be that of the bytes; raises ValueError otherwise."""
    header = read_header(data)
    seal = str(header["seal"]).encode()
    at = data.find(seal)
    if at < 0 or _checksum(data, at) != seal:
        raise ValueError("its checksum does not match its content")
    return header


def _checksum(data: bytes, at: int) -> bytes:
    """The checksum of a file whose seal begins at byte `at`."""
    content = memoryview(data)
    found = hashlib.sha256(content[:at])
    found.update(SEAL)
    found.update(content[at + len(SEAL) :])
    return found.hexdigest().encode()


def _check_graph(ticket: TicketFile) -> None:
    floats = {name: tensor.shape for name, tensor in ticket.tensors.items() if tensor.dtype == np.float32}
    check_graph_fits(ticket.header, floats)


def read_header(data: bytes) -> dict[str, Any]:
    """The header of a ticket, without a look at its tensors; raises ValueError when there is none to be used."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= len(data) - 8:
        raise ValueError("it is truncated or no safetensors file")
    table = json.loads(data[8 : 8 + length])
    metadata = table.get("__metadata__", {})
    if "clew" not in metadata:
        raise ValueError("it holds no Clew ticket")
    return parse_header(metadata["clew"], _details(table, memoryview(data)[8 + length :]))


def _details(table: dict[str, Any], content: memoryview) -> bytes | None:
    """The bytes of the tensor `details`, None where there is none; wrong offsets give bytes that are no details."""
    if "details" not in table:
        return None
    start, end = table["details"]["data_offsets"]
    return bytes(content[start:end])
