"""The failure signatures of a ladder, by kind, with what each kind means; or what was looked for in vain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.reports.words import counted
from clew.tickets.ladder import Ladder
from clew.tickets.signatures import MANY_DEAD, STILL_FALLING

FEW = 6  # findings of a kind that stand open on the page


@dataclass(frozen=True)
class Kind:
    """The findings of one kind: its title, what it means, and each in words; `open` where they are few."""

    title: str
    meaning: str
    found: list[str]
    open: bool

    @property
    def count(self) -> str:
        """How many."""
        return counted(len(self.found), "finding")


@dataclass(frozen=True)
class Failures:
    """The section: the kinds that were found, and in words what was looked for."""

    kinds: list[Kind]
    looked_for: str


def failures(ladder: Ladder, summary: Mapping[str, Any]) -> Failures:
    """The section on what went wrong as the network was pruned."""
    found = summary.get("signatures", [])
    kinds = [_kind(name, *told, found) for name, told in _KINDS.items()]
    return Failures([kind for kind in kinds if kind.found], _looked_for(ladder, float(summary["margin"])))


_KINDS = {
    "cliff": ("A cliff between two levels", "The ticket lost what it needs in one step: try levels between the two."),
    "not converged": (
        "Trainings that had not converged",
        "Where these are tickets alone, the budget and not the sparsity may decide.",
    ),
    "cut off": (
        "Layers cut off",
        "Nothing that is left in these layers lies on a path from the picture to the verdict.",
    ),
    "dead filters": (
        "Dead filters",
        "Filters without a single living weight: they still cost time until they are taken out.",
    ),
}


def _kind(name: str, title: str, meaning: str, found: list[Mapping[str, Any]]) -> Kind:
    texts = [str(one["text"]) for one in found if one["kind"] == name]
    return Kind(title, meaning, texts, len(texts) <= FEW)


def _looked_for(ladder: Ladder, margin: float) -> str:
    """What the search for signatures covers in this ladder."""
    parts = [
        f"a fall of AUC between two levels by more than the margin ({margin:g}) with intervals apart",
        f"trainings whose last epoch was the best while the loss still fell by more than {100 * STILL_FALLING:g} %",
    ]
    if all("cut_off" in run for run in ladder.facts["runs"].values()):
        parts.append("layers that no path from the picture to the verdict passes")
    else:
        parts.append("layers without a living weight (this ladder does not say which paths are left)")
    if all("dead_filters" in run for run in ladder.facts["runs"].values()):
        parts.append(f"tickets with more than {100 * MANY_DEAD:g} % dead filters")
    return "; ".join(parts)
