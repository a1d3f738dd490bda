"""The search for tickets: plan, train what is missing, gather. Killed at any moment, it goes on where it was."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor, usable_cores
from clew.base.files import read_json, sweep_temporaries, write_json
from clew.base.hashing import hash_file
from clew.base.jobs import Executor, Job
from clew.base.progress import SILENT, Progress
from clew.datasets.index import read_table, write_table
from clew.datasets.store import CropStore, open_store
from clew.tickets.given import given_state
from clew.tickets.ladder import (
    FORMAT,
    LADDER,
    SCHEMA,
    SCORES,
    TICKETS,
    UNFINISHED,
    VOLATILE,
    Ladder,
    open_ladder,
    read_facts,
)
from clew.tickets.one_run import do_run, is_whole, run_facts
from clew.tickets.place import Place
from clew.tickets.plan import plan
from clew.tickets.runs import Entry, Rewind, Run
from clew.tickets.settings import EXTENDABLE, SearchSettings
from clew.training.blended import load_part
from clew.training.choices import Choices
from clew.training.loop import total_steps

LOCK = ".lock"


def search(
    stores: Sequence[Path],
    settings: SearchSettings,
    out: Path,
    *,
    weights: Path | None = None,
    board: Path | None = None,
    origin: Path | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
    reason: str = "as asked",
) -> Ladder:
    """Finds the tickets that `settings` ask for and writes them to the ladder `out`.

    Finished runs are never computed again; a finished ladder may be asked for more methods or seeds, or another
    margin. `weights`: a file to start from; `board`: a folder for TensorBoard; `origin`: the ladder whose tickets the
    settings bring along; `reason`: why the settings' automatic
    choices were made. Raises ClewError before any work for unusable stores or a folder that holds something else.
    """
    settings, data, old = check(stores, settings, out, weights)
    place = Place(
        out.resolve(),
        tuple(path.resolve() for path in stores),
        weights and weights.resolve(),
        board,
        origin and origin.resolve(),
    )
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ClewError(
            f"{out}: another search is at work in this ladder; wait for it or choose another --out."
        ) from None
    with lock:
        old = _check_folder(out, settings, data)  # another search may have finished since
        return _locked(place, settings, data, old, executor or local_executor(settings.choices), progress, reason)


def local_executor(choices: Choices) -> LocalExecutor:
    """This machine's cores, shared out so that no two threads wait for one: it costs far more than half the speed."""
    if choices.device != "cpu":
        return LocalExecutor(1)
    return LocalExecutor(max(1, usable_cores() // (choices.threads * choices.devices)))


def check(
    stores: Sequence[Path], settings: SearchSettings, out: Path, weights: Path | None = None
) -> tuple[SearchSettings, list[dict[str, str]], dict[str, Any]]:
    """All that can be known to fail before any work; raises ClewError.

    Returns the settings grown by what the ladder has already, what the ladder says of its data, and what it held.
    """
    data = _check_data([open_store(path) for path in stores], settings)
    if weights is not None:
        settings = replace(settings, start=hash_file(weights))
        given_state(weights, settings.detector)
    old = _check_folder(out, settings, data)
    return _grown(settings, old), data, old


def _locked(
    place: Place,
    settings: SearchSettings,
    data: list[dict[str, str]],
    old: dict[str, Any],
    executor: Executor,
    progress: Progress,
    reason: str,
) -> Ladder:
    runs, entries = plan(settings)
    have = set(old.get("runs", {}))
    facts = {"format": FORMAT, "complete": False, "settings": settings.as_dict(), "data": data}
    sweep_temporaries(place.ladder)
    if old.get("complete") and old["settings"] == facts["settings"]:
        shutil.rmtree(place.ladder / UNFINISHED, ignore_errors=True)
        return open_ladder(place.ladder)
    write_json(place.ladder / LADDER, {**facts, "runs": old.get("runs", {}), "entries": old.get("entries", [])})
    missing = [run for run in runs if run.id not in have and not is_whole(place, run.id)]
    volatile = _Volatile(place, settings, reason)
    jobs = _jobs(place, settings, missing, data)
    outcome = executor.run(jobs, "searching", progress, volatile.finished)
    if outcome.errors:
        name, why = next(iter(outcome.errors.items()))
        raise ClewError(
            f"{len(outcome.errors)} of {len(runs)} trainings failed ({len(outcome.skipped)} more wait for them); "
            f"the first, {name}: {why} Nothing finished is lost: the same command goes on."
        )
    return _gather(place, facts, old, runs, entries)


def _check_data(stores: Sequence[CropStore], settings: SearchSettings) -> list[dict[str, str]]:
    """What the ladder says of its data; raises ClewError when a split is unusable or a rewind step too late."""
    if not stores:
        raise ClewError("a search needs at least one crop store.")
    if len({store.name for store in stores}) < len(stores):
        raise ClewError("two of the stores have the same folder name: rename one.")
    for split in ("train", "val", "test"):
        samples = load_part(stores, split, settings.training.blend, settings.classes)
        if split == "train":
            steps = total_steps(settings.training, len(samples))
    rewind = Rewind.parse(settings.rewind)
    if rewind.step >= steps:
        raise ClewError(f"--rewind {settings.rewind}: a training has {steps} steps; rewind to an earlier one.")
    return [{"name": s.name, "hash": s.hash, "protocol": s.protocol} for s in stores]


def _check_folder(out: Path, settings: SearchSettings, data: list[dict[str, str]]) -> dict[str, Any]:
    """What the folder holds already of this search; raises ClewError when it holds another."""
    if not (out / LADDER).exists():
        if out.exists() and not out.is_dir():
            raise ClewError(f"{out} is a file, not a folder for a ladder: choose another --out.")
        strangers = sorted(p.name for p in out.iterdir() if p.name != LOCK) if out.is_dir() else []
        if strangers:
            raise ClewError(
                f"{out} exists and is not a ladder (it holds {', '.join(strangers[:3])}): choose another --out."
            )
        return {}
    old = read_facts(out)
    wanted, found = settings.as_dict(), _as_now(old["settings"])
    for key in ["detector", *wanted]:
        if key not in EXTENDABLE and found.get(key) != wanted[key]:
            raise ClewError(
                f"{out} is the ladder of another search: its {key} is {_short(found.get(key), wanted[key])}, "
                f"asked for is {_short(wanted[key], found.get(key))}. Choose another --out."
            )
    if settings.origin and found.get("origin") not in ({}, settings.origin):
        raise ClewError(f"{out} holds tickets of another ladder ({found['origin']['data']}): choose another --out.")
    if old["data"] != data:
        raise ClewError(f"{out} is a ladder on other data ({old['data'][0]['name']}): choose another --out.")
    return old


def _as_now(found: dict[str, Any]) -> dict[str, Any]:
    """A ladder's settings as this version writes them: what an earlier one did not know has its usual value."""
    try:
        return SearchSettings.from_dict(found).as_dict()
    except (TypeError, KeyError):
        return found


def _grown(settings: SearchSettings, old: dict[str, Any]) -> SearchSettings:
    """The settings with the methods and seeds that the ladder has already, in a fixed order."""
    have = old.get("settings", {"methods": [], "seeds": []})
    return replace(
        settings,
        methods=tuple(sorted({*settings.methods, *have["methods"]})),
        seeds=tuple(sorted({*settings.seeds, *have["seeds"]})),
        origin=settings.origin or have.get("origin", {}),
        moved_levels=settings.moved_levels or tuple(have.get("moved_levels", ())),
    )


def _short(value: Any, other: Any) -> str:
    """A value for an error message: of dictionaries only what differs."""
    if isinstance(value, dict) and isinstance(other, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items() if other.get(k) != v) or str(value)
    return str(value)


def _jobs(place: Place, settings: SearchSettings, runs: Sequence[Run], data: list[dict[str, str]]) -> list[Job]:
    stores = [open_store(path) for path in place.stores]
    size = total_steps(settings.training, len(load_part(stores, "train", settings.training.blend)))
    return [Job(run.id, do_run, (place, settings, run, data), run.after, size) for run in runs]


class _Volatile:
    """run.json: what differs from one time to the next, kept apart from the results."""

    def __init__(self, place: Place, settings: SearchSettings, reason: str) -> None:
        self.path = place.ladder / VOLATILE
        self.content: dict[str, Any] = {"seconds": {}}
        if self.path.exists():
            self.content.update(read_json(self.path))
        self.content["stores"] = [str(path) for path in place.stores]
        self.content["choices"] = {**settings.choices.as_dict(), "reason": reason}
        write_json(self.path, self.content)

    def finished(self, name: str, result: dict[str, float]) -> None:
        self.content["seconds"][name] = result["seconds"]
        write_json(self.path, self.content)


def _gather(
    place: Place, facts: dict[str, Any], old: dict[str, Any], runs: Sequence[Run], entries: Sequence[Entry]
) -> Ladder:
    """Joins what the runs left into scores.parquet and ladder.json; then the folder `unfinished` goes."""
    known = dict(old.get("runs", {}))
    known |= {run.id: run_facts(place, run.id) for run in runs if run.id not in known}
    scope, rewind = facts["settings"]["scope"], facts["settings"]["rewind"]
    rows = sorted(
        (_entry(entry, scope, rewind) for entry in entries),
        key=lambda r: (r["method"] != "dense", r["method"], r["controls"], r["level"], r["seed"]),
    )
    tables = [_scores_of(place, row) for row in rows]
    write_table(place.ladder / SCORES, pa.concat_tables(tables).combine_chunks())
    write_json(place.ladder / LADDER, {**facts, "complete": True, "runs": known, "entries": rows})
    shutil.rmtree(place.ladder / UNFINISHED, ignore_errors=True)
    return open_ladder(place.ladder)


def _entry(entry: Entry, scope: str, rewind: str) -> dict[str, Any]:
    shared = entry.method == "dense" and entry.level == 0
    return {
        "method": entry.method,
        "scope": "" if shared else scope,
        "rewind": "" if shared else rewind,
        "level": entry.level,
        "seed": entry.seed,
        "controls": entry.controls,
        "run": entry.run,
        "ticket": f"{TICKETS}/{entry.run}.safetensors",
    }


def _scores_of(place: Place, row: dict[str, Any]) -> pa.Table:
    """The rows of one entry: from its run's own table, or from the scores that the ladder has already."""
    part = place.part(row["run"], ".parquet")
    if part.exists():
        table = read_table(part)
    else:
        scores = read_table(place.ladder / SCORES, SCHEMA)
        same = scores.filter(pc.equal(scores["run"], row["run"]))
        first = same.slice(0, 1).to_pylist()[0]
        for key in ("method", "controls", "level"):
            same = same.filter(pc.equal(same[key], first[key]))
        table = same
    fixed = {key: row[key] for key in ("run", "seed", "method", "scope", "rewind", "level", "controls")}
    columns = [
        pa.array(np.full(table.num_rows, fixed[f.name]), f.type) if f.name in fixed else table[f.name].cast(f.type)
        for f in SCHEMA
    ]
    return pa.table(columns, schema=SCHEMA)
