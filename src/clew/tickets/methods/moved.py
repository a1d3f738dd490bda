"""Tickets found on other data: their masks, with the weights of there or fresh ones, trained here.

Morcos, Yu, Paganini & Tian, "One ticket to win them all", NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

from clew.tickets.masks import Mask
from clew.tickets.methods.base import Method, Source, methods
from clew.tickets.runs import Entry, Rewind, Run, level_name

OWNERS = ("imp", "one-shot")
WEIGHTS = ("rewound", "trained", "fresh")


def moved_name(owner: str, weights: str) -> str:
    """The method's name for the tickets of `owner` with one of WEIGHTS: moved-imp, moved-imp-trained, ..."""
    return f"moved-{owner}" if weights == "rewound" else f"moved-{owner}-{weights}"


class Moved(Method):
    """Each level's ticket of another ladder, of the same seed.

    Its weights: of the rewind point there, those that it was trained to there, or fresh ones. Whatever they are, it
    trains here with the dense net's budget.
    """

    needs_rewind = True
    moves = True

    def __init__(self, owner: str, weights: str) -> None:
        self.name, self.owner, self.weights = moved_name(owner, weights), owner, weights

    @property
    def mask_of(self) -> str:
        """The same for all weights that a ticket is moved with."""
        return f"moved-{self.owner}"

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """One run per level."""
        runs = [
            Run(
                f"{self.name}-s{seed}-{level_name(level)}",
                self.name,
                seed,
                level,
                begins=self.weights,
                origin=self.owner,
            )
            for level in levels
        ]
        return runs, [Entry(self.name, seed, run.level, "", run.id) for run in runs]

    def mask(self, source: Source) -> Mask:
        """The ticket's mask as it was found."""
        return source.mask


class ZeroShot(Method):
    """The tickets of another ladder, and its dense nets, as they are: scored here, not trained."""

    name = "zero-shot"
    control = True
    needs_rewind = True
    moves = True

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """A run for each owner and level whose tickets are moved here."""
        names = {entry.method for entry in tickets}
        owners = [owner for owner in OWNERS if any(moved_name(owner, kind) in names for kind in WEIGHTS)]
        places = [("dense", 0.0), *((owner, level) for owner in owners for level in levels)]
        runs = [
            Run(
                f"zero-shot-{owner}-s{seed}-{level_name(level)}",
                self.name,
                seed,
                level,
                owner,
                begins="trained",
                origin=owner,
                trains=False,
            )
            for owner, level in places
        ]
        return runs, [Entry(self.name, seed, run.level, run.controls, run.id) for run in runs]

    def mask(self, source: Source) -> Mask:
        """The ticket's mask."""
        return source.mask


for _owner in OWNERS:
    for _weights in WEIGHTS:
        methods.register(moved_name(_owner, _weights))(Moved(_owner, _weights))
methods.register("zero-shot")(ZeroShot())
