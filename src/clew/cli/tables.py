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
    return [*lines, "", *reasons, "", summary["headline"]["text"]]
