"""The matrix of an evaluation's page: every store with its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.reports.cells import COLUMNS, Cell, cell
from clew.reports.words import NONE, whole

UNITS = {"video": "per video", "picture": "per picture"}


@dataclass(frozen=True)
class Row:
    """One line of the matrix: a store's figures per video or per picture."""

    store: str
    unit: str
    rows: str
    clusters: str
    seeds: str
    cells: tuple[Cell, ...]


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
