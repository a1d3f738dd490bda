"""GraSP (Wang, Zhang & Grosse, "Picking winning tickets before training by preserving gradient flow", ICLR 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.detectors.layers import prunable
from clew.tickets.masks import Mask
from clew.tickets.methods.at_start import CHUNK, EXAMPLES, AtStart, arrays, trainable
from clew.tickets.methods.base import Source, methods

TEMPERATURE = 200.0  # of the logits, as in the authors' experiments


def gradient_flow(
    module: nn.Module, images: Tensor, targets: Tensor, temperature: float = TEMPERATURE
) -> dict[str, Tensor]:
    """w (H g) of every prunable weight: g the gradient and H the Hessian of the cross-entropy of logits / temperature.

    Removing a weight changes the squared norm of the gradient by -2 w (H g) to first order: weights with the least
    w (H g) go, for without them the gradient flows as well or better. Images (N, 3, H, W), targets (N,).
    """
    names = prunable(module)
    weights = [module.get_parameter(name) for name in names]
    parts = list(zip(images.split(CHUNK), targets.split(CHUNK), strict=True))
    gradient = [torch.zeros_like(weight) for weight in weights]
    for part, truth in parts:
        loss = _loss(module, part, truth, temperature) * (len(part) / len(images))
        for total, one in zip(gradient, torch.autograd.grad(loss, weights, allow_unused=True), strict=True):
            total += 0 if one is None else one
    product = [torch.zeros_like(weight) for weight in weights]
    for part, truth in parts:
        loss = _loss(module, part, truth, temperature) * (len(part) / len(images))
        grads = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
        along = torch.stack([(g * v).sum() for g, v in zip(grads, gradient, strict=True) if g is not None]).sum()
        for total, one in zip(product, torch.autograd.grad(along, weights, allow_unused=True), strict=True):
            total += 0 if one is None else one
    return {name: (w * p).detach() for name, w, p in zip(names, weights, product, strict=True)}


def _loss(module: nn.Module, images: Tensor, targets: Tensor, temperature: float) -> Tensor:
    return nn.functional.cross_entropy(module(images).float() / temperature, targets)


class Grasp(AtStart):
    """The weights whose removal hurts the flow of gradients least go, before any training."""

    name = "grasp"

    def mask(self, source: Source) -> Mask:
        """One ranking by gradient flow on pictures of the training split."""
        return source.pruned(arrays(gradient_flow(trainable(source.module()), *source.examples(EXAMPLES))))


methods.register("grasp")(Grasp())
