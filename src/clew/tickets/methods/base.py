"""What a method is: the runs it needs, and the mask of each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clew.base.registry import Registry
from clew.tickets.masks import Mask, Weights
from clew.tickets.runs import Entry, Rewind, Run


class Method(Protocol):
    """A way to find masks, or (with `control`) masks to compare them with."""

    name: str
    control: bool

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """The runs and the entries of one seed; `tickets`: the entries that a control is for."""

    def mask(self, run: Run, weights: Weights, mask: Mask, scope: str) -> Mask:
        """The mask of a run from the trained weights and the mask of its `mask_from`."""


methods: Registry[Method] = Registry("method")
