"""Forms beside one another: their figures, and how many times as fast as the best dense ones each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clew.runtime.forms import Form
from clew.runtime.timing import Seconds, figures, saved, times_as_fast

FULL = "fp32"


def cell(batch: int, threads: int, seconds: Mapping[str, Seconds], forms: Mapping[str, Form]) -> dict[str, Any]:
    """What calls for `batch` pictures on so many threads came to, in JSON's words; `seconds` by form, of one session.

    {"batch", "threads", "best_dense_fp32", "best_dense", "text", "rows": [{"form", "precision", "skips", "median_ms",
    "q1_ms", "q3_ms", "p95_ms", "least_ms", "rounds", "calls", "pictures_per_s", "times_dense_fp32", "times_dense",
    "saved_ms"}]}: dense forms compute with pruned weights as with any others; `times_...` is {"median", "low", "high",
    "n"} of the ratio to the best of them, round by round, `saved_ms` the milliseconds less than the best of fp32; null
    where there is none.
    """
    medians = {name: float(np.median(found)) for name, found in seconds.items()}
    dense = [name for name in seconds if not forms[name].skips]
    full = _fastest((name for name in dense if forms[name].precision == FULL), medians)
    best = _fastest(dense, medians)
    rows = []
    for name in sorted(seconds, key=medians.__getitem__):
        found = figures(seconds[name])
        rows.append(
            {
                "form": name,
                "precision": forms[name].precision,
                "skips": forms[name].skips,
                **found.as_dict(),
                "pictures_per_s": round(found.pictures_per_second(batch), 3),
                "times_dense_fp32": _against(name, full, seconds),
                "times_dense": _against(name, best, seconds),
                "saved_ms": None if full is None else saved(1000 * seconds[name], 1000 * seconds[full]).as_dict(),
            }
        )
    found_cell = {"batch": batch, "threads": threads, "best_dense_fp32": full, "best_dense": best, "rows": rows}
    return {**found_cell, "text": text(found_cell)}


def _fastest(names: Iterable[str], medians: Mapping[str, float]) -> str | None:
    return min(names, key=lambda name: (medians[name], name), default=None)


def _against(name: str, other: str | None, seconds: Mapping[str, Seconds]) -> dict[str, Any] | None:
    return None if other is None else times_as_fast(seconds[name], seconds[other]).as_dict()


def row_of(found: Mapping[str, Any], form: str | None) -> dict[str, Any] | None:
    """The row of a form in a cell; None where it has none."""
    return next((row for row in found["rows"] if row["form"] == form), None)


def best_row(
    found: Mapping[str, Any], precision: str | None = None, skips: bool | None = None
) -> dict[str, Any] | None:
    """The quickest row of a cell, of those of a precision, and of those that skip pruned weights or do not."""
    fitting = (row for row in found["rows"] if precision in (None, row["precision"]) and skips in (None, row["skips"]))
    return min(fitting, key=lambda row: row["median_ms"], default=None)


def text(found: Mapping[str, Any]) -> str:
    """What a cell says of skipping pruned weights, in fp32 and in any precision: never that a dense form is fast."""
    parts = []
    for precision, base in ((FULL, "best_dense_fp32"), (None, "best_dense")):
        own, other = best_row(found, precision, True), row_of(found, found[base])
        told = "" if own is None or other is None else _sentence(own, other, base.replace("best_", "times_"))
        if told and told not in parts:
            parts.append(told)
    return " ".join(parts)


def _sentence(own: Mapping[str, Any], other: Mapping[str, Any], key: str) -> str:
    times = own[key]
    named, beside = (f"{row['form']} ({row['precision']}, {row['median_ms']:.3g} ms)" for row in (own, other))
    limits = "" if times["low"] is None else f", 90 % interval {times['low']:.2f} to {times['high']:.2f}"
    told = f"{times['median']:.2f} times its speed{limits}, {times['n']} rounds"
    how = "is not shown to differ from"
    if times["low"] is not None and not times["low"] <= 1 <= times["high"]:
        how = "is faster than" if times["low"] > 1 else "is slower than"
    return f"{named} {how} the best dense form, {beside}: {told}."
