"""An optimiser that holds pruned weights at zero."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaskedOptimiser:
    """An optimiser on a network whose pruned weights are held at exactly zero, whatever momentum or decay say."""

    def __init__(self, optimiser: torch.optim.Optimizer, module: nn.Module, mask: dict[str, Tensor]) -> None:
        self.optimiser, self.module = optimiser, module
        self.hold(mask)

    def hold(self, mask: dict[str, Tensor]) -> None:
        """Holds the weights that `mask` prunes at zero from now on."""
        weights = dict(self.module.named_parameters())
        self.mask = mask
        self.pruned = [
            (weights[name], (~kept).to(weights[name].device)) for name, kept in mask.items() if not bool(kept.all())
        ]
        self.zero()

    def zero(self) -> None:
        """Sets every pruned weight to zero."""
        with torch.no_grad():
            for weight, pruned in self.pruned:
                weight.masked_fill_(pruned, 0.0)

    def step(self, rate: float) -> None:
        """One step at a learning rate; pruned weights get no gradient and end at zero."""
        for weight, pruned in self.pruned:
            if weight.grad is not None:
                weight.grad.masked_fill_(pruned, 0.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.zero()

    def tensors(self) -> dict[str, Tensor]:
        """The optimiser's state as tensors with names, for a checkpoint."""
        entries = self.optimiser.state_dict()["state"]
        return {f"{i}/{k}": v for i, entry in entries.items() for k, v in entry.items()}

    def take_up(self, tensors: dict[str, Tensor]) -> None:
        """Takes up what `tensors` gave, in the memory layout of the weights: fused steps walk both side by side."""
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        entries: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, key = name.partition("/")
            weight = weights[int(index)]
            alike = tensor.shape == weight.shape and key != "step"
            entries.setdefault(int(index), {})[key] = torch.empty_like(weight).copy_(tensor) if alike else tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": entries})
