"""SynFlow (Tanaka, Kunin, Yamins & Ganguli, "Pruning neural networks without any data", NeurIPS 2020)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from clew.detectors.layers import prunable
from clew.tickets.masks import Mask, prune_least
from clew.tickets.methods.at_start import AtStart, arrays, trainable
from clew.tickets.methods.base import Source, methods

ROUNDS = 100


def synaptic_flow(module: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """|w dR/dw| of every prunable weight, R the sum of the outputs for `image` (1, 3, H, W).

    The module is meant to be what `positive` made of a network, and `image` what its first layer sees as ones.
    """
    names = prunable(module)
    weights = [module.get_parameter(name) for name in names]
    grads = torch.autograd.grad(module(image).sum(), weights, allow_unused=True)
    return {
        name: torch.zeros_like(w) if g is None else (w * g).detach().abs()
        for name, w, g in zip(names, weights, grads, strict=True)
    }


def positive(module: nn.Module) -> nn.Module:
    """The module in place: in evaluation mode, in float64, all weights and statistics by their absolute values.

    Running means go to 0: a trained net's would be taken off again, and what they make negative flows no further.
    """
    module = trainable(module).double().eval()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("running_mean"):
                tensor.zero_()
            elif tensor.is_floating_point():
                tensor.abs_()
    return module


def ones(module: nn.Module, size: int) -> Tensor:
    """The picture (1, 3, H, W) that a network which normalises by `mean` and `std` sees as ones, in float64."""
    image = torch.ones(1, 3, size, size, dtype=torch.float64)
    mean, std = getattr(module, "mean", None), getattr(module, "std", None)
    return image * std + mean if isinstance(mean, Tensor) and isinstance(std, Tensor) else image


class Synflow(AtStart):
    """Weights go in a hundred rounds, without a picture: no layer is cut off before all others are."""

    name = "synflow"

    def mask(self, source: Source) -> Mask:
        """An exponential schedule over rounds, each ranked anew on what is left."""
        module = positive(source.module())
        image = ones(module, source.input_size)
        mask = source.mask
        for number in range(1, ROUNDS + 1):
            target = 1 - (1 - source.run.level) ** (number / ROUNDS)
            mask = prune_least(arrays(synaptic_flow(module, image)), mask, target, source.scope)
            with torch.no_grad():
                for name, kept in mask.items():
                    module.get_parameter(name).mul_(torch.from_numpy(np.asarray(kept)))
        return mask


methods.register("synflow")(Synflow())
