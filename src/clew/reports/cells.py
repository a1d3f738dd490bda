"""Figures as they stand in tables: one with its limits, what each class is taken for, and the figures of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.reports.words import NONE, exactly, limits, number, spoken, whole

COLUMNS = {"auc": "AUC", "accuracy": "Accuracy", "eer": "EER", "ap": "AP"}
CLASS_COLUMNS = {"auc": "AUC", "precision": "Precision", "recall": "Recall", "f1": "F1"}
ClassRow = tuple[str, str, list["Cell"]]  # name, count, a cell for each of CLASS_COLUMNS


@dataclass(frozen=True)
class Cell:
    """One figure: its mean and limits, how good it is from 0 to 1 (None: not shaded), and all of it in words."""

    mean: str
    limits: str
    shade: float | None
    told: str


@dataclass(frozen=True)
class Confusion:
    """What samples of a class are told as: shares of the row, a line per class."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Cell, ...]], ...]  # name, count, cells


def cell(name: str, found: Mapping[str, Any] | None, shade: float | None = None, signed: bool = False) -> Cell:
    """A figure as it stands in a table; a dash where there is none."""
    if found is None:
        return Cell(NONE, "", None, f"{name} cannot be had here")
    kept = None if shade is None else round(min(max(shade, 0.0), 1.0), 3)
    told = f"{COLUMNS.get(name, name)} {spoken(found, signed=signed)}"
    return Cell(number(found["mean"], signed=signed), limits(found, signed=signed), kept, told)


def confusion(names: Sequence[str], counts: Sequence[Sequence[float]]) -> Confusion:
    """A confusion matrix (K, K), rows the truth, mean over seeds, in shares of each true class."""
    rows = []
    for name, line in zip(names, counts, strict=True):
        total = sum(line)
        cells = tuple(_share(name, to, value, total) for to, value in zip(names, line, strict=True))
        rows.append((name, whole(total), cells))
    return Confusion(tuple(names), tuple(rows))


def _share(truth: str, told: str, value: float, total: float) -> Cell:
    share = value / total if total else 0.0
    return Cell(
        exactly(share) if total else NONE, "", round(share, 3), f"{truth} told as {told}: {value:g} of {total:g}"
    )


def class_rows(found: Sequence[Mapping[str, Any]]) -> list[ClassRow]:
    """A line per class: name, count, then AUC against all others, precision, recall and F1."""
    return [
        (one["name"], whole(one["count"]), [cell(title, one[key]) for key, title in CLASS_COLUMNS.items()])
        for one in found
    ]
