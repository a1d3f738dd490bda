"""Early-bird tickets (You et al., "Drawing early-bird tickets", ICLR 2020): IMP whose rounds stop early."""

from __future__ import annotations

from collections.abc import Sequence

from clew.tickets.importance import score
from clew.tickets.masks import Mask, Weights, prune_least
from clew.tickets.methods.base import Method, Source, methods
from clew.tickets.runs import Entry, Rewind, Run, level_name
from clew.training.schedule import WARM_UP
from clew.training.settling import Settling

LOOKS = 4  # an epoch
MEMORY = 5  # masks that a settled one is compared with, as in the paper
THRESHOLD = 0.3  # of the distance by chance: where 80 % of the weights go, the paper's 0.1 of all weights


class EarlyBird(Method):
    """Two runs per level: one that finds the mask and stops when it has settled, and the ticket's own whole training.

    A round that does not settle within the budget is one of IMP: it prunes the weights of its best epoch.
    """

    name = "early-bird"
    chained = True
    needs_rewind = True

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """A chain of finding runs, one per level, and a ticket of each."""
        finders: list[Run] = []
        tickets_of: list[Run] = []
        for level in levels:
            before = finders[-1].id if finders else ""
            place = f"s{seed}-{level_name(level)}"
            finders.append(Run(f"{self.name}-find-{place}", self.name, seed, level, found_by=before, finds=True))
            tickets_of.append(Run(f"{self.name}-{place}", self.name, seed, level, found_by=finders[-1].id))
        return [*finders, *tickets_of], [Entry(self.name, seed, run.level, "", run.id) for run in tickets_of]

    def mask(self, source: Source) -> Mask:
        """What has been found so far: the level before for a run that finds, its own for a ticket."""
        return source.mask

    def settling(self, source: Source, per_epoch: int, steps: int) -> Settling:
        """Four looks an epoch at the mask of the run's level, none while the rate may still rise.

        A mask that stands still because nothing has been learnt yet has not settled.
        """

        def prune(weights: Weights, mask: Mask, target: float) -> Mask:
            return prune_least(score(source.score, weights, source.uses), mask, target, source.scope)

        every = max(1, per_epoch // LOOKS)
        return Settling(prune, source.run.level, round(WARM_UP * steps), every, THRESHOLD, MEMORY)


methods.register("early-bird")(EarlyBird())
