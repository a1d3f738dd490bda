"""A ladder of several classes: how well dense nets tell them apart, and what each class loses as weights go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from clew.reports.cells import Cell, ClassRow, Confusion, cell, class_rows, confusion
from clew.reports.curves import curves
from clew.reports.series import same_level, tickets
from clew.reports.words import counted, limits, number, percent, spoken, whole

DEEPEST = 0.1  # a loss of AUC from which shades grow no deeper


@dataclass(frozen=True)
class Losses:
    """What each class loses to dense at the levels of one method: a line per class, the worst level's first."""

    method: str
    slot: str
    levels: list[str]
    rows: list[tuple[str, list[Cell]]]
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
    losses: Losses | None


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


def _losses(summary: Mapping[str, Any]) -> Losses | None:
    """The losses of the headline's method; None where there is no ticket."""
    judged, names = tickets(summary), summary["classes"]["names"]
    if not judged:
        return None
    lead, changes = judged[0], {}
    for row in lead.rows:
        found = _level(summary, lead.method, "", row["target"])
        if found is not None:
            changes[float(row["target"])] = [one["auc"] for one in found["minus_dense"]["classes"]]
    last = max(changes)
    rows = [(name, [_change(name, one[at]) for one in changes.values()]) for at, name in enumerate(names)]
    order = sorted(range(len(names)), key=lambda at: (_mean(changes[last][at]), at))
    told = [*_most(names, changes[last], lead.short, last), *_first(names, changes)]
    return Losses(lead.name, lead.slot, [percent(one) for one in changes], [rows[at] for at in order], told)


def _mean(found: Mapping[str, Any] | None) -> float:
    return 0.0 if found is None else float(found["mean"])


def _change(name: str, found: Mapping[str, Any] | None) -> Cell:
    return cell(f"{name}: AUC minus dense", found, max(0.0, -_mean(found)) / DEEPEST, signed=True)


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


def _first(names: Sequence[str], changes: Mapping[float, Sequence[Mapping[str, Any] | None]]) -> list[str]:
    """Which classes are the first whose whole interval lies below dense."""
    looked = sum(one is not None and one["high"] is not None for row in changes.values() for one in row)
    if not looked:
        return ["No interval can be had, so no class is shown to be forgotten first."]
    for level, row in changes.items():
        lost = [n for n, one in zip(names, row, strict=True) if one and one["high"] is not None and one["high"] < 0]
        if lost:
            verb = "is the first class" if len(lost) == 1 else "are the first classes"
            luck = f"Of {counted(looked, 'interval')}, about 1 in 20 would lie below 0 by chance alone."
            return [f"{_listed(lost)} {verb} shown to lose to dense, at {percent(level)}.", luck]
    return ["At no level is a class shown to lose to dense: every interval reaches 0 or lies above it."]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
