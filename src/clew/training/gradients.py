"""The gradient of one step: its batches one after the other, each shared out among the processes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.detectors.base import objective_of
from clew.training.choices import Choices, compiled
from clew.training.fabric import Objective, mean_over
from clew.training.feeds import Feed
from clew.training.repeatable import repeatable
from clew.training.settings import TrainSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Positions = NDArray[np.int64]
LEAST_SHARE = 2  # pictures of a process: BatchNorm of features cannot do with one


class Gradients:
    """Adds up the gradients of a network's objective, over parts of a step and over processes.

    Every picture of a step counts the same, whichever part and process it falls to.
    """

    def __init__(
        self, module: nn.Module, settings: TrainSettings, choices: Choices, fabric: Fabric, samples: int, seed: int
    ) -> None:
        """Moves `module` to its device; raises ClewError when the steps of `samples` cannot be shared out."""
        self.settings, self.fabric, self.seed = settings, fabric, seed
        self._check(np.arange(min(samples, settings.step_size)))
        # the function, not the module, is compiled: DDP wraps it as it would any other
        value = compiled(objective_of) if choices.compile else objective_of
        self.objective: Any = fabric.setup_module(Objective(module, value))

    def order(self, steps: Sequence[Positions]) -> list[Positions]:
        """The batches of this process in some steps."""
        return [self._own(part) for positions in steps for part in self._parts(positions)]

    def of(self, positions: Positions, step: int, feed: Feed) -> Tensor:
        """Adds the gradient of a step, and returns its loss: the mean over all pictures."""
        parts = self._parts(positions)
        losses = []
        for number, part in enumerate(parts):
            with self._synchronised(number + 1 == len(parts)):
                losses.append(self._part(part, step, number, len(positions), feed))
        return mean_over(self.fabric, torch.stack(losses).sum())

    def _check(self, whole: Positions) -> None:
        world, smallest = self.fabric.world_size, min(len(part) for part in self._parts(whole))
        if world > 1 and smallest < LEAST_SHARE * world:
            raise ClewError(
                f"--devices {world}: a batch of {smallest} pictures gives a process fewer than {LEAST_SHARE}; "
                "give a larger --batch-size, more data, or fewer devices."
            )

    def _parts(self, positions: Positions) -> list[Positions]:
        """The batches of a step: `accumulate` of them, fewer where the split is smaller than a step."""
        full = -(-len(positions) // self.settings.batch_size)
        return np.array_split(positions, min(self.settings.accumulate, full))

    def _own(self, positions: Positions) -> Positions:
        """This process's share of a batch."""
        return np.array_split(positions, self.fabric.world_size)[self.fabric.global_rank]

    def _part(self, positions: Positions, step: int, number: int, whole: int, feed: Feed) -> Tensor:
        """Adds the gradient of one part of a step of `whole` pictures, and returns its share of the step's loss."""
        world, own = self.fabric.world_size, self._own(positions)
        place = number * world + self.fabric.global_rank
        key = stable_seed("step", self.seed, step, *([place] if place else []))
        images, targets = feed.batch(own, key)
        torch.manual_seed(key)
        share = len(own) * world / whole  # DDP takes the mean over the processes
        with repeatable(self.fabric.device):
            loss = self.objective(images, targets)
            if share != 1:
                loss = loss * share
            self.fabric.backward(loss)
        return loss.detach()

    def _synchronised(self, last: bool) -> AbstractContextManager[Any]:
        """Gradients go to the other processes with the last part of a step."""
        return nullcontext() if last or self.fabric.world_size == 1 else self.fabric.no_backward_sync(self.objective)
