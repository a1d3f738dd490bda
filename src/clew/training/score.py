"""Logits of a network over samples."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.training.choices import Choices
from clew.training.data import Samples

BATCH = 64


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
    module.eval()
    parts = []
    with torch.inference_mode(), choices.autocast():
        for start in range(0, len(chosen), BATCH):
            crops = torch.from_numpy(samples.crops(chosen[start : start + BATCH], input_size))
            parts.append(module(choices.batch(crops.to(device))).float().cpu().numpy())
    module.train(training)
    return np.concatenate(parts)


def fake_probability(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability of fake (N,) of logits (N, K): one minus the softmax of class 0."""
    wide = logits.astype(np.float64)
    wide = wide - wide.max(1, keepdims=True)
    odds = np.exp(wide)
    return np.asarray(odds[:, 1:].sum(1) / odds.sum(1))
