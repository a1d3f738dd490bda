"""Gradual pruning (Zhu & Gupta, "To prune, or not to prune", 2017): ever more weights go while the network trains."""

from __future__ import annotations

from clew.tickets.importance import score
from clew.tickets.masks import Mask, Weights, prune_least
from clew.tickets.methods.at_start import AtStart
from clew.tickets.methods.base import Source, methods
from clew.training.pruning import Pruning

PRUNINGS = 30
SHARE = 0.6  # of the budget, from its begin: the rest is for the net that is left


def cubic(target: float, first: int, steps: int) -> dict[int, float]:
    """The sparsity from each step that prunes: target (1 - (1 - t)^3), t the share of the way (equation 1)."""
    length = max(1, round(SHARE * (steps - first)) - 1)
    count = min(PRUNINGS, length)
    places = [(first + round(length * number / count), number / count) for number in range(1, count + 1)]
    return {step: target * (1 - (1 - way) ** 3) for step, way in places}


class Gradual(AtStart):
    """One run per level, in the dense net's budget; its weights are not rewound when the mask is found."""

    name = "gradual"
    rewinds = False

    def mask(self, source: Source) -> Mask:
        """Nothing is pruned at first."""
        return source.mask

    def pruning(self, source: Source, first: int, steps: int) -> Pruning:
        """The cubic schedule up to the run's level."""

        def prune(weights: Weights, mask: Mask, target: float) -> Mask:
            return prune_least(score(source.score, weights, source.uses), mask, target, source.scope)

        return Pruning(cubic(source.run.level, first, steps), prune)


methods.register("gradual")(Gradual())
