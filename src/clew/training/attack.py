"""A gradient attack: pictures changed, within a budget too small to see, towards where a network is wrong.

Madry, Makelov, Schmidt, Tsipras & Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018
(projected gradient descent); one step without a random start is the fast gradient sign method of Goodfellow, Shlens &
Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError


def pgd(
    module: nn.Module,
    images: Tensor,
    targets: Tensor,
    epsilon: float,
    steps: int,
    step_size: float,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Images (B, 3, H, W) in [0, 1], each value within `epsilon` of that in `images`, for which `module` errs more.

    `targets` (B,): 0 real, else fake. Each of `steps` moves every value by `step_size` along the sign of the gradient
    of `wrongness`, back into the budget and into [0, 1]. The start is drawn within the budget by `generator`, on the
    CPU; without one it is the picture itself. The network is attacked as it is, in evaluation mode and in fp32; its
    weights, their gradients, its buffers and its modes are left as they were. Raises ClewError for a budget, a number
    of steps or a step that is no such thing, and for a network without a gradient.
    """
    if not (0 <= epsilon <= 1 and 0 <= step_size <= 1 and steps >= 0):
        raise ClewError(
            f"an attack of epsilon {epsilon:g}, {steps} steps of {step_size:g}: expected shares of the range from 0 "
            "to 1, and 0 steps or more."
        )
    device = images.device
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
        _evaluating(module),
    ):
        clean = images.detach().clone().float()
        low, high = (clean - epsilon).clamp_(min=0), (clean + epsilon).clamp_(max=1)
        found = clean if generator is None else torch.clamp(_start(clean, epsilon, generator), low, high)
        for _ in range(steps):
            found = torch.clamp(found + step_size * _gradient(module, found, targets).sign(), low, high)
        return found


def wrongness(logits: Tensor, targets: Tensor) -> Tensor:
    """How far logits (B, K) are on the wrong side, (B,): the log odds of fake for reals, of real for fakes.

    For one picture it rises and falls with the cross-entropy of real against fake, so that the sign of its gradient
    is the same; unlike it, it does not flatten out where the network is sure, which would hide the way from an attack.
    """
    fake = torch.logsumexp(logits[:, 1:], 1) - logits[:, 0]
    return torch.where(targets > 0, -fake, fake)


def _start(clean: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(clean.shape, generator=generator, dtype=torch.float32) * 2 - 1
    return clean + epsilon * drawn.to(clean.device)


def _gradient(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The gradient (B, 3, H, W) of `wrongness` by the images alone; in evaluation mode pictures do not mix."""
    at = images.detach().requires_grad_()
    wrong = wrongness(module(at).float(), targets)
    if not wrong.requires_grad:
        raise ClewError("the network has no gradient by its pictures, so a gradient attack cannot be made on it.")
    (found,) = torch.autograd.grad(wrong.sum(), at)
    return found


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for the block; every part gets its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
