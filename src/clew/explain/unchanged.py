"""Looking into a network without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from clew.base.errors import ClewError


@contextmanager
def unchanged(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode, frozen weights and fp32 for the block; afterwards the network is as it was found.

    Every part gets its own mode back and every weight its `requires_grad`; BatchNorm's buffers stay as they are in
    evaluation mode. Frozen, the layers below the one that is asked about record nothing, which saves memory. A
    caller's autocast, `no_grad` or inference mode does not reach inside. Raises ClewError for weights that were made in
    inference mode: no gradient passes them.
    """
    if any(weight.is_inference() for weight in module.parameters()):
        raise ClewError(
            f"{type(module).__name__} was built in torch.inference_mode(), so that no gradient passes its weights: "
            "build or load it outside of it."
        )
    modes = [(part, part.training) for part in module.modules()]
    learning = [weight for weight in module.parameters() if weight.requires_grad]
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        try:
            module.eval()
            for weight in learning:
                weight.requires_grad_(False)
            yield
        finally:
            for part, mode in modes:
                part.training = mode
            for weight in learning:
                weight.requires_grad_(True)
