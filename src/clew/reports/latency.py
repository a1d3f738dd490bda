"""A ladder's milliseconds on its page: the front of accuracy against time and bytes, and when the search has paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from clew.reports.bench_chart import text_of, write_as
from clew.reports.fronts import Point, front_chart
from clew.reports.series import same_level, shown_level
from clew.reports.standalone import standalone
from clew.reports.words import NONE, SPACE, counted, exactly, kilobytes, limits, method_name, number, spoken, whole
from clew.tickets.ladder import Ladder
from clew.tickets.latency_file import LATENCY
from clew.tickets.latency_table import latency_table

PICTURES = {"latency-ms.svg": "ms", "latency-bytes.svg": "bytes"}
AXES = {"ms": "milliseconds for {pictures}, on {threads}", "bytes": "bytes of the ticket's file"}

Figure = tuple[str, ...]  # the figure, then what stands below it


@dataclass(frozen=True)
class LatencyRow:
    """One line of the table: figures as text, each with the small lines below it."""

    name: str
    sparsity: str
    macs: str
    figures: list[Figure]


@dataclass(frozen=True)
class Latency:
    """What the section shows; `about` is how it was measured."""

    text: str
    about: str
    charts: list[tuple[str, Markup]]
    rows: list[LatencyRow]


def latency(ladder: Ladder, summary: Mapping[str, Any]) -> Latency | None:
    """The section of a ladder; None where `clew bench` has not measured it."""
    table = latency_table(ladder, summary)
    if table is None or not table["rows"]:
        return None
    titles = {"ms": "Accuracy against time", "bytes": "Accuracy against bytes"}
    charts = [(title, fronts(table, cost)) for cost, title in titles.items()]
    return Latency(_text(table, summary), _about(table), charts, [_row(row) for row in table["rows"]])


def write_latency(found: Mapping[str, Any], table: Mapping[str, Any], out: Path) -> list[Path]:
    """Writes a ladder's milliseconds as .json or .svg by the name of `out`, or all into a folder; returns where."""
    told = {**found, "latency": table}
    pictures = {name: standalone(fronts(table, cost)) for name, cost in PICTURES.items()}
    return write_as({LATENCY: text_of(told), **pictures}, out)


def fronts(table: Mapping[str, Any], cost: str) -> Markup:
    """AUC against milliseconds (`ms`) in each ticket's quickest form of fp32, or against the `bytes` of its file."""
    places = {"pictures": counted(table["batch"], "picture"), "threads": counted(table["threads"], "thread")}
    return front_chart([_point(row, cost) for row in table["rows"]], AXES[cost].format(**places))


def _point(row: Mapping[str, Any], cost: str) -> Point:
    dense, best = row["method"] == "dense", row["dense"] if row["method"] == "dense" else row["best"]
    best = best or row["best"]
    label = "dense" if dense else f"{100 * row['sparsity']:.3g}{SPACE}%"
    spread = (best["q1_ms"], best["q3_ms"]) if cost == "ms" else None
    value = best["median_ms"] if cost == "ms" else float(row["bytes"])
    said = f"{best['median_ms']:.3g} ms in {_form(best)}" if cost == "ms" else kilobytes(row["bytes"])
    name = "Dense" if dense else f"{method_name(row['method'])} at {exactly(row['sparsity'])} sparsity"
    return Point(
        label, "dense" if dense else "s1", value, spread, row["auc"], f"{name}: {said}; AUC {spoken(row['auc'])}"
    )


def _row(row: Mapping[str, Any]) -> LatencyRow:
    other = row["best_any"] if row["best_any"] and row["best_any"]["precision"] != "fp32" else None
    return LatencyRow(
        method_name(row["method"]),
        exactly(row["sparsity"]),
        exactly(row["macs_sparsity"]),
        [
            (number(row["auc"]["mean"]), limits(row["auc"])),
            (kilobytes(row["bytes"]),),
            _ms(row["best"]),
            _ms(row["dense"]),
            _ratio(row["times"]) if row["best"]["skips"] else (NONE,),
            _ms(other),
            _pays(row),
        ],
    )


def _form(best: Mapping[str, Any]) -> str:
    return f"{best['form']}, {best['precision']}{'' if best['skips'] else ', dense'}"


def _ms(found: Mapping[str, Any] | None) -> Figure:
    if found is None:
        return (NONE,)
    return f"{found['median_ms']:.3g}", f"[{found['q1_ms']:.3g}, {found['q3_ms']:.3g}]", _form(found)


def _ratio(found: Mapping[str, Any] | None) -> Figure:
    return (NONE,) if found is None else (number(found["median"], 2), _ends(found))


def _ends(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return "[no interval]"
    return f"[{number(found['low'], 2)}, {number(found['high'], 2)}]"


def _pays(row: Mapping[str, Any]) -> Figure:
    found = row["pays_after"]
    if row["method"] == "dense":
        return (NONE,)
    if found is None:
        return (NONE, "search not known") if row["search_seconds"] is None else ("never", "nothing is saved")
    if found["low"] is None or found["high"] is None:
        return whole(found["pictures"]), "[no upper limit]"
    return whole(found["pictures"]), f"[{whole(found['low'])}, {whole(found['high'])}]"


def _text(table: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """What the headline's level gains, or the sparsest measured."""
    level, rows = shown_level(summary), [row for row in table["rows"] if row["method"] != "dense"]
    row = next(
        (row for row in rows if level is not None and same_level(row["level"], level)), rows[-1] if rows else None
    )
    if row is None:
        return "The dense net alone was measured."
    at, times, best, dense = f"At {exactly(row['sparsity'])} sparsity", row["times"], row["best"], row["dense"]
    if dense is None:
        return f"{at} the ticket takes {best['median_ms']:.3g} ms in {_form(best)}; no dense form of fp32 was measured."
    if not best["skips"] or times is None or times["low"] is None or times["low"] <= 1:
        return f"{at} no form that skips pruned weights is shown to be faster than the dense net in {_form(dense)}."
    found = row["pays_after"]
    paid = f"; the search has paid for itself after {whole(found['pictures'])} pictures" if found else ""
    return (
        f"{at} the ticket takes {best['median_ms']:.3g} ms in {_form(best)}, the dense net {dense['median_ms']:.3g} ms "
        f"in {dense['form']}: {number(times['median'], 2)} times as fast, 90{SPACE}% interval "
        f"{number(times['low'], 2)} to {number(times['high'], 2)}, {counted(times['n'], 'round')}{paid}.{_rival(row)}"
    )


def _rival(row: Mapping[str, Any]) -> str:
    """That a dense form of less precision takes less still, where one does."""
    found = row["best_any"]
    if found is None or found["skips"]:
        return ""
    return f" A dense form of less precision takes less still: {found['median_ms']:.3g} ms in {found['form']}."


def _about(table: Mapping[str, Any]) -> str:
    machine = table["machine"]
    versions = machine.get("versions")
    told = ", ".join(f"{name} {version}" for name, version in versions.items()) if isinstance(versions, dict) else ""
    return (
        f"Tickets of seed {table['seed']}, {counted(table['batch'], 'picture')} at a time, "
        f"{counted(table['threads'], 'thread')}, on {machine['cpu']}{'; ' if told else ''}{told}"
    )
