"""The tables of robustness against sparsity: what each condition costs dense, and what it costs each level more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.reports.cells import Cell, cell
from clew.reports.words import percent

KINDS = {"no more": "holds", "less": "holds", "more": "fails"}  # how a verdict is shown; all others are open
MEAN, CLEAN = "All corruptions, mean", "Left alone"


@dataclass(frozen=True)
class Cost:
    """What a condition costs one level: AUC, lost, lost more than by dense, and the verdict with its reason."""

    auc: Cell
    lost: Cell
    more: Cell
    kind: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One condition: a corruption, its strength, AUC of dense, what dense loses, and each level's cost."""

    name: str
    strength: str
    first: bool
    auc: Cell
    lost: Cell
    costs: tuple[Cost, ...]


def heads(levels: Sequence[Mapping[str, Any]]) -> list[str]:
    """The levels as columns."""
    return [percent(one["level"]) for one in levels]


def starts(dense: Mapping[str, Any], levels: Sequence[Mapping[str, Any]]) -> list[tuple[str, Cell, Cell]]:
    """Dense and each level on pictures left alone: name, AUC, and its difference from dense."""
    return [
        ("Dense" if one is dense else percent(one["level"]), _figure(one["clean"]["auc"]), _minus_dense(one))
        for one in [dense, *levels]
    ]


def _minus_dense(one: Mapping[str, Any]) -> Cell:
    return cell("AUC minus dense", one["clean"]["minus_dense"], signed=True)


def rows(dense: Mapping[str, Any], levels: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The mean of all corruptions, each of them at each strength, and the attack at each budget."""
    found = [_row(MEAN, "", True, [one["mean"] for one in [dense, *levels]])]
    for at, one in _conditions(dense):
        for number, level in enumerate(one["levels"]):
            costs = [_at(net, at)["levels"][number] for net in [dense, *levels]]
            found.append(_row(one["title"], f"{level['level']:g}", number == 0, costs))
    return found


def _conditions(dense: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    every = [*dense["corruptions"], *([dense["attack"]] if dense["attack"] else [])]
    return iter(enumerate(every))


def _at(net: Mapping[str, Any], place: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = [*net["corruptions"], net["attack"]][place]
    return found


def _row(name: str, strength: str, first: bool, costs: Sequence[Mapping[str, Any]]) -> Row:
    dense, *levels = costs
    return Row(name, strength, first, _figure(dense["auc"]), _figure(dense["lost"]), tuple(map(_cost, levels)))


def _cost(found: Mapping[str, Any]) -> Cost:
    more = cell("lost more than dense", found["lost_more"], signed=True)
    verdict = str(found["verdict"])
    figures = _figure(found["auc"]), _figure(found["lost"]), more
    return Cost(*figures, KINDS.get(verdict, "open"), verdict, str(found["reason"]))


def _figure(found: Mapping[str, Any]) -> Cell:
    return cell("AUC", found)
