"""Logits of a network over samples."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.training.choices import Choices
from clew.training.data import Samples

BATCH = 64


def logits_of(module: nn.Module, samples: Samples, input_size: int, choices: Choices) -> NDArray[np.float32]:
    """Logits (N, K) of all samples, in their order; the network is left in the mode it was in."""
    training = module.training
    module.eval()
    parts = []
    with torch.inference_mode(), choices.autocast():
        for start in range(0, len(samples), BATCH):
            crops = samples.crops(np.arange(start, min(start + BATCH, len(samples))), input_size)
            parts.append(module(choices.batch(torch.from_numpy(crops))).float().numpy())
    module.train(training)
    return np.concatenate(parts)


def fake_probability(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability of fake (N,) of logits (N, K): one minus the softmax of class 0."""
    wide = logits.astype(np.float64)
    wide = wide - wide.max(1, keepdims=True)
    odds = np.exp(wide)
    return np.asarray(odds[:, 1:].sum(1) / odds.sum(1))
