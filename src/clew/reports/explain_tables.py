"""The tables of an explanation: facial parts, trust, surviving filters, accuracy by method, flipped verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.explain.means import claimed
from clew.reports.words import NONE, limits, number, percent, spoken, whole

Result = Mapping[str, Any]
Figure = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """A share as a bar: how long it is (0 to 1, of the table's longest), the share, its limits, all of it in words."""

    length: float
    text: str
    limits: str
    told: str


@dataclass(frozen=True)
class Cell:
    """A number with its limits; `kind` is good, fails or empty."""

    text: str
    limits: str = ""
    told: str = ""
    kind: str = ""


def level_heads(result: Result) -> list[str]:
    """Dense, and the levels, as the heads of columns."""
    return ["dense", *(percent(one["level"]) for one in result["levels"])]


def part_rows(result: Result) -> list[tuple[str, list[Bar]]]:
    """A line for each facial part: the share of the heat in it, dense and at each level."""
    nets = [result["dense"], *result["levels"]]
    names = list(nets[0]["parts"])
    longest = max((net["parts"][name]["mean"] for net in nets for name in names if net["parts"][name]), default=1.0)
    return [(name, [_bar(name, net["parts"][name], longest) for net in nets]) for name in names]


def _bar(name: str, found: Figure | None, longest: float) -> Bar:
    if found is None:
        return Bar(0.0, NONE, "", f"{name}: no heat in any picture")
    ends = "" if found["low"] is None else f"{percent(found['low'], 0)} to {percent(found['high'], 0)}"
    return Bar(round(found["mean"] / max(longest, 1e-9), 3), percent(found["mean"], 0), ends, f"{name} {spoken(found)}")


def trust_rows(result: Result) -> list[tuple[str, str, list[Cell]]]:
    """A line for each net: its name, whether it passes the sanity check (good, fails), and its numbers."""
    nets = [one for one in (result["dense"], *result["levels"]) if one["trust"]]
    return [(_name(one), "good" if one["trust"]["sanity"]["passed"] else "fails", _trust_cells(one)) for one in nets]


def _trust_cells(net: Mapping[str, Any]) -> list[Cell]:
    checks = net["trust"]["sanity"]["seeds"]
    passed = sum(one["passed"] for one in checks)
    kind = "good" if passed == len(checks) else "fails"
    word = "passes" if kind == "good" else "fails"
    first = Cell(word, f"{passed} of {len(checks)} seeds", f"sanity check: {passed} of {len(checks)} seeds pass", kind)
    names = ("deletion", "deletion_gain", "insertion", "insertion_gain", "infidelity", "sensitivity")
    return [first, *(_cell(net["trust"][name], 3, name.endswith("gain")) for name in names), _cell(net["empty"], 2)]


def _name(net: Mapping[str, Any]) -> str:
    return "dense" if net["level"] == 0 else percent(net["level"])


def _cell(found: Figure | None, digits: int = 3, signed: bool = False, kind: str = "") -> Cell:
    if found is None:
        return Cell(NONE, "", "cannot be had here")
    return Cell(number(found["mean"], digits, signed), limits(found, signed), spoken(found, signed), kind)


def filter_rows(result: Result) -> dict[str, Any] | None:
    """Living filters by layer and level, and the share of high frequencies in them; None where there is no level."""
    found = result["filters"]
    if found is None:
        return None
    nets = [found["dense"], *found["levels"]]
    rows = []
    for at, layer in enumerate(found["layers"]):
        cells = [_living(net["layers"][at], layer["filters"]) for net in nets]
        rows.append((layer["name"], whole(layer["filters"]), cells))
    high = [_high(net["all"]) for net in nets]
    chosen = [None if net["all"] is None else net["all"].get("kept_minus_by_lot") for net in nets]
    return {
        "heads": level_heads(result),
        "rows": rows,
        "high": high if any(one.text != NONE for one in high) else None,
        "chosen": [_cell(one, 3, True) for one in chosen],
        "flat": percent(found["flat"], 0),
    }


def _living(layer: Mapping[str, Any], count: int) -> Cell:
    found, inputs = layer["living"], layer["inputs"]
    if found is None:
        return Cell(NONE)
    told = f"{spoken(found)}; inputs kept by a living filter: {spoken(inputs) if inputs else NONE}"
    return Cell(
        number(found["mean"], 0 if float(found["mean"]).is_integer() else 1), "", told, f"{found['mean'] / count:.3f}"
    )


def _high(frequencies: Mapping[str, Any] | None) -> Cell:
    return _cell(None if frequencies is None else frequencies["high"])


def accuracy_rows(result: Result) -> dict[str, Any] | None:
    """Accuracy by manipulation method: a line for each, dense and the difference at each level."""
    flips = result["flips"]
    if flips is None or not flips["levels"]:
        return None
    levels = sorted(flips["levels"], key=lambda one: one["level"])
    rows = []
    for at, group in enumerate(levels[0]["groups"]):
        found = [one["groups"][at] for one in levels]
        cells = [_cell(one["minus_dense"], 3, True, _kind(one["minus_dense"], one["clusters"])) for one in found]
        rows.append((group["name"], whole(group["rows"]), _cell(group["dense"]), cells))
    return {
        "unit": flips["unit"],
        "whole": flips["whole"],
        "heads": [percent(one["level"]) for one in levels],
        "rows": rows,
        "forgotten": [one["text"] for one in flips["forgotten"]],
    }


def _kind(found: Figure | None, clusters: int) -> str:
    ends = claimed({**found, "clusters": clusters}) if found else None
    return "fails" if ends and ends[1] < 0 else ""


def flip_lists(result: Result) -> list[dict[str, Any]]:
    """For the shown level: the pictures whose verdict flips, lost and gained."""
    flips = result["flips"]
    level = next((one for one in flips["levels"] if one["level"] == result["shown_level"]), None) if flips else None
    if level is None:
        return []
    titles = {"lost": "Dense is right, the ticket is wrong", "gained": "Dense is wrong, the ticket is right"}
    return [
        {
            "title": title,
            "level": percent(level["level"]),
            "count": whole(level["flips"]["counts"][name]),
            "rows": [_flip(one) for one in level["flips"][name]],
        }
        for name, title in titles.items()
    ]


def _flip(one: Mapping[str, Any]) -> Sequence[str]:
    seeds = f"{one['seeds']} of {one['n']}"
    return (str(one["sample"]), str(one["forgery"]), seeds, number(one["dense"], 2), number(one["ticket"], 2))
