"""What `clew bench` left in a ladder, as others read it: hostile until it is shown not to be."""

from __future__ import annotations

import math
from typing import Any

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.base.hashing import hash_file
from clew.tickets.ladder import TICKETS, Ladder

LATENCY = "latency.json"
FORMAT = 1
FIGURES = ("median_ms", "q1_ms", "q3_ms", "p95_ms")


def read_latency(ladder: Ladder) -> dict[str, Any] | None:
    """What `latency.json` says of tickets that are as they were; None where there is none, or nothing is left of it.

    Raises ClewError where it is not what `clew bench` writes.
    """
    path = ladder.path / LATENCY
    if not path.exists():
        return None
    found = read_json(path)
    if not well_formed(found):
        raise ClewError(f"{path} is not what 'clew bench' writes: remove it, or give 'clew bench {ladder.path}' again.")
    tickets = [one for one in found["tickets"] if _same(ladder, one)]
    return {**found, "tickets": tickets} if tickets else None


def _same(ladder: Ladder, found: dict[str, Any]) -> bool:
    """Whether a ticket is one of the ladder's, and its file the one that was measured."""
    path = ladder.path / TICKETS / f"{found['run']}.safetensors"
    known = found["run"] in ladder.facts["runs"]
    return known and path.is_file() and hash_file(path) == found["ticket"]["sha256"]


def well_formed(found: Any) -> bool:
    """Whether what others look into is there and of the right kind."""
    try:
        asked, machine = found["asked"], found["machine"]
        told = found["format"] == FORMAT and bool(asked["batches"]) and isinstance(machine["cpu"], str)
        return told and isinstance(machine["cores"], int) and all(_ticket(one) for one in found["tickets"])
    except (KeyError, TypeError, LookupError, AttributeError):
        return False


def _ticket(found: dict[str, Any]) -> bool:
    about = found["ticket"]
    texts = all(isinstance(one, str) for one in (found["run"], found["method"], about["sha256"]))
    numbers = (found["level"], about["bytes"], about["sparsity"], about["macs_sparsity"])
    load = found.get("load_average")
    if not (load is None or _number(load)):
        return False
    return texts and all(map(_number, numbers)) and bool(found["cells"]) and all(map(_cell, found["cells"]))


def _cell(found: dict[str, Any]) -> bool:
    names = (found["best_dense_fp32"], found["best_dense"])
    rows = all(map(_row, found["rows"])) and bool(found["rows"])
    return rows and _number(found["batch"]) and all(one is None or isinstance(one, str) for one in names)


def _row(found: dict[str, Any]) -> bool:
    texts = isinstance(found["form"], str) and isinstance(found["precision"], str) and isinstance(found["skips"], bool)
    ratios = (found[key] for key in ("times_dense_fp32", "times_dense", "saved_ms"))
    return texts and all(_number(found[key]) for key in FIGURES) and all(map(_ratio, ratios))


def _ratio(found: Any) -> bool:
    if found is None:
        return True
    ends = (found["low"], found["high"])
    return _number(found["median"]) and isinstance(found["n"], int) and all(e is None or _number(e) for e in ends)


def _number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
