"""The control that shuffles a ticket's mask within layers (Frankle et al., "Pruning neural networks at initialization:
why are we missing the mark?", ICLR 2021, section 5)."""

from __future__ import annotations

from clew.tickets.masks import Mask, shuffled_mask
from clew.tickets.methods.base import Source, methods
from clew.tickets.methods.control import Control


class Shuffled(Control):
    """Every mask is shuffled by itself: unlike those of `random`, the controls of rising levels do not nest."""

    name = "shuffled"

    def mask(self, source: Source) -> Mask:
        """The ticket's mask, the places of each tensor shuffled."""
        return shuffled_mask(source.mask, source.run.seed)


methods.register("shuffled")(Shuffled())
