"""Ladders that differ in scope, rewind or score alone, held against each other under the same resamples."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.tickets.estimates import Cell, Figures, Measured, measure
from clew.tickets.ladder import Ladder
from clew.tickets.settings import SearchSettings
from clew.tickets.verdict import MINIMUM_CLUSTERS, MINIMUM_SEEDS
from clew.training.intervals import Interval
from clew.training.metrics import Array

DIFFER = ("scope", "rewind", "score")
AGREE = ("detector", "training", "start", "classes", "fakes", "seeds")
FIGURES = ("auc", "accuracy")
_DENSE = Cell("dense", "", "", "", 0.0)


@dataclass(frozen=True)
class _Side:
    """One of the ladders: what it is called, what tells its rows apart, its settings and its test scores."""

    name: str
    key: str
    ladder: Ladder
    settings: SearchSettings
    scores: pa.Table

    def cell(self, place: Cell) -> Cell:
        """Where a place of the comparison lies among the joined scores."""
        return replace(place, scope=self.key)


def compare(ladders: Sequence[Ladder], resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """For each method and level that two of the ladders share, what one has more than the other, for JSON.

    The ladders are of the same data, detector, training, start and seeds, and differ in scope, rewind or score; their
    dense nets must then be the same bit for bit, and are. All runs are measured on the test split under the same
    R = `resamples` bootstrap resamples, drawn by `seed`, so that differences are paired by seed and by resample.

    {"ladders": [{"name", "scope", "rewind", "score"}], "differ", "seeds", "clusters", "dense": {"auc", "accuracy"},
    "levels": [{"method", "controls", "target", "figures": {NAME: {"auc", "accuracy"}}, "differences": [{"one",
    "other", "auc", "accuracy", "better"}]}]}; `auc` and `accuracy` are intervals, of differences one minus other, or
    null where both are the very same run; `better` names the one whose AUC is shown to be higher (the whole interval
    on one side of 0, with 3 seeds and 40 clusters), else null. Raises ClewError that says what does not fit.
    """
    sides = _sides(ladders)
    for other in sides[1:]:
        _check_same_dense(sides[0], other)
    measured = measure(_joined(sides), None, resamples, np.random.default_rng(seed))
    places = sorted({_place(cell) for cell in measured.cells if cell.method != _DENSE.method}, key=_order)
    levels = [_level(place, sides, measured) for place in places]
    dense = measured.cells[_DENSE]
    return {
        "ladders": [{"name": side.name, **_differing(side.settings)} for side in sides],
        "differ": [key for key in DIFFER if len({getattr(side.settings, key) for side in sides}) > 1],
        "seeds": len(dense.auc.seeds),
        "clusters": measured.clusters,
        "dense": _absolute(dense, measured.clusters),
        "levels": [level for level in levels if level["differences"]],
    }


def _sides(ladders: Sequence[Ladder]) -> list[_Side]:
    """The ladders, checked to fit together, each named by what it does not share with all others."""
    if len(ladders) < 2:
        raise ClewError(f"expected two ladders or more to compare; found {len(ladders)}.")
    settings = [_settings(ladder) for ladder in ladders]
    for ladder, own in zip(ladders[1:], settings[1:], strict=True):
        _check_same_search(ladders[0], settings[0], ladder, own)
    keys = [key for key in DIFFER if len({getattr(one, key) for one in settings}) > 1]
    names = [", ".join(str(getattr(one, key)) for key in keys) for one in settings]
    for one, other in itertools.combinations(range(len(names)), 2):
        if names[one] == names[other]:
            raise ClewError(
                f"{ladders[one].path} and {ladders[other].path} have the same {', '.join(DIFFER[:-1])} and "
                f"{DIFFER[-1]}: compare ladders that differ in one of them."
            )
    parts = zip(names, ladders, settings, strict=True)
    return [_Side(name, f"{at}: {name}", ladder, own, _test(ladder)) for at, (name, ladder, own) in enumerate(parts)]


def _settings(ladder: Ladder) -> SearchSettings:
    """A ladder's settings, those of an earlier version with what it did not know."""
    try:
        return SearchSettings.from_dict(ladder.settings)
    except (TypeError, KeyError):
        raise ClewError(f"{ladder.path}: its settings are not whole. Search again in another folder.") from None


def _differing(settings: SearchSettings) -> dict[str, str]:
    return {key: str(getattr(settings, key)) for key in DIFFER}


def _check_same_search(first: Ladder, settings: SearchSettings, other: Ladder, own: SearchSettings) -> None:
    """Raises ClewError unless two ladders share all that makes their tickets comparable."""
    nothing: dict[str, str] = {}
    for one, two in itertools.zip_longest(first.facts["data"], other.facts["data"], fillvalue=nothing):
        if one.get("hash") != two.get("hash"):
            raise ClewError(
                f"{other.path} is of other data than {first.path} ({two.get('name', 'none')}, hash "
                f"{str(two.get('hash'))[:8]}, not {one.get('name', 'none')}, {str(one.get('hash'))[:8]}): "
                "compare ladders of the same crop stores."
            )
    mine, theirs = settings.as_dict(), own.as_dict()
    for key in AGREE:
        if mine.get(key) != theirs.get(key):
            raise ClewError(
                f"{other.path} is of another search than {first.path}: its {key} is {_short(theirs[key], mine[key])}, "
                f"not {_short(mine[key], theirs[key])}. Ladders that are compared may differ in "
                f"{', '.join(DIFFER[:-1])} or {DIFFER[-1]} alone."
            )


def _short(value: Any, other: Any) -> str:
    """A value for an error message: of dictionaries only what differs."""
    if isinstance(value, dict) and isinstance(other, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items() if other.get(key) != one) or str(value)
    return str(value)


def _test(ladder: Ladder) -> pa.Table:
    scores = ladder.joined_scores()
    return scores.filter(pc.equal(scores["split"], "test"))


def _check_same_dense(first: _Side, other: _Side) -> None:
    """Raises ClewError unless the dense nets of two ladders gave the same logits, bit for bit."""
    mine, theirs = _logits(first, _DENSE), _logits(other, _DENSE)
    if not mine or mine.keys() != theirs.keys():
        raise ClewError(f"{other.ladder.path} has not the dense nets that {first.ladder.path} has. Search again.")
    if any(mine[run][0] != theirs[run][0] for run in mine):
        raise ClewError(f"{other.ladder.path} scores other test samples than {first.ladder.path}: compare like data.")
    for run in mine:
        if not np.array_equal(mine[run][1], theirs[run][1]):
            raise ClewError(
                f"the dense net of seed {run} is not the same in {first.ladder.path} and {other.ladder.path}, though "
                "their settings agree: they were trained with other choices, versions or kinds of processor. Make "
                "both on one machine."
            )


def _logits(side: _Side, place: Cell) -> dict[int, tuple[list[str], Array]]:
    """By seed, the samples in order and the logits (N, K) of one place of one ladder."""
    rows = side.scores
    for column, value in (("method", place.method), ("controls", place.controls)):
        rows = rows.filter(pc.equal(rows[column], value))
    rows = rows.filter(np.isclose(rows["level"].to_numpy(), place.level, rtol=0, atol=1e-6))
    rows = rows.sort_by("sample")
    found = {}
    for seed in pc.unique(rows["seed"]).to_pylist():
        own = rows.filter(pc.equal(rows["seed"], seed))
        values = pc.list_flatten(own["logits"]).to_numpy().reshape(len(own), -1)
        found[int(seed)] = (own["sample"].to_pylist(), values)
    return found


def _joined(sides: Sequence[_Side]) -> pa.Table:
    """All rows in one table: the dense nets once, the rest told apart by the ladder in place of the scope.

    The scores do not say what weights were ranked by, so their own columns would not tell such ladders apart.
    """
    tables = []
    for at, side in enumerate(sides):
        rows = side.scores
        shared = pc.and_(pc.equal(rows["method"], _DENSE.method), pc.equal(rows["level"], 0.0))
        own = rows.filter(pc.invert(shared))
        own = _with(own, scope=side.key, rewind="")
        tables += [rows.filter(shared), own] if at == 0 else [own]
    return _with(pa.concat_tables(tables), store="")  # the same data, whatever its folder is called


def _with(rows: pa.Table, **values: str) -> pa.Table:
    """Rows with one value in each of some columns."""
    for column, value in values.items():
        at = rows.schema.get_field_index(column)
        rows = rows.set_column(at, rows.schema.field(column), pa.array([value] * len(rows), pa.string()))
    return rows


def _place(cell: Cell) -> Cell:
    """A cell without its ladder."""
    return replace(cell, scope="", rewind="")


def _order(place: Cell) -> tuple[Any, ...]:
    return (bool(place.controls), place.method, place.controls, place.level)


def _level(place: Cell, sides: Sequence[_Side], measured: Measured) -> dict[str, Any]:
    """One method and level: its figures in each ladder that has it, and the differences between each two."""
    here = [side for side in sides if side.cell(place) in measured.cells]
    figures = {side.name: measured.cells[side.cell(place)] for side in here}
    return {
        "method": place.method,
        "controls": place.controls or None,
        "target": place.level,
        "figures": {name: _absolute(found, measured.clusters) for name, found in figures.items()},
        "differences": [
            _difference(one, other, place, figures, measured.clusters) for one, other in itertools.combinations(here, 2)
        ],
    }


def _absolute(figures: Figures, clusters: int) -> dict[str, Any]:
    return {name: getattr(figures, name).interval(clusters).within().as_dict() for name in FIGURES}


def _difference(one: _Side, other: _Side, place: Cell, figures: Mapping[str, Figures], clusters: int) -> dict[str, Any]:
    """What one ladder has more than the other, paired by seed; nothing where both scored the very same."""
    names = {"one": one.name, "other": other.name}
    if _same_run(one, other, place):
        return {**names, **dict.fromkeys(FIGURES), "better": None}
    pairs = {key: (getattr(figures[one.name], key), getattr(figures[other.name], key)) for key in FIGURES}
    changes = {key: mine.minus(theirs) for key, (mine, theirs) in pairs.items()}
    told = {key: None if change is None else change.interval(clusters).within(-1.0) for key, change in changes.items()}
    better = _better(one, other, told["auc"], clusters)
    return {**names, **{key: found and found.as_dict() for key, found in told.items()}, "better": better}


def _same_run(one: _Side, other: _Side, place: Cell) -> bool:
    """Whether a method made the same of both, such as one that has a score of its own where the scores differ."""
    mine, theirs = _logits(one, place), _logits(other, place)
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[run][1], theirs[run][1]) for run in mine)


def _better(one: _Side, other: _Side, change: Interval | None, clusters: int) -> str | None:
    if change is None or change.low is None or change.high is None:
        return None
    if change.n < MINIMUM_SEEDS or clusters < MINIMUM_CLUSTERS:
        return None
    return one.name if change.low > 0 else other.name if change.high < 0 else None
