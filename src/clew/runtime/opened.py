"""A ticket opened to run it: what its header says at once, its tensors when they are asked for; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.runtime.graph import Graph
from clew.tickets.file import TicketFile, read_sealed, read_ticket


@dataclass(frozen=True)
class Opened:
    """A ticket at `path`, whose `header` and whole content are as they were sealed.

    `representative`: images (N, 3, H, W) in [0, 1] of the network's size, of the kind that it will see, from which
    forms of int8 take the ranges of their numbers; None: of drawn ones.
    """

    path: Path
    header: dict[str, Any]
    representative: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    @property
    def hash(self) -> str:
        """The SHA-256 of its content, in hex."""
        return str(self.header["seal"])

    @property
    def size(self) -> int:
        """Height and width of its network's pictures, in pixels."""
        return int(self.header["detector"]["input_size"])

    @property
    def classes(self) -> tuple[str, ...]:
        """What the K outputs stand for: real first."""
        count = max(2, int(self.header["detector"].get("classes", 2)))
        named = self.header.get("classes") or (["real", "fake"] if count == 2 else [])
        return tuple(map(str, named)) if named else ("real", *(f"fake {at}" for at in range(1, count)))

    @property
    def temperature(self) -> float | None:
        """What its logits are divided by to be calibrated, None where nothing says."""
        found = self.header.get("calibration")
        value = found.get("temperature") if isinstance(found, dict) else None
        right = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e6
        return float(value) if right and value is not None else None

    @cached_property
    def content(self) -> TicketFile:
        """All of it."""
        return read_ticket(self.path)

    @cached_property
    def graph(self) -> Graph:
        """Its network's inference graph; raises ClewError, saying what to do, where it has none."""
        from clew.tickets.header import graph_in

        found = graph_in(self.header)
        if found is None:
            reason = self.header.get("graph_reason")
            why = f" ({reason})" if reason else ", as earlier versions wrote them"
            todo = "" if reason else f": 'clew export {self.path} --format ticket' writes it again with one"
            raise ClewError(f"{self.path} holds no inference graph{why}{todo}; only form 'masked' can run it.")
        return found

    @property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """The tensors of fp32 by name, pruned weights zero."""
        return {name: tensor for name, tensor in self.content.tensors.items() if tensor.dtype == np.float32}


def opened(path: Path | str) -> Opened:
    """Opens a ticket; raises ClewError naming it when it is missing, damaged or no ticket."""
    path = Path(path)
    return Opened(path, read_sealed(path))
