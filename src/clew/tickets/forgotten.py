"""Which classes are forgotten first as weights go: by method, in the order in which their loss is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.tickets.verdict import percent


def forgotten(levels: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """For each method with tickets {"method", "order": [{"name", "from", "shown"}], "text"}, for JSON.

    `levels` are those of a class table, `names` (K,) its classes. A class's loss is shown at a level where the whole
    interval of its AUC minus dense lies below 0; "shown" lists these levels and "from" is the lowest, None where there
    is none. `order` is by that level, then by the mean loss at the highest. No correction is made for the number of
    intervals looked at: about 1 in 20 would lie below 0 by chance.
    """
    methods = sorted({row["method"] for row in levels if row["method"] != "dense" and not row["controls"]})
    return [_of_method(method, levels, names) for method in methods]


def _of_method(method: str, levels: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    rows = sorted((row for row in levels if (row["method"], row["controls"]) == (method, None)), key=_target)
    changes = {_target(row): [one["auc"] for one in row["minus_dense"]["classes"]] for row in rows}
    last = list(changes.values())[-1]
    found = [
        {"name": name, **_shown({level: row[at] for level, row in changes.items()})} for at, name in enumerate(names)
    ]
    loss = [0.0 if one is None else -float(one["mean"]) for one in last]
    order = sorted(range(len(names)), key=lambda at: (_first(found[at]), -loss[at], at))
    ranked = [found[at] for at in order]
    return {"method": method, "order": ranked, "text": _words(method, ranked, list(changes))}


def _target(row: Mapping[str, Any]) -> float:
    return float(row["target"])


def _first(found: Mapping[str, Any]) -> float:
    return float("inf") if found["from"] is None else float(found["from"])


def _shown(by_level: Mapping[float, Mapping[str, Any] | None]) -> dict[str, Any]:
    """At which levels a class's loss is shown."""
    shown = [level for level, one in by_level.items() if one and one["high"] is not None and one["high"] < 0]
    return {"from": shown[0] if shown else None, "shown": shown}


def _words(method: str, ranked: Sequence[Mapping[str, Any]], levels: Sequence[float]) -> str:
    """`imp: forgotten first: A, from 80 % on; then B, at 90 %; not shown to be forgotten: C.`"""
    lost = [one for one in ranked if one["from"] is not None]
    kept = [str(one["name"]) for one in ranked if one["from"] is None]
    if not lost:
        return f"{method}: no class is shown to be forgotten at any level."
    parts: dict[str, list[str]] = {}
    for one in lost:
        parts.setdefault(_where(one["shown"], levels), []).append(str(one["name"]))
    told = "; then ".join(f"{', '.join(names)}, {where}" for where, names in parts.items())
    return f"{method}: forgotten first: {told}" + (f"; not shown to be forgotten: {', '.join(kept)}." if kept else ".")


def _where(shown: Sequence[float], levels: Sequence[float]) -> str:
    """`from 60 % on` where it is shown at every level from there up, else `at 60 and 90 %`."""
    above = [level for level in levels if level >= shown[0]]
    if list(shown) == above and len(above) > 1:
        return f"from {percent(shown[0])} on"
    parts = [percent(level).removesuffix(" %") for level in shown]
    return f"at {' and '.join(part for part in (', '.join(parts[:-1]), parts[-1]) if part)} %"
