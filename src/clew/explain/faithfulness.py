"""Whether a heatmap tells the truth about its network: what speaks for it, and the curves of deletion and insertion.

Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation", BMVC 2018 (arXiv 1806.07421).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.explain.changed import BATCH, blurred, check_maps
from clew.explain.class_scores import target_probability
from clew.explain.fidelity import infidelity, sensitivity
from clew.explain.sanity import sanity
from clew.explain.unchanged import unchanged

__all__ = ["areas", "curves", "infidelity", "sanity", "sensitivity"]

Values = NDArray[np.float64]


def curves(module: nn.Module, images: Tensor, targets: Tensor, maps: Tensor, steps: int = 20) -> tuple[Values, Values]:
    """Deletion and insertion: the probability (B, steps + 1) of each picture's class as pixels go, and as they come.

    Pixels are taken in the order of `maps` (B, H, W), highest first, an equal share at each step; where it says the
    same of two, in an order drawn once for all. Deletion goes from the picture to the blurred one, insertion from the
    blurred one to the picture. A good map makes deletion fall and insertion rise early. Raises ClewError for maps of
    another size or with values that are not finite, and for steps that are not from 1 to the number of pixels.
    """
    check_maps(images, targets, maps)
    count = maps[0].numel()
    if not 1 <= steps <= count:
        raise ClewError(f"expected 1 to {count} steps, the number of pixels; found {steps}.")
    gone = torch.arange(steps + 1, device=images.device).mul(count / steps).round().long()
    with unchanged(module, images.device), torch.no_grad():
        sharp, soft, ranks = images.float(), blurred(images), _ranks(maps).to(images.device)
        deletion = _followed(module, (sharp, soft), targets.to(images.device), ranks, gone)
        insertion = _followed(module, (soft, sharp), targets.to(images.device), ranks, gone)
    return deletion, insertion


def areas(curve: Values) -> Values:
    """The mean height (B,) under curves (B, steps + 1) of probabilities, by the trapezoid rule: from 0 to 1."""
    return np.asarray(np.trapezoid(curve, axis=1) / (curve.shape[1] - 1), np.float64)


def _ranks(maps: Tensor) -> Tensor:
    """The place (B, H W) of each pixel in the order of its map (B, H, W), 0 the highest.

    Ties go by an order drawn once, the same always: from top to bottom, an empty map would score as a clever one.
    """
    flat = maps.cpu().flatten(1)
    drawn = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0))
    order = drawn[flat[:, drawn].argsort(dim=1, descending=True, stable=True)]
    return order.argsort(dim=1)


def _followed(module: nn.Module, ends: tuple[Tensor, Tensor], targets: Tensor, ranks: Tensor, gone: Tensor) -> Values:
    """Probabilities (B, steps + 1) on the way between two sets of pictures, so many pixels `gone` (steps + 1,) over."""
    before, after = ends
    pictures, steps = torch.meshgrid(torch.arange(len(before)), torch.arange(len(gone)), indexing="ij")
    found = []
    for at, step in zip(pictures.flatten().split(BATCH), steps.flatten().split(BATCH), strict=True):
        over = (ranks[at] < gone[step][:, None]).view(-1, 1, *before.shape[2:])
        found.append(target_probability(module, torch.where(over, after[at], before[at]), targets[at]))
    return torch.cat(found).view(len(before), len(gone)).cpu().numpy()
