"""Logits of a network over samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.training.choices import Choices
from clew.training.data import Samples
from clew.training.on_device import StreamedCrops
from clew.training.repeatable import repeatable

BATCH = 64
GPU_BATCH = 256


def logits_of(
    module: nn.Module,
    samples: Samples,
    input_size: int,
    choices: Choices,
    positions: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """Logits (N, K) of all samples, or of those at `positions`, in order; the network is left in the mode it was in."""
    training, device = module.training, next(module.parameters()).device
    chosen = np.arange(len(samples)) if positions is None else positions
    batch = BATCH if device.type == "cpu" else GPU_BATCH
    module.eval()
    try:
        with torch.inference_mode(), _autocast(device, choices), repeatable(device):
            parts = [module(images).float() for images in _images(samples, chosen, input_size, choices, device, batch)]
            return torch.cat(parts).cpu().numpy()
    finally:
        module.train(training)


def _images(
    samples: Samples, chosen: NDArray[np.int64], size: int, choices: Choices, device: torch.device, batch: int
) -> Iterator[torch.Tensor]:
    """Batches of images on the device; for a GPU they are read ahead."""
    order = [chosen[start : start + batch] for start in range(0, len(chosen), batch)]
    if device.type == "cpu":
        for positions in order:
            yield choices.batch(torch.from_numpy(samples.crops(positions, size)))
        return
    with StreamedCrops(samples, size, device) as crops:
        crops.prefetch(order)
        for positions in order:
            yield choices.images(crops.batch(positions))


def _autocast(device: torch.device, choices: Choices) -> torch.autocast:
    """The chosen precision on the device where the network is, which need not be that of the training."""
    return torch.autocast(device.type, torch.bfloat16, enabled=choices.precision == "bf16")


def fake_probability(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability of fake (N,) of logits (N, K): one minus the softmax of class 0."""
    wide = logits.astype(np.float64)
    wide = wide - wide.max(1, keepdims=True)
    odds = np.exp(wide)
    return np.asarray(odds[:, 1:].sum(1) / odds.sum(1))
