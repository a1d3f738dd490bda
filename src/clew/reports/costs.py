"""What each level cost to find, counted in trainings, epochs and pictures: never in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from clew.reports.words import NONE, exactly, kilobytes, large, method_name, percent, whole
from clew.tickets.costs import needed, search_pictures, search_rows
from clew.tickets.ladder import Ladder

FLOAT_BYTES = 4
_FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class Cost:
    """One row: a level of a method; counts are sums over its seeds."""

    name: str
    sparsity: str
    epochs: str
    pictures: str
    cumulative: str
    trainings: str
    search: str
    of_imp: str
    macs: str
    file: str
    shared: str


@dataclass(frozen=True)
class Costs:
    """All rows, and the totals, in which every training counts once."""

    rows: list[Cost]
    trainings: str
    epochs: str
    pictures: str
    seeds: int


Place = tuple[str, str, float]


def costs(ladder: Ladder) -> Costs:
    """The costs of a ladder's entries, dense first."""
    runs = ladder.facts["runs"]
    places: dict[Place, list[Mapping[str, Any]]] = {}
    for entry in ladder.facts["entries"]:
        places.setdefault((entry["method"], entry["controls"], entry["level"]), []).append(entry)
    first: dict[str, Place] = {}
    of_imp = {(row["method"], "", row["level"]): row["of_imp"] for row in search_rows(ladder.facts)}
    rows = []
    for place in sorted(places, key=_order):
        rows.append(_cost(ladder, place, places[place], first, of_imp.get(place)))
        for entry in places[place]:
            first.setdefault(entry["run"], place)
    used = [runs[name] for name in sorted({n for e in ladder.facts["entries"] for n in needed(e["run"], runs)})]
    return Costs(
        rows,
        whole(len(used)),
        whole(sum(len(run["history"]) for run in used)),
        whole(sum(run["pictures"] for run in used)),
        len({entry["seed"] for entry in ladder.facts["entries"]}),
    )


def _order(place: Place) -> tuple[Any, ...]:
    method, owner, level = place
    return (method != "dense", bool(owner) and method != "dense", method, owner, level)


def _cost(
    ladder: Ladder,
    place: Place,
    entries: Sequence[Mapping[str, Any]],
    first: Mapping[str, Place],
    of_imp: float | None,
) -> Cost:
    runs = ladder.facts["runs"]
    method, owner, level = place
    own = [runs[entry["run"]] for entry in entries]
    behind = [needed(entry["run"], runs) for entry in entries]
    shared = next((first[entry["run"]] for entry in entries if entry["run"] in first), None)
    size = mean(sizes_of(ladder, entries))
    searches = [search_pictures(entry["run"], ladder.facts) for entry in entries]
    known = [pictures for pictures in searches if pictures is not None]
    return Cost(
        f"Dense, trained on (for {method_name(owner)})"
        if method == "dense" and owner
        else method_name(method, owner or None),
        exactly(sum(run["sparsity"] for run in own) / len(own)) if level and method != "dense" else exactly(0.0),
        span(len(run["history"]) for run in own),
        whole(sum(run["pictures"] for run in own)),
        whole(sum(runs[name]["pictures"] for names in behind for name in names)),
        whole(sum(len(names) for names in behind)),
        whole(sum(known)) if len(known) == len(searches) else NONE,
        NONE if of_imp is None else percent(of_imp, 0),
        large(sum(run["macs"] * (1 - run["macs_sparsity"]) for run in own) / len(own)),
        kilobytes(size),
        "" if shared is None else f"the same trainings as {method_name(shared[0], shared[1] or None)}, counted once",
    )


def span(values: Iterable[int]) -> str:
    """`12`, or `10 to 14` where they differ."""
    ordered = sorted(values)
    return whole(ordered[0]) if ordered[0] == ordered[-1] else f"{whole(ordered[0])} to {whole(ordered[-1])}"


def mean(values: Sequence[float]) -> float | None:
    """The mean, None of nothing."""
    return sum(values) / len(values) if values else None


def sizes_of(ladder: Ladder, entries: Iterable[Mapping[str, Any]]) -> list[float]:
    """The bytes of the entries' ticket files, of those that are there."""
    paths = [_ticket(ladder, entry) for entry in entries]
    return [float(path.stat().st_size) for path in paths if path.is_file()]


def _ticket(ladder: Ladder, entry: Mapping[str, Any]) -> Path:
    return ladder.path / "tickets" / Path(str(entry["ticket"])).name


def dense_bytes(ladder: Ladder) -> int | None:
    """The dense net's state as fp32: 4 bytes for each of its floating-point numbers; None without its ticket."""
    entry = next((e for e in ladder.facts["entries"] if e["method"] == "dense" and e["level"] == 0), None)
    if entry is None:
        return None
    try:
        with safe_open(_ticket(ladder, entry), "numpy") as file:
            parts = [file.get_slice(name) for name in file.keys() if name.startswith("rest/")]  # noqa: SIM118
            rest = sum(prod(part.get_shape()) for part in parts if part.get_dtype() in _FLOATS)
    except (OSError, SafetensorError):
        return None
    return FLOAT_BYTES * (int(ladder.facts["runs"][entry["run"]]["prunable"]) + rest)
