"""Numbers in words: one way to write each kind of number on every page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
NONE = "\N{EN DASH}"

_METHODS = {
    "dense": "Dense",
    "imp": "IMP",
    "early-bird": "Early-bird",
    "one-shot": "One-shot",
    "gradual": "Gradual",
    "snip": "SNIP",
    "grasp": "GraSP",
    "synflow": "SynFlow",
    "random": "Random",
    "shuffled": "Shuffled",
    "reinit": "Reinitialised",
    "moved-imp": "IMP, moved",
    "moved-imp-trained": "IMP, moved trained",
    "moved-imp-fresh": "IMP, moved fresh",
    "moved-one-shot": "One-shot, moved",
    "moved-one-shot-trained": "One-shot, moved trained",
    "moved-one-shot-fresh": "One-shot, moved fresh",
    "zero-shot": "Zero-shot",
}


def number(value: float | None, digits: int = 3, signed: bool = False) -> str:
    """`0.812`, or signed `+0.004` and `\N{MINUS SIGN}0.010`; never a negative zero."""
    if value is None:
        return NONE
    rounded = round(value, digits) + 0.0
    return f"{rounded:{'+' if signed else ''}.{digits}f}".replace("-", MINUS)


def limits(interval: Mapping[str, Any], signed: bool = False) -> str:
    """The ends of an interval, `[0.79, 0.85]`, or that there is none."""
    if interval["low"] is None or interval["high"] is None:
        return "[no interval]"
    return f"[{number(interval['low'], signed=signed)}, {number(interval['high'], signed=signed)}]"


def spoken(interval: Mapping[str, Any], signed: bool = False) -> str:
    """An interval as a sentence's part: `0.812, 90 % interval 0.790 to 0.835, 3 seeds`."""
    mean, seeds = number(interval["mean"], signed=signed), counted(interval["n"], "seed")
    if interval["low"] is None or interval["high"] is None:
        return f"{mean}, interval unknown, {seeds}"
    low, high = (number(interval[end], signed=signed) for end in ("low", "high"))
    return f"{mean}, 90{SPACE}% interval {low} to {high}, {seeds}"


def percent(share: float, digits: int = 1) -> str:
    """A share with at most so many decimals: `80 %`, `48.8 %`."""
    text = f"{100 * share:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + f"{SPACE}%"


def exactly(share: float) -> str:
    """A share to a hundredth of a percent: `79.03 %`."""
    return f"{100 * share:.2f}{SPACE}%"


def whole(value: float) -> str:
    """A count with thousands apart: `300,304`."""
    return f"{value:,.0f}"


def counted(value: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{whole(value)}{SPACE}{noun}" + ("" if value == 1 else "s")


def averaged(seeds: int) -> str:
    """`mean over 3 seeds`, or `1 seed`, which needs no mean."""
    told = counted(seeds, "seed")
    return f"mean over {told}" if seeds > 1 else told


def kilobytes(size: float | None) -> str:
    """Bytes as kilobytes of 1000: `289.5 kB`."""
    return NONE if size is None else f"{size / 1000:,.1f}{SPACE}kB"


def large(value: float) -> str:
    """A large count shortened: `4.79 M`."""
    for limit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{SPACE}{letter}"
    return f"{value:.0f}"


def method_name(method: str, controls: str | None = None) -> str:
    """A method as people write it; a control with the method that it belongs to."""
    name = _METHODS.get(method, method)
    return f"{name} (for {method_name(controls)})" if controls else name
