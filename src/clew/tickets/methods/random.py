"""The control: a mask of the same layer densities as a ticket's, its places drawn by lot."""

from __future__ import annotations

from clew.tickets.masks import Mask, random_mask
from clew.tickets.methods.base import Source, methods
from clew.tickets.methods.control import Control
from clew.tickets.runs import Entry, Rewind


class Random(Control):
    """The lots of a seed are drawn once: the controls of rising levels nest, as the tickets of IMP do.

    With a threshold per layer all tickets of a level have the same densities, hence, when rewound, one control.
    """

    name = "random"

    def source(self, ticket: Entry, first: str, scope: str, rewind: Rewind) -> str:
        """The ticket's run, or the first of its level where all have the same densities."""
        return first if scope == "local" and not rewind.goes_on else ticket.run

    def mask(self, source: Source) -> Mask:
        """As many weights of each tensor as the ticket keeps, drawn by lot."""
        return random_mask(source.mask, source.run.seed)


methods.register("random")(Random())
