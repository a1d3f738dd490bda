"""What a method is: the runs it needs, and the mask of each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from clew.base.registry import Registry
from clew.tickets.importance import score
from clew.tickets.masks import Mask, Weights, prune_least
from clew.tickets.runs import Entry, Rewind, Run
from clew.training.pruning import Pruning
from clew.training.settling import Settling


@dataclass(frozen=True)
class Source:
    """What a method may look at to find the mask of a run.

    `values` and `mask` are those of the run that it comes from, or of the rewind point, where nothing is pruned
    but what a run that finds took away; `uses` the multiply-adds per picture of a weight of each tensor; `module`
    builds the network with the weights that the run begins with, on the CPU; `examples` gives so many images
    (N, 3, H, W) in [0, 1] of the training split, as many of each class, and their targets (N,).
    """

    run: Run
    scope: str
    score: str
    values: Weights
    mask: Mask
    uses: Mapping[str, int]
    input_size: int
    module: Callable[[], nn.Module]
    examples: Callable[[int], tuple[Tensor, Tensor]]

    def pruned(self, scores: Weights | None = None) -> Mask:
        """The mask at the run's level by `scores`; without any, by the values and the search's own score."""
        found = score(self.score, self.values, self.uses) if scores is None else scores
        return prune_least(found, self.mask, self.run.level, self.scope)


class Method:
    """A way to find masks, or (with `control`) masks to compare them with.

    `chained`: each level comes from the level before it. `needs_rewind`: it is meant for weights that are rewound.
    `rewinds`: its tickets begin with their mask; False where the mask is found while they train. `moves`: it brings
    the tickets of another ladder along.
    """

    name: str
    control = False
    chained = False
    needs_rewind = False
    rewinds = True
    moves = False

    @property
    def mask_of(self) -> str:
        """What its masks are told apart by: methods of one name have the same masks, with other weights."""
        return self.name

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """The runs and the entries of one seed; `tickets`: the entries that a control is for."""
        raise NotImplementedError

    def mask(self, source: Source) -> Mask:
        """The mask that a run begins with."""
        raise NotImplementedError

    def pruning(self, source: Source, first: int, steps: int) -> Pruning | None:
        """What is pruned while a run trains from step `first` to the end of a budget of `steps`; None for nothing."""
        return None

    def settling(self, source: Source, per_epoch: int, steps: int) -> Settling | None:
        """What ends a run that finds a mask before its budget of `steps` does; an epoch has `per_epoch`."""
        return None


methods: Registry[Method] = Registry("method")
