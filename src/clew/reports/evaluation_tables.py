"""The tables of an evaluation's page: the matrix over stores, the parts of each store, what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.reports.words import NONE, exactly, limits, number, spoken, whole

COLUMNS = {"auc": "AUC", "accuracy": "Accuracy", "eer": "EER", "ap": "AP"}
UNITS = {"video": "per video", "picture": "per picture"}


@dataclass(frozen=True)
class Cell:
    """One figure: its mean and limits, how good it is from 0 to 1 (None: not shaded), and all of it in words."""

    mean: str
    limits: str
    shade: float | None
    told: str


@dataclass(frozen=True)
class Row:
    """One line of the matrix: a store's figures per video or per picture."""

    store: str
    unit: str
    rows: str
    clusters: str
    seeds: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Confusion:
    """What samples of a class are told as: shares of the row, a line per class."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Cell, ...]], ...]  # name, count, cells


def unit_of(store: Mapping[str, Any]) -> str:
    """What a store's figures are told per: video, or picture where there are none."""
    return "video" if store["video"] is not None else "picture"


def matrix(stores: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A line per store and unit, with the rates at the stored operating point last."""
    return [_row(store, unit) for store in stores for unit in UNITS if store[unit] is not None]


def headers(stores: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the matrix's figures."""
    point = next((store["operating_point"] for store in stores if store["operating_point"]), None)
    aimed = "" if point is None or point["fpr"] is None else f" at the threshold of FPR {point['fpr']:g} on validation"
    return [
        *COLUMNS.values(),
        *([f"TPR{aimed}", f"FPR{aimed}"] if point else ["Fakes called fake", "Reals called fake"]),
    ]


def _row(store: Mapping[str, Any], unit: str) -> Row:
    figures = store[unit]
    prevalence = figures["fakes"] / max(1, figures["rows"])
    cells = [cell(name, figures[name], _shade(name, figures[name], prevalence)) for name in COLUMNS]
    rates = _rates(store, unit)
    cells += [
        cell("TPR", rates.get("tpr"), _mean(rates.get("tpr"))),
        cell("FPR", rates.get("fpr"), None if rates.get("fpr") is None else 1 - rates["fpr"]["mean"]),
    ]
    seeds = next((str(figures[name]["n"]) for name in COLUMNS if figures[name]), NONE)
    return Row(store["name"], UNITS[unit], whole(figures["rows"]), whole(figures["clusters"]), seeds, tuple(cells))


def _rates(store: Mapping[str, Any], unit: str) -> Mapping[str, Any]:
    """True and false positive rate at the operating point; where none is stored, at 0.5 for the main unit."""
    if store["operating_point"]:
        return dict(store["operating_point"][unit])
    if unit != unit_of(store):
        return {}
    return {"tpr": store["called_fake"]["fake"], "fpr": store["called_fake"]["real"]}


def cell(name: str, found: Mapping[str, Any] | None, shade: float | None) -> Cell:
    """A figure as it stands in a table; a dash where there is none."""
    if found is None:
        return Cell(NONE, "", None, f"{name} cannot be had here")
    kept = None if shade is None else round(min(max(shade, 0.0), 1.0), 3)
    return Cell(number(found["mean"]), limits(found), kept, f"{COLUMNS.get(name, name)} {spoken(found)}")


def _mean(found: Mapping[str, Any] | None) -> float | None:
    return None if found is None else float(found["mean"])


def _shade(name: str, found: Mapping[str, Any] | None, prevalence: float) -> float | None:
    """From 0, no better than guessing, to 1."""
    if found is None:
        return None
    mean = float(found["mean"])
    if name == "eer":
        return (0.5 - mean) / 0.5
    if name == "ap":
        return (mean - prevalence) / max(1e-9, 1 - prevalence)
    return (mean - 0.5) / 0.5


def confusion(found: Mapping[str, Any]) -> Confusion:
    """The confusion matrix, mean over seeds, in shares of each true class."""
    rows = []
    for name, line in zip(found["names"], found["confusion"], strict=True):
        total = sum(line)
        cells = tuple(_share(name, to, value, total) for to, value in zip(found["names"], line, strict=True))
        rows.append((name, whole(total), cells))
    return Confusion(tuple(found["names"]), tuple(rows))


def _share(truth: str, told: str, value: float, total: float) -> Cell:
    share = value / total if total else 0.0
    return Cell(
        exactly(share) if total else NONE, "", round(share, 3), f"{truth} told as {told}: {value:g} of {total:g}"
    )


def class_rows(found: Mapping[str, Any]) -> list[tuple[str, str, list[Cell]]]:
    """A line per class: name, count, then AUC against all others, precision, recall and F1."""
    names = {"auc": "AUC", "precision": "Precision", "recall": "Recall", "f1": "F1"}
    return [
        (one["name"], whole(one["count"]), [cell(name, one[key], None) for key, name in names.items()])
        for one in found["classes"]
    ]
