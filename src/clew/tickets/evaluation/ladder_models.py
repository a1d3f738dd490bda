"""The tickets of a ladder side by side: dense, and every level of the chosen methods with what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import Any

from clew.base.errors import ClewError
from clew.tickets.evaluation.models import Member, Model, entry_name, known_entries, member_of
from clew.tickets.ladder import Ladder
from clew.tickets.runs import DENSE

Entries = list[dict[str, Any]]
Open = Callable[[str, int], Member]


@dataclass(frozen=True)
class Compared:
    """One level of a method, all its seeds: exact sparsity (mean over seeds), and its dense reference.

    The reference is the shared dense nets or, where weights go on, the dense nets trained on for as long.
    """

    model: Model
    sparsity: float
    reference: Model
    control: bool

    @property
    def method(self) -> str:
        """How the method is asked for: imp, or random-of-imp for a control."""
        return self.model.method


@dataclass(frozen=True)
class Side:
    """The dense nets of a ladder, and the levels that are compared with them, by method and then by level."""

    dense: Model
    levels: tuple[Compared, ...]

    @property
    def models(self) -> list[Model]:
        """All nets: dense first, then levels and references, each once."""
        every = [self.dense, *(one.model for one in self.levels), *(one.reference for one in self.levels)]
        return list({(model.method, model.level): model for model in every}.values())

    @property
    def members(self) -> list[Member]:
        """All tickets, each once: two levels may share a run."""
        return list({member.seal: member for model in self.models for member in model.members}.values())


def side_by_side(ladder: Ladder, methods: Sequence[str] = (), levels: Sequence[float] = ()) -> Side:
    """The dense nets and the levels of `methods` (none: all but controls) at `levels` (none: all).

    Raises ClewError that lists what there is for a method or a level that the ladder lacks.
    """
    entries: Entries = ladder.facts["entries"]
    tickets = [entry for entry in entries if entry["method"] != DENSE]
    chosen = [entry for entry in tickets if entry_name(entry) in methods or (not methods and not entry["controls"])]
    for name in methods:
        if not any(entry_name(entry) == name for entry in chosen):
            raise ClewError(f"{ladder.path} has no {name} tickets. There are: {known_entries(ladder)}.")
    for level in levels:
        if not any(_same(entry["level"], level) for entry in chosen):
            raise ClewError(
                f"{ladder.path} has no such tickets at level {level:g}. There are: {known_entries(ladder)}."
            )
    kept = [entry for entry in chosen if not levels or any(_same(entry["level"], level) for level in levels)]
    if not kept:
        raise ClewError(f"{ladder.path} holds no tickets to compare with its dense nets: {known_entries(ladder)}.")

    @cache
    def member(ticket: str, seed: int) -> Member:
        return member_of(ladder.path / ticket, seed)

    dense = _model(ladder, [entry for entry in entries if entry["method"] == DENSE and entry["level"] == 0], member)
    places = sorted({(entry_name(entry), float(entry["level"])) for entry in kept})
    return Side(dense, tuple(_compared(ladder, kept, place, dense, member) for place in places))


def _same(one: float, other: float) -> bool:
    return abs(one - other) < 1e-6


def _compared(ladder: Ladder, entries: Entries, place: tuple[str, float], dense: Model, member: Open) -> Compared:
    name, level = place
    own = [entry for entry in entries if (entry_name(entry), entry["level"]) == (name, level)]
    budget = own[0]["controls"] or own[0]["method"]
    longer = [
        entry
        for entry in ladder.facts["entries"]
        if (entry["method"], entry["controls"]) == (DENSE, budget) and _same(entry["level"], level)
    ]
    sparsity = fmean(float(ladder.facts["runs"][entry["run"]]["sparsity"]) for entry in own)
    reference = _model(ladder, longer, member) if longer else dense
    return Compared(_model(ladder, own, member), sparsity, reference, bool(own[0]["controls"]))


def _model(ladder: Ladder, entries: Entries, member: Open) -> Model:
    ordered = sorted(entries, key=lambda entry: int(entry["seed"]))
    members = tuple(member(str(entry["ticket"]), int(entry["seed"])) for entry in ordered)
    return Model(ladder.path.resolve().name, entry_name(ordered[0]), float(ordered[0]["level"]), members)
