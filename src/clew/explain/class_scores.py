"""What a network says for the class that is asked about: its score, which heatmaps explain, and its probability."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError


def class_scores(module: nn.Module, images: Tensor) -> Tensor:
    """The score of every class (B, K) for images (B, 3, H, W): its logit.

    A network of one logit x for "real" has logits (x, 0), and a constant explains nothing: its score of fake is -x.
    """
    logits: Tensor = module(images).float()
    if getattr(module, "classes", None) == 1:
        return torch.cat([logits[:, :1], -logits[:, :1]], 1)
    return logits


def target_scores(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The score (B,) of each picture's class in `targets` (B,); raises ClewError for a class that is not there."""
    return _of_targets(class_scores(module, images), targets)


def target_probability(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The probability (B,), float64, of each picture's class in `targets` (B,): the softmax of the logits."""
    return _of_targets(torch.softmax(module(images).double(), 1), targets)


def check_pictures(images: Tensor, targets: Tensor) -> None:
    """Raises ClewError unless images are floats (B, 3, H, W) and targets class numbers (B,), B 1 or more."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point() or not len(images):
        raise ClewError(
            f"expected pictures as floats (B, 3, H, W) in [0, 1], found {images.dtype} {tuple(images.shape)}: scale "
            "bytes by 1/255."
        )
    if targets.shape != images.shape[:1] or targets.dtype != torch.int64:
        raise ClewError(
            f"expected one class number (int64) for each of {len(images)} pictures, found {targets.dtype} "
            f"{tuple(targets.shape)}."
        )


def _of_targets(values: Tensor, targets: Tensor) -> Tensor:
    low, high, classes = int(targets.min()), int(targets.max()), values.shape[1]
    if low < 0 or high >= classes:
        raise ClewError(f"expected targets from 0 to {classes - 1}, the network's classes; found {low} to {high}.")
    return values.gather(1, targets[:, None])[:, 0]
