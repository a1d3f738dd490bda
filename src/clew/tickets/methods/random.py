"""The control: a mask of the same layer densities as a ticket's, its places drawn by lot."""

from __future__ import annotations

from collections.abc import Sequence

from clew.tickets.masks import Mask, Weights, random_mask
from clew.tickets.methods.base import methods
from clew.tickets.runs import Entry, Rewind, Run, dense_id


class Random:
    """One control for every ticket, trained alike: from the same rewind point, or on from the level before."""

    name = "random"
    control = True

    def plan(
        self, seed: int, levels: Sequence[float], rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """A run per ticket's run; where the weights go on, the controls of IMP form a chain as IMP does."""
        runs: dict[str, Run] = {}
        entries = []
        before: dict[str, str] = {}
        for ticket in tickets:
            name = f"random-of-{ticket.run}"
            chained = before.get(ticket.method, dense_id(seed)) if ticket.method == "imp" else dense_id(seed)
            goes_on = chained if rewind.goes_on else ""
            if name not in runs:
                owner = "imp" if ticket.run.startswith("imp-") else ticket.method
                runs[name] = Run(name, self.name, seed, ticket.level, owner, ticket.run, goes_on)
            before[ticket.method] = name
            entries.append(Entry(self.name, seed, ticket.level, ticket.method, name))
        return list(runs.values()), entries

    def mask(self, run: Run, weights: Weights, mask: Mask, scope: str) -> Mask:
        """As many weights of each tensor as the ticket keeps, drawn by lot."""
        return random_mask(mask, run.seed)


methods.register("random")(Random())
