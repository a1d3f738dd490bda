"""Which parts of a network keep their weights, by level: the blocks and heads that the network names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

OTHER = "other layers"


def parts_table(facts: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any] | None:
    """The share of living weights of every part at every level, for JSON; None where the network names no parts.

    `facts` is ladder.json, `names` what `part_names` gave. {"names", "weights": how many each part has, "tensors":
    {tensor: part}, "levels": [{"method", "target", "n", "kept": [{"mean", "min", "max", "seeds"}]}]}, the parts in the
    network's order; `kept` are shares over n seeds, `seeds` those of each one. Controls, which have the layer densities
    of the tickets that they control, are left out.
    """
    runs = facts["runs"]
    order = next((list(run["order"]) for run in runs.values()), [])
    parts = {tensor: part_of(tensor, names) for tensor in order}
    if not names or not parts:
        return None
    known = [*dict.fromkeys(names.values()), OTHER]
    present = [name for name in known if name in parts.values()]
    first = next(iter(runs.values()))["layers"]
    return {
        "names": present,
        "weights": [sum(first[tensor][1] for tensor in order if parts[tensor] == name) for name in present],
        "tensors": parts,
        "levels": [
            {"method": method, "target": level, "n": len(some), "kept": _kept(some, parts, present)}
            for (method, level), some in _groups(facts).items()
        ],
    }


def part_of(tensor: str, names: Mapping[str, str]) -> str:
    """The part that a tensor belongs to: that of the longest module name its own begins with, else OTHER."""
    pieces = tensor.split(".")
    for length in range(len(pieces) - 1, 0, -1):
        found = names.get(".".join(pieces[:length]))
        if found is not None:
            return found
    return OTHER


def _groups(facts: Mapping[str, Any]) -> dict[tuple[str, float], list[Mapping[str, Any]]]:
    """The layers of the tickets of each method and level, by seed."""
    found: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for entry in sorted(facts["entries"], key=lambda one: (one["method"], one["level"], one["seed"])):
        if entry["method"] != "dense" and not entry["controls"]:
            place = (str(entry["method"]), float(entry["level"]))
            found.setdefault(place, []).append(facts["runs"][entry["run"]]["layers"])
    return found


def _kept(seeds: list[Mapping[str, Any]], parts: Mapping[str, str], names: list[str]) -> list[dict[str, Any]]:
    """For each part the mean, least and greatest share of its weights that live."""
    found = []
    for name in names:
        own = [tensor for tensor, part in parts.items() if part == name]
        counts = [np.sum([layers[tensor] for tensor in own], axis=0) for layers in seeds]
        shares = [float(living / total) for living, total in counts]
        found.append({"mean": float(np.mean(shares)), "min": min(shares), "max": max(shares), "seeds": shares})
    return found
