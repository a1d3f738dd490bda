"""Whether pruning costs robustness, in plain words that follow from the intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clew.tickets.evaluation.losses import HELD, MORE
from clew.tickets.verdict import percent

MOST_NAMED = 3
Net = Mapping[str, Any]


def findings(dense: Net, levels: Sequence[Net], margin: float) -> list[dict[str, Any]]:
    """A finding for each method of the NETS of a store (see `ladder_robustness`), in the order of the methods.

    {"method", "up_to", "average", "single", "attack"}: `up_to` is the highest level of an unbroken run, from the
    lowest, of levels that lose no more than dense on average over all corruptions, null for none (levels are tested in
    a fixed order, so that no correction is due); the others are sentences, `attack` "" without one.
    """
    return [
        _finding(dense, [one for one in levels if one["method"] == method], margin)
        for method in dict.fromkeys(one["method"] for one in levels)
    ]


def headline(stores: Sequence[Mapping[str, Any]]) -> str:
    """What was found on the first method of each store, imp where there is one: on average, and under attack."""
    told = [_first(store) for store in stores]
    if len(stores) == 1:
        return told[0]
    return " ".join(f"On {store['name']}: {text}" for store, text in zip(stores, told, strict=True))


def _first(store: Mapping[str, Any]) -> str:
    finding = min(store["findings"], key=lambda one: one["method"] != "imp")
    last = [one for one in store["levels"] if one["method"] == finding["method"]][-1]
    cost = None if last["attack"] is None else last["attack"]["levels"][0]
    if cost is None or cost["verdict"] not in (MORE, *HELD):
        return str(finding["average"])
    lost = "more" if cost["verdict"] == MORE else "no more"
    attack = f"Under a gradient attack of {cost['level']:g}/255 those of {_at(last)} lose {lost} ({more(cost)})."
    return f"{finding['average']} {attack}"


def _finding(dense: Net, levels: Sequence[Net], margin: float) -> dict[str, Any]:
    best = up_to([one["mean"]["verdict"] for one in levels])
    return {
        "method": levels[0]["method"],
        "up_to": None if best is None else levels[best]["level"],
        "average": " ".join(part for part in (_on_average(levels, best, margin), _starts(levels)) if part),
        "single": _single(levels),
        "attack": "" if dense["attack"] is None else _attack(dense["attack"], levels[-1]),
    }


def up_to(verdicts: Sequence[str]) -> int | None:
    """The last place of the unbroken run from the first of verdicts that hold; None where the first does not."""
    held = [verdict in HELD for verdict in [*verdicts, ""]]
    return held.index(False) - 1 if held[0] else None


def _on_average(levels: Sequence[Net], best: int | None, margin: float) -> str:
    """What the mean of all corruptions shows: how far no more is lost, and what comes after that."""
    count, which = sum(len(one["levels"]) for one in levels[0]["corruptions"]), f"{levels[0]['method']} tickets"
    rest = levels[0 if best is None else best + 1 :]
    worse = next((one for one in rest if one["mean"]["verdict"] == MORE), None)
    if best is not None:
        told = f"{which} {_kept(levels[best], best == 0, margin)}"
        if worse is not None:
            told += f"; at {_at(worse)} they lose more ({_why(worse)})"
        elif rest:
            told += f"; at {_at(rest[0])} nothing is shown ({_why(rest[0])})"
    elif worse is not None:
        told = f"{which} at {_at(worse)} sparsity lose more AUC than dense nets ({_why(worse)})"
    else:
        told = f"nothing is shown of {which} at {_at(rest[0])} sparsity ({_why(rest[0])})"
    return f"Averaged over {count} corruptions, {told}."


def _why(one: Net) -> str:
    return f"{more(one['mean'])}: {one['mean']['reason']}"


def _kept(one: Net, first: bool, margin: float) -> str:
    which = f"at {_at(one)}" if first else f"of up to {_at(one)}"
    ends = more(one["mean"]) if first else f"at {_at(one)}: {more(one['mean'])}"
    return f"{which} sparsity lose no more AUC than dense nets, within the margin of {margin:g} ({ends})"


def _starts(levels: Sequence[Net]) -> str:
    """What must be kept in mind of tickets that are worse than dense on pictures left alone."""
    lower = [one for one in levels if _below(one["clean"]["minus_dense"])]
    if not lower:
        return ""
    named = ", ".join(f"{_at(one)}: {_interval(one['clean']['minus_dense'], signed=True)}" for one in lower)
    return f"On pictures left alone some start below dense, and so have less to lose ({named})."


def _below(found: Mapping[str, Any]) -> bool:
    return found["high"] is not None and found["high"] < 0


def _single(levels: Sequence[Net]) -> str:
    """What the single corruptions show, those under which tickets lose more by name, the worst first."""
    every = [(name, one, cost) for one in levels for name, cost in _each(one)]
    worse = [found for found in every if found[2]["verdict"] == MORE]
    held = sum(cost["verdict"] in HELD for _, _, cost in every)
    rest = len(every) - held - len(worse)
    told = (
        f"Of {len(every)} comparisons under one corruption each, {held or 'none'} show no more loss than dense, "
        f"{len(worse) or 'none'} more, {rest or 'none'} neither."
    )
    if not worse:
        return told
    worse.sort(key=lambda found: -found[2]["lost_more"]["mean"])
    named = ", ".join(f"{name} at {_at(one)} ({more(cost)})" for name, one, cost in worse[:MOST_NAMED])
    others = f" and {len(worse) - MOST_NAMED} others" if len(worse) > MOST_NAMED else ""
    return f"{told} More: {named}{others}; one in twenty may be so by chance."


def _each(one: Net) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every single corruption of a net, named as jpeg 50."""
    return ((f"{c['name']} {cost['level']:g}", cost) for c in one["corruptions"] for cost in c["levels"])


def _attack(dense: Mapping[str, Any], last: Net) -> str:
    """What the mildest budget of the attack leaves of dense, and of the sparsest level."""
    first, found = dense["levels"][0], last["attack"]["levels"][0]
    return (
        f"A gradient attack of {first['level']:g}/255 takes dense nets from AUC {_interval(dense['clean']['auc'])} to "
        f"{_interval(first['auc'])}, tickets of {_at(last)} from {_interval(last['attack']['clean']['auc'])} to "
        f"{_interval(found['auc'])}: lost more {more(found)}, {found['verdict']} ({found['reason']})."
    )


def more(found: Mapping[str, Any]) -> str:
    """What is lost more than by dense: +0.041 [+0.020, +0.062]."""
    return _interval(found["lost_more"], signed=True)


def _interval(found: Mapping[str, Any], signed: bool = False) -> str:
    form = "+.3f" if signed else ".3f"
    if found["low"] is None:
        return f"{found['mean']:{form}}, interval unknown"
    return f"{found['mean']:{form}} [{found['low']:{form}}, {found['high']:{form}}]"


def _at(one: Net) -> str:
    return percent(one["level"])
