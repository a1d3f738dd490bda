"""Ticket files made by somebody who knows how to seal: of format 1, as earlier versions wrote them, and spoiled ones."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from clew.tickets.file import TicketFile, ticket_bytes

DETAILS = ("graph", "rest")
Change = Callable[[dict[str, Any], dict[str, Any]], Any]


def sealed(header: dict[str, Any], tensors: dict[str, Any]) -> bytes:
    """A file of this header, whatever it says, and these tensors."""
    blank = save(tensors, {"clew": json.dumps(header | {"seal": "0" * 64}, sort_keys=True)})
    return blank.replace(b"0" * 64, hashlib.sha256(blank).hexdigest().encode(), 1)


def compressed(value: Any) -> Any:
    """A value as the tensor `details`."""
    return np.frombuffer(zlib.compress(json.dumps(value).encode()), np.uint8)


def resealed(change: Change, ticket: TicketFile) -> bytes:
    """A ticket of format 2 whose header, details with it, and tensors were changed."""
    data = ticket_bytes(ticket)
    tensors, length = load(data), int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["clew"])
    header |= json.loads(zlib.decompress(tensors.pop("details")))
    change(header, tensors)
    details = {key: header.pop(key) for key in DETAILS if key in header}
    return sealed(header, {"details": compressed(details)} | tensors)


def resealed_1(change: Change, ticket: TicketFile) -> bytes:
    """A ticket of format 1 whose header and tensors were changed."""
    tensors = {f"rest/{name}": tensor for name, tensor in ticket.rest.items()}
    for name, mask in ticket.mask.items():
        tensors |= {f"mask/{name}": np.packbits(mask.reshape(-1)), f"kept/{name}": ticket.values[name][mask]}
    shapes = {name: list(mask.shape) for name, mask in ticket.mask.items()}
    header = {**json.loads(json.dumps(ticket.header)), "format": 1, "shapes": shapes}
    change(header, tensors)
    return sealed(header, tensors)


def format_1(ticket: TicketFile) -> bytes:
    """A ticket as versions before the inference graph wrote it."""
    header = {key: value for key, value in ticket.header.items() if key not in ("graph_reason", "values", *DETAILS)}
    return resealed_1(lambda h, t: None, TicketFile(header, ticket.mask, ticket.values, ticket.rest))
