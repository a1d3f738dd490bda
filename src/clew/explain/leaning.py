"""The verdict on the claim that pruned nets lean on high frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.tickets.verdict import MINIMUM_CLUSTERS, MINIMUM_SEEDS

MORE, LESS, NOT_SHOWN, UNDECIDED = "more", "less", "not shown", "undecided"


def leaning(difference: Mapping[str, Any] | None, clusters: int) -> tuple[str, str]:
    """Whether a level leans more on high frequencies than dense, by the interval of its reliance less dense's; why."""
    if difference is None:
        return UNDECIDED, "a net does not react to any ring"
    if difference["n"] < MINIMUM_SEEDS:
        return UNDECIDED, f"too few seeds: {difference['n']}, and this needs {MINIMUM_SEEDS}"
    if clusters < MINIMUM_CLUSTERS or difference["low"] is None:
        return UNDECIDED, f"too few test clusters: {clusters}, and this needs {MINIMUM_CLUSTERS}"
    if difference["low"] > 0:
        return MORE, "the whole interval lies above 0"
    if difference["high"] < 0:
        return LESS, "the whole interval lies below 0"
    return NOT_SHOWN, "the interval holds 0"
