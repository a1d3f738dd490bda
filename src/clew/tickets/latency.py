"""`clew bench` on a ladder: milliseconds of the tickets of its main method, kept in the ladder beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.base.errors import ClewError
from clew.base.files import read_json, write_json
from clew.base.hashing import hash_file
from clew.base.progress import SILENT, Progress
from clew.runtime.bench import Asked, measure
from clew.runtime.cache import Cache, usual_folder
from clew.runtime.machine import machine
from clew.runtime.opened import opened
from clew.tickets.benching import reference_of
from clew.tickets.ladder import VOLATILE, Ladder
from clew.tickets.latency_file import FORMAT, LATENCY, well_formed
from clew.tickets.runs import DENSE

if TYPE_CHECKING:
    from clew.tickets.form_scores import ScoredOn

FIRST = ("imp", "one-shot")  # of which method the headline is, as in `clew.tickets.table`


def bench_ladder(ladder: Ladder, asked: Asked | None = None, progress: Progress = SILENT) -> dict[str, Any]:
    """Measures the dense net and each level of the ladder's main method, the first seed's, and writes `latency.json`.

    It lies in the ladder and is written after every ticket; what it holds of the same ticket, machine and request is
    not measured again. Raises ClewError where a ticket has no inference graph, which those of earlier versions lack.
    """
    path, entries, asked = ladder.path / LATENCY, chosen(ladder), asked or Asked()
    _check_graphs(ladder, entries)
    begun = {"format": FORMAT, "machine": machine(), "asked": asked.as_dict(), "method": main_method(ladder)}
    found = _kept(path, begun, ladder, entries, progress)
    write_json(path, {**begun, "tickets": _ordered(entries, found)})  # where that fails, nothing was measured in vain
    with progress.task("tickets", len(entries)) as task:
        for entry in entries:
            if entry["run"] not in found:
                found[entry["run"]] = _measured(ladder, entry, asked, progress)
                write_json(path, {**begun, "tickets": _ordered(entries, found)})
            task.advance(1, entry["run"])
    return {**begun, "tickets": _ordered(entries, found)}


def _measured(ladder: Ladder, entry: Mapping[str, Any], asked: Asked, progress: Progress) -> dict[str, Any]:
    source = opened(ladder.path / entry["ticket"])
    found = measure(source, asked, reference_of(source), Cache(usual_folder()), False, progress)
    place = {key: entry[key] for key in ("run", "method", "level", "seed")}
    return {**place, **found, "ticket": {**found["ticket"], "path": entry["ticket"]}}


def ladder_form_scores(
    ladder: Ladder, on: ScoredOn, asked: Asked | None = None, progress: Progress = SILENT
) -> list[dict[str, Any]]:
    """The same tickets' AUC in each form on a store: {"run", "method", "level", "seed", **form_scores} of each.

    What was measured before of the same ticket, store and machine is not measured again.
    """
    from clew.tickets.form_scores import form_scores

    entries, found, asked = chosen(ladder), [], asked or Asked()
    _check_graphs(ladder, entries)
    with progress.task("scoring tickets in their forms", len(entries)) as task:
        for entry in entries:
            source = on.prepared(opened(ladder.path / entry["ticket"]))
            place = {key: entry[key] for key in ("run", "method", "level", "seed")}
            kept = Cache(usual_folder())
            found.append({**place, **form_scores(source, asked.names, on, max(asked.threads), kept, progress)})
            task.advance(1, entry["run"])
    return found


def _ordered(entries: Sequence[Mapping[str, Any]], found: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [found[entry["run"]] for entry in entries if entry["run"] in found]


def main_method(ladder: Ladder) -> str | None:
    """The method that the ladder's headline is about; None of dense nets alone."""
    methods = [e["method"] for e in ladder.facts["entries"] if not e["controls"] and e["method"] != DENSE]
    return next((name for name in FIRST if name in methods), methods[0] if methods else None)


def chosen(ladder: Ladder) -> list[dict[str, Any]]:
    """The entries to measure: dense, and every level of the main method, of the first seed, from the lowest."""
    method = main_method(ladder)
    entries = [
        e
        for e in ladder.facts["entries"]
        if not e["controls"] and (e["method"] == method or (e["method"] == DENSE and not e["level"]))
    ]
    seed = min((int(e["seed"]) for e in entries), default=0)
    own = (e for e in entries if int(e["seed"]) == seed)
    return sorted(own, key=lambda e: (e["method"] != DENSE, float(e["level"])))


def stores_of(ladder: Ladder) -> list[Path]:
    """Where the ladder's crop stores lay when it was made, of those that are still there."""
    path = ladder.path / VOLATILE
    found = read_json(path) if path.exists() else {}
    names = found.get("stores") if isinstance(found, dict) else None
    return [Path(name) for name in names or () if isinstance(name, str) and Path(name).is_dir()]


def _check_graphs(ladder: Ladder, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        path = ladder.path / entry["ticket"]
        header = opened(path).header
        if header.get("graph") is None and not header.get("graph_reason"):
            raise ClewError(
                f"{path} is of format {header['format']}, without an inference graph, as earlier versions wrote "
                f"tickets: in a copy of the ladder, put in the place of each what 'clew export {path} --format ticket "
                "--out NEW' writes, and bench the copy; or search again."
            )


def _kept(
    path: Path, begun: Mapping[str, Any], ladder: Ladder, entries: Sequence[Mapping[str, Any]], progress: Progress
) -> dict[str, dict[str, Any]]:
    """By run what was measured before of the same tickets, on this machine and as asked for now."""
    if not path.exists():
        return {}
    try:
        found = read_json(path)
    except ClewError:
        found = None
    if not well_formed(found):
        progress.say(f"{path} is damaged: all is measured again.")
        return {}
    other = [key for key, value in begun.items() if found.get(key) != value]
    if other:
        progress.say(f"{path} is of another {' and '.join(other)}: all is measured again.")
        return {}
    hashes = {entry["run"]: hash_file(ladder.path / entry["ticket"]) for entry in entries}
    return {one["run"]: one for one in found["tickets"] if hashes.get(one["run"]) == one["ticket"]["sha256"]}
