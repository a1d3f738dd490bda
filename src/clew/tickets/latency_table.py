"""A ladder's milliseconds beside its accuracy, its bytes and what its search cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.base.files import read_json
from clew.runtime.compared import FULL, best_row, row_of
from clew.tickets.ladder import VOLATILE, Ladder
from clew.tickets.latency_file import read_latency
from clew.tickets.runs import DENSE

FIGURES = ("form", "precision", "skips", "median_ms", "q1_ms", "q3_ms", "p95_ms", "rounds", "calls")


def latency_table(ladder: Ladder, summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `clew bench` measured of a ladder's tickets, dense first; None where it has not. `summary` is its own.

    {"batch", "threads", "seed", "load_average", "machine", "method", "rows": [{"method", "level", "sparsity",
    "macs_sparsity", "bytes", "auc": INTERVAL, "best", "best_any", "dense", "dense_any", "times", "saved_ms",
    "search_seconds", "pays_after"}]}:
    `best` the quickest form of fp32, which the AUC is of, `best_any` of any precision; `dense` and `dense_any` the
    quickest dense ones, in which a ticket takes the time of the dense net; `times` and `saved_ms` compare `best` with
    `dense`. `pays_after`: {"pictures", "low", "high"} with which the seconds saved are those of the search, null
    where nothing is saved or the search is not known, the limits where they are not.
    """
    found = read_latency(ladder)
    if found is None:
        return None
    seconds = _search_seconds(ladder)
    rows = [_row(one, summary, seconds.get(one["run"])) for one in found["tickets"]]
    first = found["tickets"][0]
    return {
        **{key: first["cells"][0][key] for key in ("batch", "threads")},
        "seed": first["seed"],
        "load_average": max((one.get("load_average") or 0.0 for one in found["tickets"]), default=0.0),
        "machine": found["machine"],
        "method": found["method"],
        "rows": [row for row in rows if row is not None],
    }


def _search_seconds(ladder: Ladder) -> dict[str, float]:
    """Training seconds of the search for each run, where run.json tells."""
    path = ladder.path / VOLATILE
    found = read_json(path) if path.exists() else {}
    costs = found.get("cost") if isinstance(found, dict) else None
    known = costs.items() if isinstance(costs, dict) else ()
    told = {name: one.get("search_seconds") for name, one in known if isinstance(one, dict)}
    return {name: float(value) for name, value in told.items() if isinstance(value, int | float)}


def _row(found: Mapping[str, Any], summary: Mapping[str, Any], seconds: float | None) -> dict[str, Any] | None:
    """The first cell of a ticket, None where the ladder has no AUC of its level."""
    cell, auc = found["cells"][0], _auc(found, summary)
    best, dense = best_row(cell, FULL), row_of(cell, cell["best_dense_fp32"])
    if auc is None or best is None:
        return None
    any_best, any_dense = best_row(cell), row_of(cell, cell["best_dense"])
    return {
        **{key: found[key] for key in ("run", "method", "level")},
        **{key: found["ticket"][key] for key in ("sparsity", "macs_sparsity", "bytes")},
        "auc": auc,
        "best": _told(best),
        "best_any": _told(any_best),
        "dense": _told(dense),
        "dense_any": _told(any_dense),
        "times": best["times_dense_fp32"],
        "saved_ms": best["saved_ms"],
        "search_seconds": seconds,
        "pays_after": pays_after(seconds, best, cell["batch"]) if found["method"] != DENSE else None,
    }


def _auc(found: Mapping[str, Any], summary: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The interval of a ticket's level over all seeds."""
    if found["method"] == DENSE:
        return dict(summary["dense"]["auc"])
    fitting = (
        row["auc"]
        for row in summary["levels"]
        if row["method"] == found["method"] and not row["controls"] and abs(row["target"] - found["level"]) < 1e-6
    )
    return next(fitting, None)


def _told(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {key: row.get(key) for key in FIGURES}


def pays_after(seconds: float | None, best: Mapping[str, Any], batch: int) -> dict[str, int | None] | None:
    """After how many pictures a form that skips pruned weights has saved so many seconds over the best dense one.

    `best` is its row in a cell of `batch` pictures; the limits are those of what it saves. None where it saves nothing.
    """
    saved = best["saved_ms"]
    if seconds is None or saved is None or not best["skips"] or saved["median"] <= 0:
        return None
    ends = [_pictures(seconds, saved[end], batch) for end in ("median", "high", "low")]
    return dict(zip(("pictures", "low", "high"), ends, strict=True))


def _pictures(seconds: float, saved_ms: float | None, batch: int) -> int | None:
    return None if saved_ms is None or saved_ms <= 0 else round(1000 * seconds * batch / saved_ms)


def front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """The Pareto front: places, from the cheapest, of those that nothing cheaper or as cheap reaches the value of."""
    found: list[int] = []
    for at in sorted(range(len(costs)), key=lambda at: (costs[at], -values[at], at)):
        if not found or values[at] > values[found[-1]]:
            found.append(at)
    return found
