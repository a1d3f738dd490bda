"""Tables for the terminal."""

from __future__ import annotations

from typing import Any

from clew.cli.console import printable
from clew.datasets.disk import counted
from clew.reports.words import large

LONGEST, WIDEST = 28, 88  # characters of a name, and of all names beside one another


def interval(found: dict[str, Any] | None, signed: bool = False) -> str:
    """An interval in a column: mean, then its ends."""
    if found is None:
        return "-"
    form = "+.3f" if signed else ".3f"
    if found["low"] is None:
        return f"{found['mean']:{form}} (no interval)"
    return f"{found['mean']:{form}} [{found['low']:{form}}, {found['high']:{form}}]"


def ladder_lines(summary: dict[str, Any]) -> list[str]:
    """A ladder's table: every mean with its 90 % interval."""
    dense = summary["dense"]
    wide = max([10, *(len(row["method"]) for row in summary["levels"])])
    of = max([9, *(len(row["controls"] or "") for row in summary["levels"])])
    lines = [
        f"{summary['detector']} on {summary['dataset']['name']} ({summary['protocol']}), "
        f"{counted(summary['seeds'], 'seed')}, {counted(summary['clusters'], 'test cluster')}, "
        f"margin {summary['margin']:g} AUC, intervals 90 %",
        f"dense: AUC {interval(dense['auc'])}, accuracy {interval(dense['accuracy'])}",
        "",
        f"{'method':{wide}} {'of':{of}} {'sparsity':>8} {'AUC':24} {'minus dense':25} {'minus random':25} verdict",
    ]
    for row in summary["levels"]:
        name = f"{row['method']:{wide}} {row['controls'] or '':{of}} {100 * row['sparsity']:6.1f} %"
        lines.append(
            f"{name} {interval(row['auc']):24} {interval(row['minus_dense'], True):25} "
            f"{interval(row['minus_random'], True):25} {row['verdict'] or ''}"
        )
    reasons = [
        f"  {row['method']} {100 * row['target']:g} %: {row['reason']}" for row in summary["levels"] if row["verdict"]
    ]
    reasons += [
        f"  {row['method']} {100 * row['target']:g} %: minus the ticket found here {interval(row['minus_own'], True)}"
        for row in summary["levels"]
        if row.get("minus_own")
    ]
    reasons += kept_lines(summary)
    reasons += [f"  {found['text']}" for found in summary.get("signatures", [])]
    classes = ["", *class_lines(summary["classes"])] if "classes" in summary else []
    search = search_lines(summary.get("search", []))
    return [*lines, "", *reasons, *classes, "", *search, summary["headline"]["text"]]


def kept_lines(summary: dict[str, Any]) -> list[str]:
    """What the headline's method keeps of the dense accuracy at each level, and how far it is ahead of one-shot."""
    lines = []
    for row in summary["levels"]:
        if row["controls"] or row["method"] != summary["headline"]["method"]:
            continue
        kept, ahead = row["retention"], row["minus_one_shot"]
        above = (
            f"{interval(kept['above_chance'])} of what lies above chance"
            if kept["above_chance"]
            else "dense near chance"
        )
        more = f"; AUC minus one-shot {interval(ahead, True)}" if ahead else ""
        share = f"keeps {interval(kept['accuracy'])} of the dense accuracy, {above}"
        lines.append(f"  {row['method']} {100 * row['target']:g} %: {share}{more}")
    return lines


def search_lines(rows: list[dict[str, Any]]) -> list[str]:
    """What the search for each method's highest level cost in training pictures, the ticket's own training apart."""
    if not rows:
        return []
    level = max(row["level"] for row in rows)
    parts = []
    for row in sorted((row for row in rows if row["level"] == level), key=lambda row: row["method"] != "imp"):
        share = "" if row["of_imp"] is None or row["method"] == "imp" else f" ({100 * row['of_imp']:.0f} % of imp's)"
        parts.append(f"{row['method']} {large(row['search_pictures'])}{share}")
    seeds = sorted({row["seeds"] for row in rows if row["level"] == level})
    told = counted(seeds[0], "seed") if len(seeds) == 1 else "all seeds"
    return [f"search cost at {100 * level:g} %, training pictures of {told}: {', '.join(parts)}"]


def class_lines(found: dict[str, Any]) -> list[str]:
    """Measures by class of a ladder of several classes, the confusion matrix, and the macro AUC of every level."""
    dense, names = found["dense"], [plain(name) for name in found["names"]]
    wide = max(8, *(len(name) for name in names))
    seeds = counted(dense["seeds"], "seed")
    lines = [
        f"{len(names)} classes, per video (per picture where there is none), {seeds}: "
        f"macro AUC {interval(dense['macro_auc'])}, accuracy {interval(dense['accuracy'])}",
        f"{'class':{wide}} {'rows':>7} {'AUC against the rest':24} {'precision':24} {'recall':24} F1",
    ]
    for name, auc, rate in zip(names, dense["classes"], dense["rates"], strict=True):
        cells = " ".join(f"{interval(one):24}" for one in (auc["auc"], rate["precision"], rate["recall"], rate["f1"]))
        lines.append(f"{name:{wide}} {rate['count']:7} {cells}".rstrip())
    lines += ["", *_confusion(names, dense["confusion"], dense["seeds"])]
    if dense["unknown"]:
        lines.append(f"{counted(dense['unknown'], 'row')} of methods that were not in training: left out here.")
    levels = [row for row in found["levels"] if row["method"] != "dense"]
    if levels:
        lines += ["", f"{'method':10} {'of':9} {'target':>8} {'macro AUC':24} minus dense"]
    for row in levels:
        change = interval(row["minus_dense"]["macro_auc"], True)
        target = f"{100 * row['target']:.1f} %"
        place = f"{row['method']:10} {row['controls'] or '':9} {target:>8}"
        lines.append(f"{place} {interval(row['macro_auc']):24} {change}")
    return lines + [printable(one["text"]) for one in found.get("forgotten", [])]


def _confusion(names: list[str], counts: list[list[float]], seeds: int) -> list[str]:
    """The confusion matrix; where the names would take too much room, the columns have numbers."""
    mean = f"mean of {seeds} seeds" if seeds > 1 else "1 seed"
    cells = [[f"{value:.1f}" for value in row] for row in counts]
    heads, labels = names, names
    if sum(len(name) + 1 for name in names) > WIDEST:
        heads = [str(number) for number in range(len(names))]
        labels = [f"{number} {name}" for number, name in enumerate(names)]
    first = max(map(len, labels))
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    return [
        f"confusion (rows the truth, columns what was told; {mean})",
        *(
            " ".join([f"{label:{first}}", *(f"{text:>{wide}}" for text, wide in zip(row, widths, strict=True))])
            for label, row in zip(["", *labels], [heads, *cells], strict=True)
        ),
    ]


def plain(name: str) -> str:
    """A name from a file as it may stand in a table: no control characters, at most LONGEST characters."""
    shown = printable(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."
