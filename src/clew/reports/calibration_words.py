"""Temperatures, calibration errors and operating points in plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from clew.reports.words import SPACE, counted, number, percent, whole
from clew.training.calibration import Calibration
from clew.training.operating import EXACT, SURE, OperatingPoint


def temperatures(found: Sequence[Calibration]) -> str:
    """The temperatures of several networks, and what they mean."""
    values = [one.temperature for one in found]
    means = "the networks were too sure of themselves" if min(values) > 1 else "the networks were not sure enough"
    if min(values) <= 1 <= max(values):
        means = "above 1 a network was too sure of itself, below 1 not sure enough"
    told = span(values, of=lambda value: number(value, 2))
    return f"Dividing the logits by a temperature of {told} fits validation best: {means}."


def errors(found: Sequence[Calibration]) -> str:
    """The calibration errors of several networks, before and after."""
    before, after = span([one.ece_before for one in found]), span([one.ece_after for one in found])
    return (
        f"The expected calibration error of the probability of fake was {before} as trained and is {after} calibrated, "
        f"over {counted(len(found), 'seed')}; that is on the very pictures that the temperature was fitted to, and "
        "others may show more."
    )


def rates(points: Sequence[OperatingPoint], unit: str) -> str:
    """What the thresholds of several networks come to on validation."""
    asked, high = points[0].asked, max(point.fpr_high for point in points)
    fpr, tpr = (span([getattr(point, name) for point in points], of=percent) for name in ("fpr", "tpr"))
    return (
        f"The threshold is the lowest at which at most {percent(asked)} of validation's real {unit}s are called fake: "
        f"{fpr} of them are, and {tpr} of the fake ones. {reals(points[0], unit)}, and the true rate of false alarms "
        f"may be as high as {percent(high)} (upper 95{SPACE}% limit)."
    )


def reals(point: OperatingPoint, unit: str) -> str:
    """How many reals there are, and as how many they count."""
    there = f"There {'is' if point.reals == 1 else 'are'} {counted(point.reals, f'real {unit}')}"
    if point.effective > point.reals - 0.05:
        return there
    return f"{there}, which count as {f'{point.effective:,.1f}'.removesuffix('.0')} independent ones"


def unresolved(point: OperatingPoint, unit: str) -> str:
    """Why reals so few cannot tell the rate that was asked for; the empty string where they can."""
    if point.resolved:
        return ""
    least = whole(math.ceil(1 / point.asked - EXACT))
    best = 1 - (1 - SURE) ** (1 / point.effective)  # the limit of Clopper and Pearson for no false alarm
    return (
        f"{reals(point, unit)}: a rate of {percent(point.asked)} cannot be told. That takes {least} or more; even if "
        f"none of these were called fake, the true rate might be as high as {percent(best)}."
    )


def at_bound(seeds: Sequence[int]) -> str:
    """What it means that a limit set the temperature of these seeds; the empty string for none."""
    if not seeds:
        return ""
    return (
        f"Seed{'' if len(seeds) == 1 else 's'} {', '.join(str(seed) for seed in seeds)}: a limit set the temperature. "
        "Validation holds too few pictures or mistakes to tell how sure the network may be."
    )


def span(values: Sequence[float], of: Callable[[float], str] = number) -> str:
    """The least and the highest value, or the one that both are when written."""
    low, high = of(min(values)), of(max(values))
    return low if low == high else f"{low} to {high}"
