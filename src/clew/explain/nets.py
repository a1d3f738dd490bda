"""Which networks are explained: the dense ones of a ladder, and every level of one method with its dense reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clew.base.errors import ClewError
from clew.tickets.evaluation.ladder_models import Compared, side_by_side
from clew.tickets.evaluation.models import Member, Model, choose_model, entry_name
from clew.tickets.ladder import Ladder, open_ladder
from clew.tickets.runs import DENSE

FIRST = ("imp", "one-shot")


@dataclass(frozen=True)
class Nets:
    """The dense nets, and the levels of `method` from the lowest ("" and none of a ladder that has dense nets alone).

    All models have the same seeds.
    """

    ladder: Ladder
    method: str
    dense: Model
    levels: tuple[Compared, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds (S,) that all of them have."""
        return self.dense.seeds

    @property
    def models(self) -> list[Model]:
        """Dense first, then the levels, then references that are not the dense nets; each once."""
        every = [self.dense, *(one.model for one in self.levels), *(one.reference for one in self.levels)]
        return list({(model.method, model.level): model for model in every}.values())

    @property
    def members(self) -> list[Member]:
        """All tickets, each once: two levels may share a run."""
        return list({member.seal: member for model in self.models for member in model.members}.values())

    def dense_of(self, seed: int) -> Member:
        """The dense net of a seed."""
        return self.dense.members[self.seeds.index(seed)]


def nets_of(path: Path | str, method: str = "", levels: Sequence[float] = (), seeds: int | None = None) -> Nets:
    """The nets of a ladder: `method` (default: imp, else the first there is) at `levels` (none: all).

    `seeds`: the first so many of those that all of them have. Raises ClewError that lists what there is for a method,
    a level or seeds that the ladder lacks.
    """
    ladder = open_ladder(path)
    name = method or _first_method(ladder)
    if not name or name == DENSE:
        if levels:
            raise ClewError(f"{ladder.path} has dense nets alone: leave --sparsity out.")
        return _with_seeds(Nets(ladder, "", choose_model(path), ()), seeds)
    side = side_by_side(ladder, (name,), levels)
    return _with_seeds(Nets(ladder, name, side.dense, side.levels), seeds)


def _first_method(ladder: Ladder) -> str:
    """The method that is explained when none is named; "" where there are dense nets alone."""
    names = {entry_name(entry) for entry in ladder.facts["entries"] if not entry["controls"]} - {DENSE}
    return next((name for name in (*FIRST, *sorted(names)) if name in names), "")


def _with_seeds(nets: Nets, count: int | None) -> Nets:
    """The same with the first `count` seeds (None: all) that every model has."""
    if count is not None and count < 1:
        raise ClewError(f"--seeds {count}: expected at least 1.")
    shared = set(nets.dense.seeds).intersection(*(model.seeds for model in nets.models))
    seeds = sorted(shared)[:count]
    if not seeds:
        raise ClewError(f"{nets.ladder.path}: its dense nets and its {nets.method} tickets have no seed in common.")
    levels = tuple(
        replace(one, model=_only(one.model, seeds), reference=_only(one.reference, seeds)) for one in nets.levels
    )
    return replace(nets, dense=_only(nets.dense, seeds), levels=levels)


def _only(model: Model, seeds: Sequence[int]) -> Model:
    return replace(model, members=tuple(model.members[model.seeds.index(seed)] for seed in seeds))
