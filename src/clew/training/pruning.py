"""Pruning while a network trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Weights = dict[str, NDArray[np.floating]]
Mask = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Pruning:
    """Before each step in `targets` the network is pruned to that sparsity.

    `prune` takes the weights, the mask so far and the sparsity, and gives the new mask. Epochs count for the
    selection when the last target is reached.
    """

    targets: Mapping[int, float]
    prune: Callable[[Weights, Mask, float], Mask]

    def settled(self, step: int) -> bool:
        """Whether after so many steps nothing more is pruned."""
        return step > max(self.targets)

    def at(self, step: int, module: nn.Module, mask: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """The mask from this step on, or None where it stays as it is."""
        if step not in self.targets:
            return None
        weights = weights_of(module, mask)
        so_far = {name: kept.cpu().numpy() for name, kept in mask.items()}
        found = self.prune(weights, so_far, self.targets[step])
        return {name: torch.from_numpy(kept) for name, kept in found.items()}


def weights_of(module: nn.Module, names: Iterable[str]) -> Weights:
    """A network's tensors of these names, as they are now."""
    return {name: module.get_parameter(name).detach().float().cpu().numpy() for name in names}
