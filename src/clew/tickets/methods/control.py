"""What controls have in common: a run for every ticket's, trained alike."""

from __future__ import annotations

from collections.abc import Sequence

from clew.tickets.methods.base import Method, methods
from clew.tickets.runs import Entry, Rewind, Run, dense_id

FIRST = ("imp", "one-shot")  # whose controls are shared, where several methods may share one


class Control(Method):
    """One control for every ticket, from the same start; where weights go on, from what the ticket went on from.

    The controls of a method that is chained form a chain as its tickets do. `begins` as `Run` has it.
    """

    control = True
    begins = "rewound"

    def alike(self, ticket: Entry, scope: str) -> tuple[str, float]:
        """What tickets with as many weights in each layer have in common: the level, and of global ones the mask."""
        return "" if scope == "local" else methods.get(ticket.method).mask_of, ticket.level

    def source(self, ticket: Entry, first: str, scope: str, rewind: Rewind) -> str:
        """The run whose mask it is made from; `first`: the first run of a ticket that is alike."""
        return ticket.run

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """A run for each ticket's run; two tickets that share a run share the control."""
        runs: dict[str, Run] = {}
        entries = []
        before: dict[str, str] = {}
        first: dict[tuple[str, float], Entry] = {}
        for ticket in sorted(tickets, key=lambda one: one.method not in FIRST):  # whatever methods join later
            first.setdefault(self.alike(ticket, scope), ticket)
        for ticket in tickets:
            twin = first[self.alike(ticket, scope)]
            source = self.source(ticket, twin.run, scope, rewind)
            name = f"{self.name}-of-{source}"
            dense = dense_id(seed)
            chained = before.get(ticket.method, dense) if methods.get(ticket.method).chained else dense
            goes_on = chained if rewind.goes_on else ""
            if name not in runs:
                owner = next(entry.method for entry in tickets if entry.run == source)
                runs[name] = Run(name, self.name, seed, ticket.level, owner, source, goes_on, self.begins)
            before[ticket.method] = name
            entries.append(Entry(self.name, seed, ticket.level, ticket.method, name))
        return list(runs.values()), entries
