"""The runs and the table entries of a whole search."""

from __future__ import annotations

from clew.tickets.methods import methods
from clew.tickets.runs import DENSE, Entry, Rewind, Run, dense_id
from clew.tickets.settings import SearchSettings


def plan(settings: SearchSettings) -> tuple[list[Run], list[Entry]]:
    """All runs, each after those that it needs, and all entries, in a fixed order."""
    runs: list[Run] = []
    entries: list[Entry] = []
    for seed in settings.seeds:
        more_runs, more_entries = plan_seed(settings, seed)
        runs += more_runs
        entries += more_entries
    return runs, entries


def plan_seed(settings: SearchSettings, seed: int) -> tuple[list[Run], list[Entry]]:
    """The runs and entries of one seed: the dense net, its tickets, their references, their controls."""
    rewind = Rewind.parse(settings.rewind)
    runs = [Run(dense_id(seed), DENSE, seed)]
    entries = [Entry(DENSE, seed, 0.0, "", dense_id(seed))]
    tickets: list[Entry] = []
    for control in (False, True):
        for name in sorted(settings.methods):
            method = methods.get(name)
            if method.control == control:
                levels = settings.moved_levels or settings.levels if method.moves else settings.levels
                new_runs, new_entries = method.plan(seed, levels, settings.scope, rewind, tuple(tickets))
                runs += new_runs
                entries += new_entries
                tickets += [] if control else new_entries
    if rewind.goes_on:
        new_runs, new_entries = _references(runs, tickets, seed)
        runs += new_runs
        entries += new_entries
    return runs, entries


def _references(runs: list[Run], tickets: list[Entry], seed: int) -> tuple[list[Run], list[Entry]]:
    """Where weights go on: the dense net trained on for as many budgets as each ticket has had."""
    by_id = {run.id: run for run in runs}
    needed = {entry: _budgets(by_id, entry.run) for entry in tickets}
    new = [
        Run(dense_id(seed, more), DENSE, seed, weights_from=dense_id(seed, more - 1))
        for more in range(1, max(needed.values(), default=0) + 1)
    ]
    return new, [Entry(DENSE, seed, e.level, e.method, dense_id(seed, more)) for e, more in needed.items()]


def _budgets(by_id: dict[str, Run], name: str) -> int:
    """How many trainings a run adds to the dense net's."""
    count = 0
    while by_id[name].weights_from:
        name = by_id[name].weights_from
        count += 1
    return count
