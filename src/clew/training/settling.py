"""Training until the mask that pruning now would give has settled.

You et al., "Drawing early-bird tickets: towards more efficient training of deep networks", ICLR 2020.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clew.training.pruning import Mask, Weights, weights_of
from clew.training.weights import State

SEEN, FOUND = "seen-", "settled"  # their parts of a checkpoint


@dataclass(frozen=True)
class Settling:
    """From step `after` on, every `every` steps the mask to come is drawn; when it has settled, the training ends.

    `prune` takes the weights, the mask that the training began with and the sparsity `target`, and gives the mask that
    pruning now would give. It has settled when it lies within `threshold` (`distance`) of each of the `memory` masks
    before it.
    """

    prune: Callable[[Weights, Mask, float], Mask]
    target: float
    after: int
    every: int
    threshold: float
    memory: int


def distance(one: Mask, other: Mask, alive: Mask) -> float:
    """How many of the `alive` weights two masks differ in, as a share of what chance would make it.

    0: the same; 1: as far apart as two masks that keep as many of the living weights, drawn by lot (1 - Cohen's
    kappa). A share of all weights would shrink with the sparsity alone: at 95 % even masks drawn by lot differ in less
    than a tenth of them.
    """
    living = sum(int(kept.sum()) for kept in alive.values())
    shares = [sum(int(kept.sum()) for kept in mask.values()) / max(1, living) for mask in (one, other)]
    chance = living * (shares[0] * (1 - shares[1]) + shares[1] * (1 - shares[0]))
    apart = sum(int((one[name] ^ other[name]).sum()) for name in alive)
    return apart / chance if chance else 0.0


class Settled:
    """The masks that one training has drawn so far; `mask` is the one that settled, None until it has.

    `looks`: step and largest distance to the masks before, for each drawing that had enough of them before it.
    """

    def __init__(self, how: Settling | None, start: Mapping[str, Tensor]) -> None:
        self.how = how
        self.alive: Mask = {name: kept.cpu().numpy() for name, kept in start.items()} if how else {}
        self.seen: deque[Mask] = deque(maxlen=how.memory if how else 0)
        self.mask: dict[str, Tensor] | None = None
        self.looks: list[tuple[int, float]] = []

    def due(self, step: int) -> bool:
        """Whether a mask is drawn after so many steps."""
        return self.how is not None and step >= self.how.after and step % self.how.every == 0

    def look(self, step: int, module: nn.Module) -> None:
        """Draws the mask to come, and compares it with those before."""
        if self.how is None:
            return
        now = self.how.prune(weights_of(module, self.alive), self.alive, self.how.target)
        if len(self.seen) == self.how.memory:
            farthest = max(distance(now, before, self.alive) for before in self.seen)
            self.looks.append((step, farthest))
            if farthest <= self.how.threshold:
                self.mask = _tensors(now)
        self.seen.append(now)

    def parts(self) -> dict[str, State]:
        """The masks as named groups for a checkpoint: of a finished one, that which settled."""
        if self.mask is not None:
            return {FOUND: self.mask}
        return {f"{SEEN}{number}": _tensors(mask) for number, mask in enumerate(self.seen)}

    def restore(self, parts: Mapping[str, State], looks: list[tuple[int, float]]) -> None:
        """Takes up what `parts` gave."""
        self.mask = parts.get(FOUND)
        self.looks = [(int(step), float(far)) for step, far in looks]
        self.seen.clear()
        count = sum(name.startswith(SEEN) for name in parts)
        for number in range(count):
            self.seen.append({name: kept.numpy() for name, kept in parts[f"{SEEN}{number}"].items()})


def _tensors(mask: Mask) -> dict[str, Tensor]:
    return {name: torch.from_numpy(kept) for name, kept in mask.items()}
