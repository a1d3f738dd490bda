"""A training that another ladder has done already: its products taken over instead of trained again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.base.files import read_json, write_bytes, write_json
from clew.datasets.index import read_table, write_table
from clew.tickets.file import read_ticket, write_ticket
from clew.tickets.ladder import LADDER, SCHEMA, SCORES, VOLATILE, read_facts
from clew.tickets.one_run import search_facts
from clew.tickets.place import Place
from clew.tickets.runs import DENSE, Rewind, Run
from clew.tickets.settings import SearchSettings
from clew.tickets.starting import initial_point
from clew.tickets.tracing import graph_facts
from clew.training.weights import save_state

ENTRY = ("run", "seed", "method", "scope", "rewind", "level", "controls")  # what an entry adds to its run's scores
GRAPH = ("graph", "graph_reason")  # made anew: an earlier version wrote none


def adopt(
    place: Place, settings: SearchSettings, run: Run, source: Path, report: Callable[[float, str], None]
) -> dict[str, float]:
    """Takes a run over from the ladder `source`, finished or not: the same bytes as if it had been trained here.

    Returns what it cost there (seconds). The two searches must be on the same data, with the same detector, training
    and choices; for all but dense nets with the same scope, score, rewind and levels too.
    """
    there = replace(place, ladder=source)
    if run.method == DENSE and not run.weights_from:
        _rewind_point(place, settings, run, there)
    ticket = read_ticket(there.ticket(run.id))
    write_table(place.part(run.id, ".parquet"), _scores(there, run))
    kept = {key: value for key, value in ticket.header.items() if key not in GRAPH}
    header = {**kept, "search": search_facts(settings, run), **graph_facts(settings.detector)}
    write_ticket(place.ticket(run.id), replace(ticket, header=header))
    write_json(place.part(run.id, ".json"), _facts(there, run))
    report(0, "taken over")
    return {"seconds": _seconds(there, run)}


def _rewind_point(place: Place, settings: SearchSettings, run: Run, there: Place) -> None:
    """The seed's rewind point: the start itself, or what the dense training left for this ladder or its own."""
    rewind = Rewind.parse(settings.rewind)
    if rewind.kind == "init":
        save_state(place.rewind(run.seed), initial_point(place, settings, run.seed))
    elif rewind.kind == "step" and not place.rewind(run.seed).exists():
        if read_facts(there.ladder)["settings"]["rewind"] != settings.rewind or not there.rewind(run.seed).exists():
            raise ClewError(
                f"{run.id}: {there.ladder} left no state of step {rewind.step}: give the same command again."
            )
        write_bytes(place.rewind(run.seed), there.rewind(run.seed).read_bytes())


def _scores(there: Place, run: Run) -> pa.Table:
    """The scores of a run without what its entries add."""
    part = there.part(run.id, ".parquet")
    if part.exists():
        return read_table(part)
    return scores_of_run(there.ladder, run.id).drop_columns(list(ENTRY))


def scores_of_run(ladder: Path, run: str) -> pa.Table:
    """The rows of a finished ladder's table that the first of a run's entries has."""
    scores = read_table(ladder / SCORES, SCHEMA)
    same = scores.filter(pc.equal(scores["run"], run))
    first = same.slice(0, 1).to_pylist()[0]
    for key in ("method", "controls", "level"):
        same = same.filter(pc.equal(same[key], first[key]))
    return same


def _facts(there: Place, run: Run) -> dict[str, Any]:
    part = there.part(run.id, ".json")
    found = read_json(part) if part.exists() else dict(read_facts(there.ladder)["runs"][run.id])
    found.pop("ticket_sha256", None)
    return dict(json.loads(json.dumps(found)))


def _seconds(there: Place, run: Run) -> float:
    path = there.ladder / VOLATILE
    return float(read_json(path).get("seconds", {}).get(run.id, 0.0)) if path.exists() else 0.0


def is_done(ladder: Path, run: str) -> bool:
    """Whether a ladder, finished or not, holds a run."""
    there = Place(ladder, ())
    if there.part(run, ".json").exists() and there.ticket(run).exists():
        return True
    return (ladder / LADDER).exists() and run in read_facts(ladder)["runs"]
