"""Iterative magnitude pruning (Frankle & Carbin 2019): train, prune a part, rewind, and again."""

from __future__ import annotations

from collections.abc import Sequence

from clew.tickets.masks import Mask
from clew.tickets.methods.base import Method, Source, methods
from clew.tickets.runs import Entry, Rewind, Run, dense_id, level_name


class IMP(Method):
    """Each level prunes what the level before it has trained."""

    name = "imp"
    chained = True

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """A chain of runs, one per level."""
        runs, before = [], dense_id(seed)
        for level in levels:
            name = f"imp-s{seed}-{level_name(level)}"
            goes_on = before if rewind.goes_on else ""
            runs.append(Run(name, self.name, seed, level, mask_from=before, weights_from=goes_on))
            before = name
        return runs, [Entry(self.name, seed, run.level, "", run.id) for run in runs]

    def mask(self, source: Source) -> Mask:
        """The survivors of least magnitude go."""
        return source.pruned()


methods.register("imp")(IMP())
