"""Which of a ticket's living weights lie on a path from the picture to the verdict, and which filters are dead."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from clew.tickets.masks import Mask
from clew.tickets.methods.synflow import ones, positive, synaptic_flow


def cut_off(module: nn.Module, mask: Mask, input_size: int) -> dict[str, int]:
    """How many living weights of each tensor no path uses: from no pixel, or to no output.

    All that lives is made positive and all biases zero, so that what arrives at the outputs counts paths and none
    cancel (the synaptic flow of Tanaka et al. 2020). A weight that has no flow in the whole network either, such as
    one of a head that only training uses, is not counted. The module is changed.
    """
    whole = _flow(module, {name: np.ones_like(kept) for name, kept in mask.items()}, input_size)
    left = _flow(module, mask, input_size)
    return {name: int((kept & (whole[name] > 0) & (left[name] == 0)).sum()) for name, kept in mask.items()}


def _flow(module: nn.Module, mask: Mask, input_size: int) -> dict[str, NDArray[np.float64]]:
    module = positive(module)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, _BatchNorm):
                _pass_on(part)
            elif isinstance(bias := getattr(part, "bias", None), torch.Tensor):
                bias.zero_()
        for name, kept in mask.items():
            weight = module.get_parameter(name)
            fan_in = max(1, weight[0].numel())
            weight.copy_(torch.from_numpy(np.asarray(kept)).double() / fan_in)
    return {name: flow.numpy() for name, flow in synaptic_flow(module, ones(module, input_size)).items()}


def _pass_on(part: nn.Module) -> None:
    """Makes a BatchNorm hand on what it sees."""
    for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
        tensor = getattr(part, name, None)
        if isinstance(tensor, torch.Tensor):
            tensor.fill_(value)


def dead_filters(mask: Mask) -> dict[str, int]:
    """How many filters (convolution) or units (linear) of each tensor have no living weight."""
    return {name: int((~kept.reshape(len(kept), -1).any(axis=1)).sum()) for name, kept in mask.items()}


def lost_layers(layers: Mapping[str, list[int]], unused: Mapping[str, int]) -> list[str]:
    """The tensors ({name: [living, all]}) of which nothing that lives is on a path."""
    return [name for name, (living, _) in layers.items() if living - unused.get(name, 0) == 0]
