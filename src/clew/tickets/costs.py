"""What finding a ticket cost: training pictures and seconds of all that had to be trained before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clew.tickets.runs import DENSE, Rewind, dense_id

Runs = Mapping[str, Mapping[str, Any]]
BASIS = "imp"  # the method that searches are compared with


def needed(run: str, runs: Runs) -> list[str]:
    """A run and all that had to be trained before it."""
    found, waiting = [], [run]
    while waiting:
        name = waiting.pop()
        if name in runs and name not in found:
            found.append(name)
            waiting += [runs[name].get(key, "") for key in ("mask_from", "weights_from", "found_by")]
    return sorted(found)


def costs(facts: Mapping[str, Any], seconds: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    """What each run of a ladder cost, as it stands in run.json: its own training, and the search for its mask.

    `facts` is ladder.json, `seconds` by run. `search_pictures` and `search_seconds` are sums over all runs that it
    needs, without its own training; null where a part is not known: what a ticket brought along cost elsewhere.
    """
    found: dict[str, dict[str, float | None]] = {}
    for name, run in facts["runs"].items():
        searched = _total(_search(name, facts), seconds)
        found[name] = {
            "pictures": run["pictures"],
            "seconds": seconds.get(name),
            "search_pictures": search_pictures(name, facts),
            "search_seconds": None if searched is None else round(searched, 3),
        }
    return found


def search_pictures(run: str, facts: Mapping[str, Any]) -> int | None:
    """Training pictures of the search that a run needs, its own training left out; None where that is not known."""
    found = _total(_search(run, facts), {name: one["pictures"] for name, one in facts["runs"].items()})
    return None if found is None else round(found)


def _search(run: str, facts: Mapping[str, Any]) -> dict[str, float] | None:
    """The shares of other runs that a run needs; None where it needs another ladder's.

    That is all of each, but for the dense run: whoever does not need the whole needs its way to the rewind point.
    """
    runs = facts["runs"]
    names = needed(run, runs)
    if any(runs[name].get("origin") for name in names):
        return None
    shares = {name: 1.0 for name in names if name != run}
    dense = dense_id(runs[run]["seed"])
    steps = Rewind.parse(facts["settings"]["rewind"]).step
    if steps and dense not in names and dense in runs and any(_rewound(runs[name]) for name in names):
        shares[dense] = steps * _step_pictures(facts) / max(1, runs[dense]["pictures"])
    return shares


def _rewound(run: Mapping[str, Any]) -> bool:
    """Whether a run begins at the rewind point."""
    return run["method"] != DENSE and run.get("begins", "rewound") == "rewound"


def _step_pictures(facts: Mapping[str, Any]) -> int:
    training = facts["settings"]["training"]
    return int(training["batch_size"]) * int(training.get("accumulate", 1))


def _total(shares: Mapping[str, float] | None, amounts: Mapping[str, float]) -> float | None:
    """The sum of shares of amounts by run; None where one is not known."""
    if shares is None or any(name not in amounts for name in shares):
        return None
    return sum(share * amounts[name] for name, share in shares.items())


def search_rows(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the search for each level of each method cost, over the seeds, beside that for IMP's same level.

    [{"method", "level", "seeds", "pictures", "search_pictures", "of_imp"}]: sums of training pictures; `of_imp` the
    share of IMP's search, null without it. Controls and levels whose search is not known are left out.
    """
    places: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for entry in facts["entries"]:
        if not entry["controls"] and entry["method"] != DENSE:
            places.setdefault((entry["method"], entry["level"]), []).append(entry)
    rows = []
    for (method, level), entries in sorted(places.items()):
        found = _sum(search_pictures(entry["run"], facts) for entry in entries)
        if found is None:
            continue
        basis = _basis(places.get((BASIS, level), []), entries, facts)
        rows.append(
            {
                "method": method,
                "level": level,
                "seeds": len(entries),
                "pictures": sum(facts["runs"][entry["run"]]["pictures"] for entry in entries),
                "search_pictures": found,
                "of_imp": found / basis if basis else None,
            }
        )
    return rows


def _basis(imp: Iterable[Mapping[str, Any]], entries: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]) -> int:
    """The pictures of IMP's search over the seeds of some entries; 0 where one has no such search."""
    by_seed = {entry["seed"]: entry["run"] for entry in imp}
    seeds = [entry["seed"] for entry in entries]
    if any(seed not in by_seed for seed in seeds):
        return 0
    return _sum(search_pictures(by_seed[seed], facts) for seed in seeds) or 0


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum; None where one is not known."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
