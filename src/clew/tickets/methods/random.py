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
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """A run per ticket's run; where the weights go on, the controls of IMP form a chain as IMP does.

        With a threshold per layer all tickets of a level have the same densities, hence, when rewound, one control.
        """
        runs: dict[str, Run] = {}
        entries = []
        before: dict[str, str] = {}
        first: dict[float, str] = {}
        for ticket in tickets:
            twin = first.setdefault(ticket.level, ticket.run)
            source = twin if scope == "local" and not rewind.goes_on else ticket.run
            name = f"random-of-{source}"
            chained = before.get(ticket.method, dense_id(seed)) if ticket.method == "imp" else dense_id(seed)
            goes_on = chained if rewind.goes_on else ""
            if name not in runs:
                owner = "imp" if source.startswith("imp-") else ticket.method
                runs[name] = Run(name, self.name, seed, ticket.level, owner, source, goes_on)
            before[ticket.method] = name
            entries.append(Entry(self.name, seed, ticket.level, ticket.method, name))
        return list(runs.values()), entries

    def mask(self, run: Run, weights: Weights, mask: Mask, scope: str) -> Mask:
        """As many weights of each tensor as the ticket keeps, drawn by lot."""
        return random_mask(mask, run.seed)


methods.register("random")(Random())
