"""What the explanations show, in plain words made from the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.explain.means import claimed
from clew.tickets.verdict import MINIMUM_SEEDS, count, percent

ALIKE, UNLIKE = 0.8, 0.5  # Spearman's rank correlation with the dense heatmap: alike from, elsewhere below
Net = Mapping[str, Any]


def headline(found: Mapping[str, Any]) -> str:
    """A few sentences on the shown level (the dense nets alone where there are no tickets)."""
    dense, name = found["dense"], found["ladder"]["detector"]
    level = shown_net(found)
    if level is None:
        told = [aimed(dense, f"The dense {name}"), believed([dense]), faithful([dense])]
    else:
        told = [kept(level), aimed(level, "It", dense), believed([dense, level]), faithful([level])]
    return " ".join(text for text in told if text)


def findings(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each net and each question that the numbers answer."""
    levels = list(found["levels"])
    lines = [kept(one, found["between_seeds"]) for one in levels]
    lines += [
        aimed(one, _at(one), None if one is found["dense"] else found["dense"]) for one in (found["dense"], *levels)
    ]
    lines += [believed([found["dense"], *levels]), faithful([found["dense"], *levels]), leaning(found)]
    lines += apart(found["clues"])
    return [line for line in lines if line]


def shown_net(found: Mapping[str, Any]) -> Net | None:
    """The level that the headline is about."""
    return next((one for one in found["levels"] if one["level"] == found["shown_level"]), None)


def kept(level: Net, between: Mapping[str, Any] | None = None) -> str:
    """Whether a level looks where its dense reference looks; `between` tells how alike dense nets of two seeds are."""
    rank, overlap = level["focus"].get("spearman"), level["focus"].get("top_overlap")
    where = f"At {percent(level['level'])} the ticket"
    if rank is None:
        return f"{where} cannot be compared with the dense network: a heatmap of each picture is empty."
    told = [f"Spearman {short(rank)}"]
    told += [f"overlap (IoU) of the brightest fifths {short(overlap)}"] if overlap else []
    told += (
        [f"two dense networks of other seeds: {short(between['spearman'])}"]
        if between and between.get("spearman")
        else []
    )
    return f"{where} {_looks(rank)}: {', '.join(told)}."


def _looks(rank: Mapping[str, Any]) -> str:
    ends = claimed(rank)
    if ends is None:
        return f"was compared with the dense network on {_few(rank)} to tell where it looks"
    low, high = ends
    if low >= ALIKE:
        return "looks where the dense network looks"
    if high < UNLIKE:
        return "looks elsewhere than the dense network"
    return (
        "looks partly where the dense network looks"
        if low >= UNLIKE
        else "is not shown to look where the dense network looks"
    )


def _few(found: Mapping[str, Any]) -> str:
    return "too few seeds" if found["n"] < MINIMUM_SEEDS else "too few test clusters"


def aimed(net: Net, who: str, dense: Net | None = None) -> str:
    """How much of the heat lies inside the forged region, beside the region's area; "" where no region is known."""
    region = net["region"]
    inside, area = (region or {}).get("energy_inside"), (region or {}).get("area_share")
    if not inside or inside["value"] is None or not area or area["value"] is None:
        return ""
    share, room = inside["value"], f"{100 * area['value']['mean']:.0f} %"
    other = dense["region"]["energy_inside"]["value"] if dense else None
    against = f" ({_share(other)} for the dense network)" if other else ""
    told = f"{who} keeps {_share(share)} of its heat inside the forged region{against}, whose area is {room}"
    return f"{told}: {_beside(net['region_gain'])}."


def _beside(minus_area: Mapping[str, Any] | None) -> str:
    ends = claimed(minus_area)
    if minus_area is None or ends is None:
        return f"on {_few(minus_area) if minus_area else 'too few pictures'} to tell more"
    if ends[0] > 0:
        return "more than by chance"
    return "less than by chance" if ends[1] < 0 else "not shown to be more than by chance"


def believed(nets: Sequence[Net]) -> str:
    """Which nets fail the sanity check, or that none does; "" where it was not made."""
    checked = [one for one in nets if one["trust"]]
    if not checked:
        return ""
    failing = [f"{_name(one)} ({_failing(one)})" for one in checked if not one["trust"]["sanity"]["passed"]]
    if failing:
        which = f"The heatmaps of {_listed(failing)} fail the sanity check"
        return f"{which}: they are not shown to depend on what was learned."
    return "The heatmaps pass the sanity check with randomised weights."


def _failing(net: Net) -> str:
    seeds = net["trust"]["sanity"]["seeds"]
    return f"{sum(not one['passed'] for one in seeds)} of {count(len(seeds), 'seed')}"


def faithful(nets: Sequence[Net]) -> str:
    """Which nets' heatmaps find the pixels that decide better than a random order; "" where it was not measured."""
    measured = [one for one in nets if one["trust"]]
    if not measured:
        return ""
    told = []
    for name, verb in (("deletion", "removing"), ("insertion", "showing")):
        gains = [(one, one["trust"][f"{name}_gain"]) for one in measured]
        better = [_name(one) for one, gain in gains if (ends := claimed(gain)) and ends[0] > 0]
        if len(better) == len(measured) > 1:
            better = ["all of these networks"]
        if better:
            told.append(f"{verb} pixels in the heatmaps' order works better than a random order for {_listed(better)}")
    if not told:
        return "The heatmaps are not shown to find the pixels that decide better than a random order does."
    text = ", ".join(told)
    return f"{text[0].upper()}{text[1:]}."


def leaning(found: Mapping[str, Any]) -> str:
    """Whether pruned nets are shown to lean more on high frequencies."""
    bands = found["bands"]
    levels = [] if bands is None else [one for one in bands["levels"] if one["leans"]]
    if not levels:
        return ""
    more = [percent(one["level"]) for one in levels if one["leans"] == "more"]
    less = [percent(one["level"]) for one in levels if one["leans"] == "less"]
    told = [f"more at {_listed(more)}"] if more else []
    told += [f"less at {_listed(less)}"] if less else []
    if not told:
        return "Tickets are not shown to lean more on high frequencies than the dense network at any level."
    which = "high frequencies (above an eighth of a cycle per pixel)"
    return f"Tickets lean on {which} {' and '.join(told)} than the dense network."


def apart(clues: Mapping[str, Any] | None) -> list[str]:
    """How far the blocks of each net see different clues; nothing of a network without blocks."""
    if clues is None:
        return []
    lines = []
    for one in clues["levels"]:
        which = "the dense network" if one["level"] == 0 else f"the ticket at {percent(one['level'])}"
        overlap, cka = one["mean"]["overlap"], one["mean"]["cka"]
        told = [f"heatmaps overlap (IoU of the brightest fifths) {short(overlap)}, by chance {clues['by_chance']:.2f}"]
        ends = claimed(overlap)
        told[0] += ": more than by chance" if ends and ends[0] > clues["by_chance"] else ""
        told += [f"features are alike (CKA) {short(cka)}"] if cka else []
        lines.append(f"The {clues['blocks']} blocks of {which}: {'; '.join(told)}.")
    return lines


def short(found: Mapping[str, Any]) -> str:
    """An interval in two decimals: 0.83 [0.80, 0.86], 3 seeds, 200 pictures."""
    limits = "no interval" if found["low"] is None else f"{found['low']:.2f}, {found['high']:.2f}"
    return f"{found['mean']:.2f} [{limits}]"


def _share(found: Mapping[str, Any]) -> str:
    limits = "no interval" if found["low"] is None else f"{100 * found['low']:.0f}, {100 * found['high']:.0f}"
    return f"{100 * found['mean']:.0f} % [{limits}]"


def _name(net: Net) -> str:
    return "the dense network" if net["level"] == 0 else f"the tickets at {percent(net['level'])}"


def _at(net: Net) -> str:
    return "The dense network" if net["level"] == 0 else f"The ticket at {percent(net['level'])}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
