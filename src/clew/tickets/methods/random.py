"""The control: a mask of the same layer densities as a ticket's, its places drawn by lot."""

from __future__ import annotations

from clew.tickets.masks import Mask, random_mask
from clew.tickets.methods.base import Source, methods
from clew.tickets.methods.control import Control
from clew.tickets.runs import Entry, Rewind


class Random(Control):
    """The lots of a seed are drawn once: the controls of rising levels nest, as the tickets of IMP do.

    Tickets of a level that have the same densities (all of them, with a threshold per layer; the same mask with other
    weights) have, when rewound, one control.
    """

    name = "random"

    def source(self, ticket: Entry, first: str, scope: str, rewind: Rewind) -> str:
        """The first run of those with the same densities; where weights go on, the ticket's own."""
        return ticket.run if rewind.goes_on else first

    def mask(self, source: Source) -> Mask:
        """As many weights of each tensor as the ticket keeps, drawn by lot."""
        return random_mask(source.mask, source.run.seed)


methods.register("random")(Random())
