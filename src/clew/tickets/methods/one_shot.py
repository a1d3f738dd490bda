"""One-shot pruning: the mask of any level comes from the dense net, after one training."""

from __future__ import annotations

from collections.abc import Sequence

from clew.tickets.masks import Mask
from clew.tickets.methods.base import Method, Source, methods
from clew.tickets.runs import Entry, Rewind, Run, dense_id, level_name


class OneShot(Method):
    """Every level prunes the dense net. The first is IMP's first, where IMP runs too: trained once."""

    name = "one-shot"

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """One run per level, but for those that are other tickets' runs already."""
        dense = dense_id(seed)
        same = {e.level: e.run for e in tickets if e.method == "imp" and e.level == levels[0]}
        runs = [
            Run(
                f"one-shot-s{seed}-{level_name(level)}",
                self.name,
                seed,
                level,
                mask_from=dense,
                weights_from=dense if rewind.goes_on else "",
            )
            for level in levels
            if level not in same
        ]
        own = {run.level: run.id for run in runs}
        return runs, [Entry(self.name, seed, level, "", (same | own)[level]) for level in levels]

    def mask(self, source: Source) -> Mask:
        """The weights of least magnitude go, all at once."""
        return source.pruned()


methods.register("one-shot")(OneShot())
