"""SNIP (Lee, Ajanthan & Torr, "Single-shot network pruning based on connection sensitivity", ICLR 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.detectors.base import objective_of
from clew.detectors.layers import prunable
from clew.tickets.masks import Mask
from clew.tickets.methods.at_start import CHUNK, EXAMPLES, AtStart, arrays, trainable
from clew.tickets.methods.base import Source, methods


def connection_sensitivity(module: nn.Module, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """|w dL/dw| of every prunable weight, L the objective over images (N, 3, H, W) and targets (N,)."""
    names = prunable(module)
    weights = [module.get_parameter(name) for name in names]
    total = [torch.zeros_like(weight) for weight in weights]
    for part, truth in zip(images.split(CHUNK), targets.split(CHUNK), strict=True):
        loss = objective_of(module, part, truth) * (len(part) / len(images))
        for sum_, grad in zip(total, torch.autograd.grad(loss, weights, allow_unused=True), strict=True):
            sum_ += 0 if grad is None else grad
    return {name: (w * g).detach().abs() for name, w, g in zip(names, weights, total, strict=True)}


class Snip(AtStart):
    """The weights whose removal would change the loss least go, before any training."""

    name = "snip"

    def mask(self, source: Source) -> Mask:
        """One ranking by connection sensitivity on pictures of the training split."""
        return source.pruned(arrays(connection_sensitivity(trainable(source.module()), *source.examples(EXAMPLES))))


methods.register("snip")(Snip())
