"""The ticket file: one .safetensors, no pickle, sealed by a checksum; needs no torch.

Layout: `mask/NAME` packed bits (uint8, C order, most significant first), `kept/NAME` the surviving values (float32,
C order), `rest/NAME` whatever is not prunable. The header, one JSON text in the file's metadata, says all else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from clew.base.errors import ClewError
from clew.base.files import write_bytes
from clew.tickets.header import FORMAT, check_graph_fits, parse_header

SEAL = b"0" * 64  # stands where the checksum goes while the checksum is taken
MOST_BYTES = 4 * 2**30
Found = TypeVar("Found")


@dataclass(frozen=True)
class TicketFile:
    """What a ticket file holds.

    `header` the JSON; `mask` prunable tensor name -> bool of its shape; `values` the same names -> float32 with
    zeros where the mask is False; `rest` the other tensors of the state.
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
    """The bytes of a ticket file, its checksum in place.

    Raises ValueError when a pruned value is not zero, or the header's graph does not fit the tensors.
    """
    _check_graph(ticket)
    tensors: dict[str, NDArray[Any]] = {f"rest/{name}": np.asarray(t, order="C") for name, t in ticket.rest.items()}
    for name, mask in ticket.mask.items():
        values = ticket.values[name]
        if values.shape != mask.shape or values.dtype != np.float32:
            raise ValueError(f"{name}: expected float32 {mask.shape}, found {values.dtype} {values.shape}")
        if np.any(values[~mask]):
            raise ValueError(f"{name}: a pruned weight is not zero")
        tensors[f"mask/{name}"] = np.packbits(mask.reshape(-1))
        tensors[f"kept/{name}"] = values[mask]
    shapes = {name: list(mask.shape) for name, mask in ticket.mask.items()}
    header = {**ticket.header, "format": FORMAT, "shapes": shapes, "seal": SEAL.decode()}
    data = save(tensors, {"clew": json.dumps(header, sort_keys=True, allow_nan=False, separators=(",", ":"))})
    seal = hashlib.sha256(data).hexdigest().encode()
    return data.replace(SEAL, seal, 1)


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
    tensors = load(data)
    mask, values = {}, {}
    for name, shape in header["shapes"].items():
        mask[name] = _unpack(tensors.pop(f"mask/{name}"), tuple(shape), name)
        kept = tensors.pop(f"kept/{name}")
        if kept.dtype != np.float32 or kept.shape != (int(mask[name].sum()),):
            raise ValueError(f"{name}: the surviving values do not fit the mask")
        values[name] = np.zeros(shape, np.float32)
        values[name][mask[name]] = kept
    rest = {name.removeprefix("rest/"): tensor for name, tensor in tensors.items()}
    ticket = TicketFile(header, mask, values, rest)
    _check_graph(ticket)
    return ticket


def _sealed_header(data: bytes) -> dict[str, Any]:
    """The header, once the seal is found to be that of the bytes; raises ValueError otherwise."""
    header = read_header(data)
    seal = str(header["seal"]).encode()
    if len(seal) != 64 or hashlib.sha256(data.replace(seal, SEAL, 1)).hexdigest().encode() != seal:
        raise ValueError("its checksum does not match its content")
    return header


def _check_graph(ticket: TicketFile) -> None:
    floats = {name: tensor.shape for name, tensor in ticket.tensors.items() if tensor.dtype == np.float32}
    check_graph_fits(ticket.header, floats)


def read_header(data: bytes) -> dict[str, Any]:
    """The header of a ticket, without a look at its tensors; raises ValueError when there is none to be used."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= len(data) - 8:
        raise ValueError("it is truncated or no safetensors file")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    if "clew" not in metadata:
        raise ValueError("it holds no Clew ticket")
    return parse_header(metadata["clew"])


def _unpack(packed: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[np.bool_]:
    count = prod(shape)
    if packed.dtype != np.uint8 or packed.shape != (-(-count // 8),):
        raise ValueError(f"{name}: the mask does not fit the shape {shape}")
    bits = np.unpackbits(packed)
    if bits[count:].any():
        raise ValueError(f"{name}: the mask has bits beyond its end")
    return np.asarray(bits[:count].reshape(shape), bool)
