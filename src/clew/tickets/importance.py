"""What makes a weight worth keeping, from its value and the work it does: one function per `--score`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from clew.base.errors import unknown_name
from clew.tickets.masks import Weights

Score = Callable[[Weights, Mapping[str, int]], Weights]


def magnitude(weights: Weights, uses: Mapping[str, int]) -> Weights:
    """|w| (Han et al. 2015)."""
    return {name: np.abs(values) for name, values in weights.items()}


def magnitude_per_mac(weights: Weights, uses: Mapping[str, int]) -> Weights:
    """|w| / sqrt(u), u the multiply-adds per picture that the weight takes part in: it ranks as w^2 / u does.

    Removing the weights of least w^2 per multiply-add frees the most work for the least change of the weights (the
    greedy rule of the knapsack). |w| / u itself empties the first layers, whose weights are used most.
    """
    return {name: np.abs(values) / np.sqrt(max(1, uses[name])) for name, values in weights.items()}


SCORES: dict[str, Score] = {"magnitude": magnitude, "magnitude-per-mac": magnitude_per_mac}


def score(name: str, weights: Weights, uses: Mapping[str, int]) -> Weights:
    """The scores by the name that `--score` takes; raises ClewError for an unknown one."""
    if name not in SCORES:
        raise unknown_name("--score", name, SCORES)
    return SCORES[name](weights, uses)
