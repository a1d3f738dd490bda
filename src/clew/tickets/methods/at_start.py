"""What the methods that prune before training have in common: each level by itself, from the run's first weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from clew.tickets.masks import Weights
from clew.tickets.methods.base import Method
from clew.tickets.runs import Entry, Rewind, Run, dense_id, level_name

CHUNK = 32  # pictures at a time: memory does not grow with their number
EXAMPLES = 256


class AtStart(Method):
    """One run per level: the mask comes from the rewind point, or from the dense net that it goes on with."""

    def plan(
        self, seed: int, levels: Sequence[float], scope: str, rewind: Rewind, tickets: Sequence[Entry]
    ) -> tuple[list[Run], list[Entry]]:
        """One run per level."""
        dense = dense_id(seed) if rewind.goes_on else ""
        runs = [
            Run(f"{self.name}-s{seed}-{level_name(level)}", self.name, seed, level, "", dense, dense)
            for level in levels
        ]
        return runs, [Entry(self.name, seed, run.level, "", run.id) for run in runs]


def arrays(scores: Mapping[str, Tensor]) -> Weights:
    """Scores as NumPy arrays in float64: those of many layers' products leave what float32 can hold."""
    return {name: tensor.detach().double().numpy() for name, tensor in scores.items()}


def trainable(module: nn.Module) -> nn.Module:
    """The module in training mode, every weight asking for its gradient; no dropout: scores hang on nothing drawn."""
    module.train().requires_grad_(True)
    for part in module.modules():
        if isinstance(part, _DropoutNd):
            part.eval()
    return module
