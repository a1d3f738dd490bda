"""The control with a ticket's mask and new weights (Frankle & Carbin 2019, section 2)."""

from __future__ import annotations

from clew.tickets.masks import Mask
from clew.tickets.methods.base import Source, methods
from clew.tickets.methods.control import Control


class Reinit(Control):
    """Is it the mask alone, or the mask with the weights that it was found with? The whole budget, fresh weights."""

    name = "reinit"
    needs_rewind = True
    begins = "fresh"

    def mask(self, source: Source) -> Mask:
        """The ticket's mask."""
        return source.mask


methods.register("reinit")(Reinit())
