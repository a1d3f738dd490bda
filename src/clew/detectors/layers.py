"""What of a network can be pruned, and what work each of its weights does."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

PRUNABLE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def prunable(module: nn.Module) -> list[str]:
    """Names of the prunable tensors: convolution and linear weights; no biases, no BatchNorm."""
    return [f"{name}.weight" for name, part in module.named_modules() if isinstance(part, PRUNABLE)]


def uses_per_weight(module: nn.Module, input_size: int) -> dict[str, int]:
    """Multiply-adds per picture that one weight of each prunable tensor takes part in, by a traced run.

    A convolution's weight is used once per output position, a linear one once per vector; in a layer that runs twice
    twice as often, and in one that only training runs never (0).
    """
    uses = dict.fromkeys(prunable(module), 0)
    hooks = []
    for name, part in module.named_modules():
        if isinstance(part, PRUNABLE):
            hooks.append(part.register_forward_hook(_counter(f"{name}.weight", uses)))
    training = module.training
    try:
        module.eval()
        with torch.no_grad():
            module(torch.zeros(1, 3, input_size, input_size))
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    return uses


def _counter(name: str, uses: dict[str, int]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def count(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        channels = int(part.get_parameter("weight").shape[0])
        uses[name] += output.numel() // channels

    return count
