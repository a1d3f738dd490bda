"""The key figures at the head of a page, and the table of levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.reports.costs import dense_bytes, mean, sizes_of
from clew.reports.gaps import badge_of
from clew.reports.series import clears, controls, lead_method, row_at, same_level, shown_level, tickets
from clew.reports.words import MINUS, NONE, SPACE, counted, exactly, kilobytes, limits, number, percent, whole
from clew.tickets.ladder import Ladder


@dataclass(frozen=True)
class Figure:
    """One key figure: what it is, the figure, and all that belongs to it; `tone` is good, open or empty."""

    label: str
    value: str
    detail: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the table, every number as text."""

    method: str
    slot: str
    target: str
    sparsity: str
    macs: str
    left: str
    auc: tuple[str, str]
    accuracy: tuple[str, str]
    dense: tuple[str, str]
    random: tuple[str, str]
    seeds: str
    badge: str
    verdict: str
    reason: str


def key_figures(ladder: Ladder, summary: Mapping[str, Any]) -> list[Figure]:
    """The figures that a reader takes away, each with its interval and number of seeds."""
    auc, margin = summary["dense"]["auc"], float(summary["margin"])
    evidence = Figure(
        "Evidence",
        counted(summary["seeds"], "seed"),
        counted(summary["clusters"], "test cluster"),
        f"margin {margin:g} AUC; intervals 90{SPACE}%",
    )
    dense = Figure("Dense AUC", number(auc["mean"]), limits(auc), _seeds(auc))
    return [dense, _reach(summary), _pooled(summary), _file(ladder, summary), evidence]


def _seeds(interval: Mapping[str, Any]) -> str:
    return f"n = {counted(interval['n'], 'seed')}"


def _reach(summary: Mapping[str, Any]) -> Figure:
    label, headline = "Highest level not worse than dense", summary["headline"]
    row = _headline_row(summary)
    if row is None or headline["level"] is None:
        return Figure(label, "none shown", "no level is shown to stay within the margin", tone="open")
    change = row["minus_dense"]
    detail = f"minus dense {number(change['mean'], signed=True)} {limits(change, signed=True)}"
    return Figure(label, exactly(row["sparsity"]), detail, _seeds(change), "good")


def _pooled(summary: Mapping[str, Any]) -> Figure:
    if summary["pooled"] is None:
        return Figure(
            f"Ticket {MINUS} random",
            NONE,
            "no random control from 60 % up to compare with",
            tone="open",
        )
    found, start = summary["pooled"]["minus_random"], percent(summary["pooled"]["from"])
    label = f"{_lead_name(summary)} {MINUS} random, AUC from {start} up"
    good = clears(found, 0.0, summary["clusters"])
    if found["low"] is None:
        verdict = "interval unknown"
    elif found["low"] > 0:
        verdict = "above 0" if good else "above 0, on too little for a verdict"
    else:
        verdict = "below 0" if found["high"] < 0 else "not clear of 0"
    tone = "good" if good else "open"
    return Figure(
        label, number(found["mean"], signed=True), f"{limits(found, signed=True)}: {verdict}", _seeds(found), tone
    )


def _file(ladder: Ladder, summary: Mapping[str, Any]) -> Figure:
    """The ticket file of the headline's level, else of the sparsest, beside the dense weights."""
    lead, level = lead_method(summary), shown_level(summary)
    entries = [
        e
        for e in ladder.facts["entries"]
        if level is not None and (e["method"], e["controls"]) == (lead, "") and same_level(e["level"], level)
    ]
    sizes, full = sizes_of(ladder, entries), dense_bytes(ladder)
    against = "" if full is None else f"dense weights as fp32: {kilobytes(full)}"
    if level is None or not sizes:
        return Figure("Ticket file", NONE, against or "no ticket file is at hand", tone="open")
    kind = "" if summary["headline"]["level"] is not None else ", the sparsest tried"
    extent = "" if max(sizes) - min(sizes) < 50 else f", {kilobytes(min(sizes))} to {kilobytes(max(sizes))}"
    note = f"n = {counted(len(sizes), 'file')}{extent}"
    return Figure(f"Ticket file at {percent(level)}{kind}", kilobytes(mean(sizes)), against, note)


def _lead_name(summary: Mapping[str, Any]) -> str:
    return next((one.name for one in tickets(summary)), "Ticket")


def _headline_row(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    judged = tickets(summary)
    return row_at(judged[0], summary["headline"]["level"]) if judged else None


def level_table(summary: Mapping[str, Any]) -> list[Row]:
    """Dense, then every method's levels, the controls last."""
    rows = [_dense_row(summary)]
    for series in [*tickets(summary), *controls(summary)]:
        rows += [_row(row, series.name, series.slot) for row in series.rows]
    return rows


def _dense_row(summary: Mapping[str, Any]) -> Row:
    dense = summary["dense"]
    prunable = next((whole(row["prunable"]) for row in summary["levels"]), NONE)
    figures = [_pair(dense[name]) for name in ("auc", "accuracy")]
    blank = (NONE, "")
    place = ("Dense", "dense", NONE, exactly(0.0), exactly(0.0), prunable)
    return Row(*place, figures[0], figures[1], blank, blank, str(dense["auc"]["n"]), "none", "Reference", "")


def _row(row: Mapping[str, Any], name: str, slot: str) -> Row:
    badge, verdict = badge_of(row["verdict"])
    against = row["minus_random"]
    return Row(
        name,
        slot,
        percent(row["target"]),
        exactly(row["sparsity"]),
        exactly(row["macs_sparsity"]),
        whole(row["remaining"]),
        _pair(row["auc"]),
        _pair(row["accuracy"]),
        _pair(row["minus_dense"], signed=True),
        _pair(against, signed=True) if against else (NONE, ""),
        str(row["auc"]["n"]),
        badge,
        verdict,
        row["reason"] if row["verdict"] else "",
    )


def _pair(interval: Mapping[str, Any], signed: bool = False) -> tuple[str, str]:
    return number(interval["mean"], signed=signed), limits(interval, signed=signed)
