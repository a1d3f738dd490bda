"""The search for tickets: plan, train what is missing, gather. Killed at any moment, it goes on where it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor, usable_cores
from clew.base.files import read_json, strangers, sweep_temporaries, write_json
from clew.base.hashing import hash_file
from clew.base.jobs import Executor, Job
from clew.base.progress import SILENT, Progress
from clew.datasets.index import read_table, write_table
from clew.datasets.store import CropStore, open_store
from clew.tickets.adopt import scores_of_run
from clew.tickets.costs import costs
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
    place = Place(
        out.resolve(),
        tuple(path.resolve() for path in stores),
        weights and weights.resolve(),
        board,
        origin and origin.resolve(),
    )
    with begun(place, settings, reason) as found:
        jobs = found.jobs()
        outcome = (executor or local_executor(settings.choices)).run(jobs, "searching", progress, found.finished)
        if outcome.errors:
            name, why = next(iter(outcome.errors.items()))
            raise ClewError(
                f"{len(outcome.errors)} of {len(found.runs)} trainings failed ({len(outcome.skipped)} more wait for "
                f"them); the first, {name}: {why} Nothing finished is lost: the same command goes on."
            )
        return found.ladder()


@contextmanager
def begun(place: Place, settings: SearchSettings, reason: str) -> Iterator[Begun]:
    """A search whose ladder is this process's alone until the block ends; raises ClewError as `search` does."""
    settings, data, old = check(place.stores, settings, place.ladder, place.weights)
    place.ladder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place.ladder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ClewError(
            f"{place.ladder}: another search is at work in this ladder; wait for it or choose another --out."
        ) from None
    with lock:
        old = _check_folder(place.ladder, settings, data)  # another search may have finished since
        yield Begun(place, settings, data, old, reason)


class Begun:
    """A search under way: what it still has to train, and what becomes of it."""

    def __init__(
        self, place: Place, settings: SearchSettings, data: list[dict[str, str]], old: dict[str, Any], reason: str
    ) -> None:
        self.place, self.settings, self.data, self.old = place, settings, data, old
        self.runs, self.entries = plan(settings)
        self.facts = {"format": FORMAT, "complete": False, "settings": settings.as_dict(), "data": data}
        self.done = bool(old.get("complete")) and old["settings"] == self.facts["settings"]
        sweep_temporaries(place.ladder)
        if self.done:
            shutil.rmtree(place.ladder / UNFINISHED, ignore_errors=True)
            return
        held = {"runs": old.get("runs", {}), "entries": old.get("entries", [])}
        write_json(place.ladder / LADDER, {**self.facts, **held})
        self.volatile = _Volatile(place, settings, reason)

    def missing(self) -> list[Run]:
        """The runs that nobody has finished yet, each after those that it needs."""
        have = set(self.old.get("runs", {}))
        return [] if self.done else [r for r in self.runs if r.id not in have and not is_whole(self.place, r.id)]

    def jobs(self) -> list[Job]:
        """What is to be trained."""
        return _jobs(self.place, self.settings, self.missing(), self.data)

    def finished(self, name: str, result: dict[str, float]) -> None:
        """Notes what a run has cost."""
        self.volatile.finished(name, result)

    def ladder(self) -> Ladder:
        """The finished ladder; all runs must be done."""
        if self.done:
            return open_ladder(self.place.ladder)
        return _gather(self.place, self.facts, self.old, self.runs, self.entries, self.volatile)


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


def _check_data(stores: Sequence[CropStore], settings: SearchSettings) -> list[dict[str, str]]:
    """What the ladder says of its data; raises ClewError when a split is unusable or a rewind step too late."""
    if not stores:
        raise ClewError("a search needs at least one crop store.")
    if len({store.name for store in stores}) < len(stores):
        raise ClewError("two of the stores have the same folder name: rename one.")
    for split in ("train", "val", "test"):
        samples = load_part(stores, split, settings.training.blend, settings.classes, settings.fakes)
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
        if others := strangers(out, [LOCK]):
            raise ClewError(
                f"{out} exists and is not a ladder (it holds {', '.join(others[:3])}): choose another --out."
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
        moved_levels=_moved_levels(settings, have),
    )


def _moved_levels(asked: SearchSettings, have: dict[str, Any]) -> tuple[float, ...]:
    """The levels at which tickets are brought along: those that the ladder has, and those asked for; none: all."""
    before = tuple(have.get("moved_levels", ()))
    if not (asked.origin and have.get("origin")):
        return asked.moved_levels if asked.origin else before
    return tuple(sorted({*before, *asked.moved_levels})) if before and asked.moved_levels else ()


def _short(value: Any, other: Any) -> str:
    """A value for an error message: of dictionaries only what differs."""
    if isinstance(value, dict) and isinstance(other, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items() if other.get(k) != v) or str(value)
    return str(value)


def _jobs(place: Place, settings: SearchSettings, runs: Sequence[Run], data: list[dict[str, str]]) -> list[Job]:
    stores = [open_store(path) for path in place.stores]
    train = load_part(stores, "train", settings.training.blend, fakes=settings.fakes)
    size = total_steps(settings.training, len(train))
    cores = settings.choices.threads * settings.choices.devices
    return [Job(run.id, do_run, (place, settings, run, data), run.after, size, cores) for run in runs]


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

    def costs(self, facts: dict[str, Any]) -> None:
        """Adds what each run cost, and the search that it needed."""
        self.content["cost"] = costs(facts, self.content["seconds"])
        write_json(self.path, self.content)


def _gather(
    place: Place,
    facts: dict[str, Any],
    old: dict[str, Any],
    runs: Sequence[Run],
    entries: Sequence[Entry],
    volatile: _Volatile,
) -> Ladder:
    """Joins what the runs left into scores.parquet and ladder.json; then the folder `unfinished` goes."""
    known = dict(old.get("runs", {}))
    known |= {run.id: run_facts(place, run.id) for run in runs if run.id not in known}
    volatile.costs({**facts, "runs": known})
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
    table = read_table(part) if part.exists() else scores_of_run(place.ladder, row["run"])
    fixed = {key: row[key] for key in ("run", "seed", "method", "scope", "rewind", "level", "controls")}
    columns = [
        pa.array(np.full(table.num_rows, fixed[f.name]), f.type) if f.name in fixed else table[f.name].cast(f.type)
        for f in SCHEMA
    ]
    return pa.table(columns, schema=SCHEMA)
