"""The transfer matrix: where tickets were found against where they were trained and tested, from a set of ladders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.tickets.estimates import Cell, Measured, measure
from clew.tickets.ladder import Ladder, open_ladder
from clew.tickets.methods.moved import OWNERS, WEIGHTS, moved_name
from clew.tickets.origin import joined, place_name, warnings
from clew.tickets.runs import DENSE, Rewind
from clew.tickets.settings import SearchSettings
from clew.tickets.verdict import judge
from clew.training.intervals import Interval

FORMAT, RESAMPLES = 1, 2000
ZERO_SHOT, RANDOM = "zero-shot", "random"
ALIKE = ("detector", "scope", "score", "rewind", "training")  # of all ladders of a matrix


@dataclass(frozen=True, order=True)
class Place:
    """Data that tickets are found or trained on: stores by name and hash, and the methods that it is confined to."""

    data: str
    hash: str
    fakes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name for people: `ff-c23/Deepfakes`."""
        return place_name(self.data, self.fakes)


Pair = tuple[Place, Place]  # where found, where trained


def transfer_matrix(
    ladders: Sequence[Ladder | Path | str], level: float | None = None, progress: Progress = SILENT
) -> dict[str, Any]:
    """Rows: where tickets were found; columns: where they were trained and tested; on the diagonal the own tickets.

    `ladders` are those of single searches and of transfers between them, of one detector, searched and trained alike;
    `level` is the target sparsity that a picture shows (None: the highest at which every transfer has tickets).
    Raises ClewError for ladders that do not fit together, two for one cell, an origin of which no ladder is given,
    and an unknown level. An INTERVAL is {"mean", "low", "high", "n"}, 90 %, over n seeds:

        format, detector, scope, rewind, level, levels: [float], warnings: [text]
        places: [{name, data: [{name, hash, protocol}], fakes: [name]}], the order of rows and columns
        cells: [{found, trained, own: bool, ladder, clusters, margin, dense: INTERVAL, tickets: [TICKET]}]

    TICKET: {method, of, level, sparsity, auc: INTERVAL, minus_own, minus_dense, minus_random: INTERVAL or null,
    verdict, reason}: `method` is imp or one-shot (`of` the same) on the diagonal, elsewhere moved-imp,
    moved-imp-trained, moved-imp-fresh, ... or zero-shot, of imp, one-shot or dense.
    """
    opened = [one if isinstance(one, Ladder) else open_ladder(one) for one in ladders]
    _check_alike(opened)
    by_pair = _by_pair(opened)
    with progress.task("measuring", len(set(map(id, by_pair.values())))) as task:
        measured: dict[int, Measured] = {}
        for ladder in by_pair.values():
            if id(ladder) not in measured:
                measured[id(ladder)] = measure(_rows(ladder), None, RESAMPLES, np.random.default_rng(0))
                task.advance(1, ladder.path.name)
    cells = [_cell(pair, ladder, measured[id(ladder)]) for pair, ladder in by_pair.items()]
    places = _places(by_pair, opened)
    order = [place["name"] for place in places]
    cells.sort(key=lambda cell: (order.index(cell["found"]), order.index(cell["trained"])))
    shown, levels = _levels(cells, level)
    settings = opened[0].settings
    return {
        "format": FORMAT,
        "detector": settings["detector"]["name"],
        "scope": settings["scope"],
        "rewind": settings["rewind"],
        "level": shown,
        "levels": levels,
        "warnings": list(dict.fromkeys(text for ladder in opened for text in warnings(ladder))),
        "places": places,
        "cells": cells,
    }


def _check_alike(ladders: Sequence[Ladder]) -> None:
    """Raises ClewError unless all ladders are rewound ones of one detector, searched and trained alike."""
    if not ladders:
        raise ClewError("a matrix needs ladders: those of single searches, and of transfers between them.")
    first = ladders[0]
    for ladder in ladders:
        for key in ALIKE:
            here, there = (SearchSettings.read(one.settings, one.path).as_dict()[key] for one in (ladder, first))
            if here != there:
                raise ClewError(
                    f"{ladder.path} and {first.path} are not of one search: their {key} differs "
                    f"({_short(here, there)}; {_short(there, here)}): leave one of them out."
                )
    if Rewind.parse(first.settings["rewind"]).goes_on:
        raise ClewError(f"{first.path}: its tickets are not rewound ({first.settings['rewind']}) and do not move.")


def _short(value: Any, other: Any) -> str:
    """A setting for an error message: of a dictionary what differs."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return ", ".join(f"{key} {value[key]}" for key in value if other.get(key) != value[key]) or "less"
    return str(value)


def _by_pair(ladders: Sequence[Ladder]) -> dict[Pair, Ladder]:
    """The ladder of each cell; the diagonal is of a search alone where there is one."""
    found: dict[Pair, Ladder] = {}
    for ladder in ladders:
        here, origin = _here(ladder), _origin(ladder)
        pair = (origin or here, here)
        if pair in found:
            raise ClewError(
                f"{found[pair].path} and {ladder.path} both hold the tickets found on {pair[0].name} and trained on "
                f"{here.name}: give one of them."
            )
        found[pair] = ladder
    trained = {here: ladder for (_, here), ladder in found.items()}
    for origin, here in list(found):
        if origin not in trained:
            known = ", ".join(sorted(place.name for place in trained))
            raise ClewError(
                f"{found[origin, here].path} brings tickets of {origin.name}, whose own ladder is not among those "
                f"given (they are of {known}): give it too."
            )
    own = {(here, here): ladder for here, ladder in trained.items() if (here, here) not in found}
    return {**found, **own}


def _here(ladder: Ladder) -> Place:
    data = ladder.facts["data"]
    return Place(joined(data, "name"), joined(data, "hash"), tuple(ladder.settings.get("fakes") or ()))


def _origin(ladder: Ladder) -> Place | None:
    origin = ladder.settings.get("origin") or {}
    return Place(origin["data"], origin["hash"], tuple(origin.get("fakes") or ())) if origin else None


def _places(by_pair: Mapping[Pair, Ladder], ladders: Sequence[Ladder]) -> list[dict[str, Any]]:
    """The places in the order of their ladders; raises ClewError where two have one name."""
    order = list(dict.fromkeys(_here(ladder) for ladder in sorted(ladders, key=lambda one: _origin(one) is not None)))
    found = []
    for place in order:
        twin = next((one for one in order if one.name == place.name and one != place), None)
        if twin:
            raise ClewError(f"two stores are called {place.name} and hold other data: rename one, and search again.")
        data = by_pair[place, place].facts["data"]
        kept = [{key: one[key] for key in ("name", "hash", "protocol")} for one in data]
        found.append({"name": place.name, "data": kept, "fakes": list(place.fakes)})
    return found


def _rows(ladder: Ladder) -> pa.Table:
    """The scores that a matrix is made of: dense, own and moved tickets, their random controls."""
    moved = [moved_name(owner, kind) for owner in OWNERS for kind in WEIGHTS]
    scores = ladder.joined_scores()
    return scores.filter(pc.is_in(scores["method"], value_set=pa.array([DENSE, RANDOM, ZERO_SHOT, *OWNERS, *moved])))


def _cell(pair: Pair, ladder: Ladder, measured: Measured) -> dict[str, Any]:
    found, trained = pair
    own = found == trained
    dense = measured.cells[Cell(DENSE, "", "", "", 0.0)].auc
    told = (_ticket(cell, ladder, measured) for cell in _tickets(measured, own))
    return {
        "found": found.name,
        "trained": trained.name,
        "own": own,
        "ladder": ladder.path.resolve().name,
        "clusters": measured.clusters,
        "margin": ladder.settings["margin"],
        "dense": dense.interval(measured.clusters).within().as_dict(),
        "tickets": sorted(told, key=lambda one: (one["of"], one["method"], one["level"])),
    }


def _tickets(measured: Measured, own: bool) -> Iterator[Cell]:
    """The cells of the tickets of the place itself, or of those brought along."""
    for cell in measured.cells:
        moved = cell.method.startswith("moved-") or cell.method == ZERO_SHOT
        if cell.method in OWNERS if own else moved:
            yield cell


def _ticket(cell: Cell, ladder: Ladder, measured: Measured) -> dict[str, Any]:
    """One kind of ticket at one level against dense, random and the ticket found where it was trained."""
    settings, clusters = ladder.settings, measured.clusters
    auc, dense = measured.cells[cell].auc, measured.cells[Cell(DENSE, "", "", "", 0.0)].auc
    random = measured.cells.get(Cell(RANDOM, cell.scope, cell.rewind, cell.method, cell.level))
    rewind, margin = settings["rewind"], settings["margin"]
    verdict = judge(auc, dense, None if random is None else random.auc, margin, clusters, rewind, cell.method)
    untrained, of = cell.method == ZERO_SHOT, _of(cell)
    own = None if cell.method in OWNERS else measured.cells.get(Cell(of, cell.scope, cell.rewind, "", cell.level))
    difference = None if own is None else auc.minus(own.auc)
    return {
        "method": cell.method,
        "of": of,
        "level": cell.level,
        "sparsity": _sparsity(cell, ladder),
        "auc": auc.interval(clusters).within().as_dict(),
        "minus_own": _told(None if difference is None else difference.interval(clusters)),
        "minus_dense": _told(verdict.minus_dense),
        "minus_random": _told(verdict.minus_random),
        "verdict": None if untrained else verdict.verdict,
        "reason": "Not trained there: not judged." if untrained else verdict.reason,
    }


def _of(cell: Cell) -> str:
    """The method that found a ticket, or dense."""
    if cell.method == ZERO_SHOT:
        return cell.controls
    names = {moved_name(owner, kind): owner for owner in OWNERS for kind in WEIGHTS}
    return names.get(cell.method, cell.method)


def _sparsity(cell: Cell, ladder: Ladder) -> float:
    runs = [
        ladder.facts["runs"][entry["run"]]
        for entry in ladder.facts["entries"]
        if (entry["method"], entry["controls"], round(entry["level"], 6)) == (cell.method, cell.controls, cell.level)
    ]
    return float(np.mean([run["sparsity"] for run in runs]))


def _told(interval: Interval | None) -> dict[str, float | int | None] | None:
    return None if interval is None else interval.within(-1.0).as_dict()


def _levels(cells: Sequence[Mapping[str, Any]], asked: float | None) -> tuple[float, list[float]]:
    """The level that a picture shows, and all that there are."""
    moved = [cell for cell in cells if not cell["own"]] or list(cells)
    each = [{ticket["level"] for ticket in cell["tickets"] if ticket["level"]} for cell in moved]
    levels = sorted(set().union(*each))
    if not levels:
        raise ClewError("the ladders given hold no tickets of imp or one-shot: search for some first.")
    if asked is None:
        return max(set.intersection(*each), default=levels[-1]), levels
    near = [one for one in levels if abs(one - asked) < 1e-6]
    if not near:
        raise ClewError(f"--level {asked:g}: no tickets there. There are: {', '.join(f'{one:g}' for one in levels)}.")
    return near[0], levels
