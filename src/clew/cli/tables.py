"""Tables for the terminal."""

from __future__ import annotations

from typing import Any


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
    lines = [
        f"{summary['detector']} on {summary['dataset']['name']} ({summary['protocol']}), {summary['seeds']} seeds, "
        f"{summary['clusters']} test clusters, margin {summary['margin']:g} AUC, intervals 90 %",
        f"dense: AUC {interval(dense['auc'])}, accuracy {interval(dense['accuracy'])}",
        "",
        f"{'method':10} {'of':9} {'sparsity':>8} {'AUC':24} {'minus dense':25} {'minus random':25} verdict",
    ]
    for row in summary["levels"]:
        lines.append(
            f"{row['method']:10} {row['controls'] or '':9} {100 * row['sparsity']:6.1f} % {interval(row['auc']):24} "
            f"{interval(row['minus_dense'], True):25} {interval(row['minus_random'], True):25} {row['verdict'] or ''}"
        )
    reasons = [
        f"  {row['method']} {100 * row['target']:g} %: {row['reason']}" for row in summary["levels"] if row["verdict"]
    ]
    classes = ["", *class_lines(summary["classes"])] if "classes" in summary else []
    return [*lines, "", *reasons, *classes, "", summary["headline"]["text"]]


def class_lines(found: dict[str, Any]) -> list[str]:
    """Measures by class of a ladder of several classes, the confusion matrix, and the macro AUC of every level."""
    dense, names = found["dense"], found["names"]
    wide = max(8, *(len(name) for name in names))
    lines = [
        f"{len(names)} classes, per video, mean of {dense['seeds']} seeds: macro AUC {interval(dense['macro_auc'])}, "
        f"accuracy {interval(dense['accuracy'])}",
        f"{'class':{wide}} {'videos':>7} {'AUC against the rest':24} {'precision':>9} {'recall':>7} {'F1':>6}",
    ]
    for name, auc, rate in zip(names, dense["classes"], dense["rates"], strict=True):
        lines.append(
            f"{name:{wide}} {rate['count']:7} {interval(auc['auc']):24} {number(rate['precision']):>9} "
            f"{number(rate['recall']):>7} {number(rate['f1']):>6}"
        )
    lines += ["", "confusion: rows the truth, columns what was told"]
    lines.append(" " * wide + "".join(f" {name:>{wide}}" for name in names))
    for name, row in zip(names, dense["confusion"], strict=True):
        lines.append(f"{name:{wide}}" + "".join(f" {value:{wide}.1f}" for value in row))
    if dense["unknown"]:
        lines.append(f"{dense['unknown']} videos are of methods that were not in training; they are left out here.")
    levels = [row for row in found["levels"] if row["method"] != "dense"]
    if levels:
        lines += ["", f"{'method':10} {'of':9} {'target':>7} macro AUC"]
    for row in levels:
        target = f"{100 * row['target']:.1f} %"
        lines.append(f"{row['method']:10} {row['controls'] or '':9} {target:>7} {interval(row['macro_auc'])}")
    return lines


def number(value: float | None) -> str:
    """A number in a column, or a dash."""
    return "-" if value is None else f"{value:.3f}"
