"""A ladder of several classes: how well dense nets tell them apart, and what each class loses as weights go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.cells import Cell, ClassRow, Confusion, cell, class_rows, confusion
from clew.reports.curves import curves
from clew.reports.series import Series, same_level, tickets
from clew.reports.words import counted, limits, number, percent, spoken, whole

DEEPEST = 0.1  # a loss from which shades grow no deeper
MEASURES = {"auc": "AUC against the rest", "recall": "Recall"}


@dataclass(frozen=True)
class Losses:
    """What each class loses to dense at the levels of one method, in AUC and recall; forgotten first, told first."""

    method: str
    slot: str
    levels: list[str]
    tables: list[tuple[str, list[tuple[str, list[Cell]]]]]  # measure, a line per class
    told: list[str]


@dataclass(frozen=True)
class ByClass:
    """The section: `macro` and `accuracy` in words, the dense nets' tables, a chart, and who is forgotten first."""

    macro: str
    accuracy: str
    unknown: str
    rows: list[ClassRow]
    confusion: Confusion
    chart: Markup | None
    losses: list[Losses]


def by_class(summary: Mapping[str, Any]) -> ByClass | None:
    """The section on classes; None for a ladder that tells reals from fakes alone."""
    found = summary.get("classes")
    if not found:
        return None
    dense = found["dense"]
    merged = [{**auc, **rate} for auc, rate in zip(dense["classes"], dense["rates"], strict=True)]
    return ByClass(
        macro=spoken(dense["macro_auc"]) if dense["macro_auc"] else "unknown",
        accuracy=spoken(dense["accuracy"]),
        unknown=whole(dense["unknown"]) if dense["unknown"] else "",
        rows=class_rows(merged),
        confusion=confusion(found["names"], dense["confusion"]),
        chart=_chart(summary) if dense["macro_auc"] and summary["levels"] else None,
        losses=_losses(summary),
    )


def _chart(summary: Mapping[str, Any]) -> Markup:
    """Macro AUC against sparsity."""
    dense = summary["classes"]["dense"]
    rows = [_with_macro(row, summary) for row in summary["levels"]]
    return curves(
        {**summary, "levels": rows, "dense": {**summary["dense"], "macro_auc": dense["macro_auc"]}}, "macro_auc"
    )


def _with_macro(row: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """A level with its macro AUC, and that of the dense nets that it is judged against."""
    method, owner = str(row["method"]), str(row["controls"] or "")
    own = _level(summary, method, owner, row["target"])
    trained_on = _level(summary, "dense", owner or method, row["target"]) if row["kind"] == "pruned" else None
    dense = trained_on or summary["classes"]["dense"]
    return {**row, "macro_auc": (own or dense)["macro_auc"], "macro_reference": dense["macro_auc"]}


def _level(summary: Mapping[str, Any], method: str, owner: str, target: float) -> dict[str, Any] | None:
    """One level of the class table."""
    for row in summary["classes"]["levels"]:
        if (row["method"], row["controls"] or "") == (method, owner) and same_level(row["target"], target):
            return dict(row)
    return None


def _losses(summary: Mapping[str, Any]) -> list[Losses]:
    """The losses of every method with tickets, the headline's first."""
    ranked = {one["method"]: one for one in summary["classes"]["forgotten"]}
    return [_of_method(summary, series, ranked[series.method]) for series in tickets(summary)]


def _of_method(summary: Mapping[str, Any], series: Series, ranked: Mapping[str, Any]) -> Losses:
    names = list(summary["classes"]["names"])
    changes = {}
    for row in series.rows:
        found = _level(summary, series.method, "", row["target"])
        if found is not None:
            changes[float(row["target"])] = found["minus_dense"]["classes"]
    order = [names.index(one["name"]) for one in ranked["order"]]
    tables = [
        (title, [(names[at], [_change(names[at], title, row[at][key]) for row in changes.values()]) for at in order])
        for key, title in MEASURES.items()
    ]
    last = max(changes)
    most = _most(names, [one["auc"] for one in changes[last]], series.short, last)
    told = [_capital(ranked["text"].removeprefix(f"{series.method}: ")), *most, *_luck(changes)]
    return Losses(series.name, series.slot, [percent(one) for one in changes], tables, told)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _mean(found: Mapping[str, Any] | None) -> float:
    return 0.0 if found is None else float(found["mean"])


def _change(name: str, title: str, found: Mapping[str, Any] | None) -> Cell:
    return cell(f"{name}: {title}, minus dense", found, max(0.0, -_mean(found)) / DEEPEST, signed=True)


def _most(names: Sequence[str], changes: Sequence[Mapping[str, Any] | None], method: str, level: float) -> list[str]:
    """Which class has lost most at the sparsest level."""
    known = [(float(one["mean"]), name, one) for name, one in zip(names, changes, strict=True) if one is not None]
    if not known:
        return []
    mean, name, found = min(known, key=lambda one: one[0])
    where = f"At {percent(level)}, the sparsest level of {method}"
    if number(mean) == number(0.0) or mean > 0:
        return [f"{where}, no class has lost AUC on average."]
    doubt = "" if found["high"] is not None and found["high"] < 0 else "; that may be chance"
    text = f"{where}, {name} has lost most: {number(mean, signed=True)} {limits(found, signed=True)}"
    return [f"{text}, {counted(found['n'], 'seed')}{doubt}."]


def _luck(changes: Mapping[float, Sequence[Mapping[str, Any]]]) -> list[str]:
    """How often chance alone would show a loss."""
    looked = sum(one["auc"] is not None and one["auc"]["high"] is not None for row in changes.values() for one in row)
    if not looked:
        return ["No interval can be had, so no loss can be shown."]
    return [f"Of {counted(looked, 'interval')} of AUC, about 1 in 20 would lie below 0 by chance alone."]
