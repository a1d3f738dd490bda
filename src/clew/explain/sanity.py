"""The sanity check of heatmaps: do they change when what the network has learned is taken from it?

Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018 (arXiv 1810.03292):
the layers are randomised one after the other, from the classifier down, and the heatmaps compared with the untouched
network's. A heatmap that stays as it was shows the picture and the architecture, not what was learned.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.explain.class_scores import check_pictures
from clew.explain.focus import spearman
from clew.explain.heatmaps import GRAD_CAM, heatmaps
from clew.explain.unchanged import unchanged
from clew.training.intervals import quantile

BOUND = 0.5  # the rank correlation that the randomised network's heatmaps must stay below
STAGES, DRAWS = 8, 5


def sanity(
    module: nn.Module,
    images: Tensor,
    targets: Tensor,
    layer: str,
    generator: torch.Generator,
    method: str = GRAD_CAM,
    stages: int = STAGES,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """The check on images (B, 3, H, W) in [0, 1] for the classes `targets` (B,), for JSON.

    {"passed", "bound", "rule", "pictures", "mean", "low", "high", "n", "stages": [{"layers", "mean", "low", "high",
    "n"}]}. All layers that run, from the last to run up to the first, are randomised in at most `stages` steps of
    about equal numbers of layers, `draws` times anew. After each step the heatmaps of the randomised copy, without the
    ReLU that would leave few pixels to rank, are compared with the untouched ones by Spearman's correlation: its mean
    over the pictures, and over the draws with its 90 % interval (n draws). A picture whose untouched heatmap is the
    same everywhere does not count; a randomised one that is so correlates with 0. Passed: the interval after all
    steps ends below the bound. The whole (mean, low, high, n) is that of the last step; None without a picture.

    A weight's new values are normal around 0, as large as the old ones in the root mean square of their tensor, by
    `generator` (on the CPU): so signals keep their size, and a ticket loses its mask too. BatchNorm's statistics stay.
    Raises ClewError as `heatmaps` does, for a network without weights, and for fewer than 2 draws or 1 stage.
    """
    check_pictures(images, targets)
    if stages < 1 or draws < 2:
        raise ClewError(f"the sanity check needs 1 stage and 2 draws or more, found {stages} and {draws}.")
    steps = _steps(module, images[:1], stages)
    untouched = _maps(module, images, targets, layer, method)
    varied = np.ptp(untouched.reshape(len(untouched), -1), axis=1) > 0
    found = np.zeros((draws, len(steps), int(varied.sum())))
    for draw in found if varied.any() else ():
        randomised = copy.deepcopy(module)
        for number, names in enumerate(steps):
            _randomise(randomised, names, generator)
            now = _maps(randomised, images, targets, layer, method)
            draw[number] = np.nan_to_num(spearman(untouched[varied], now[varied]))
    return _told(found, steps)


def _told(found: NDArray[np.float64], steps: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The result, from correlations (draws, stages, pictures)."""
    told = [{"layers": list(names), **_over_draws(found[:, at])} for at, names in enumerate(steps)]
    last = {key: value for key, value in told[-1].items() if key != "layers"}
    return {
        "passed": last["high"] is not None and last["high"] < BOUND,
        "bound": BOUND,
        "rule": f"with all layers randomised, the interval of the rank correlation ends below {BOUND:g}",
        "pictures": found.shape[2],
        **last,
        "stages": told,
    }


def _over_draws(found: NDArray[np.float64]) -> dict[str, Any]:
    """Mean and 90 % interval over the draws of correlations (draws, pictures)."""
    count = len(found)
    if not found.size:
        return {"mean": None, "low": None, "high": None, "n": count}
    means = found.mean(axis=1)
    mean, half = float(means.mean()), quantile(count - 1) * float(means.std(ddof=1)) / math.sqrt(count)
    return {"mean": mean, "low": max(mean - half, -1.0), "high": min(mean + half, 1.0), "n": count}


def _maps(module: nn.Module, images: Tensor, targets: Tensor, layer: str, method: str) -> NDArray[np.float64]:
    found = heatmaps(module, images, targets, layer, method, relu=False)
    return torch.nan_to_num(found).cpu().double().numpy()


def _steps(module: nn.Module, images: Tensor, stages: int) -> list[list[str]]:
    """The layers with weights, the last to run first, in groups; raises ClewError where there is none."""
    order = _last_first(module, images)
    if not order:
        raise ClewError(f"{type(module).__name__} has no weights that run, so they cannot be randomised.")
    return [list(names) for names in np.array_split(order, min(stages, len(order)))]


def _last_first(module: nn.Module, images: Tensor) -> list[str]:
    """Names of the parts with weights of their own that run, by their last run, the last first."""
    ran: dict[str, None] = {}

    def note(name: str) -> None:
        ran.pop(name, None)
        ran[name] = None

    hooks = [
        part.register_forward_hook(lambda *_, name=name: note(name))
        for name, part in module.named_modules()
        if any(True for _ in part.parameters(recurse=False))
    ]
    try:
        with unchanged(module, images.device), torch.no_grad():
            module(images.float())
    finally:
        for hook in hooks:
            hook.remove()
    return list(ran)[::-1]


def _randomise(module: nn.Module, names: Sequence[str], generator: torch.Generator) -> None:
    with torch.inference_mode(False), torch.no_grad():
        for name in names:
            for weight in module.get_submodule(name).parameters(recurse=False):
                drawn = torch.randn(weight.shape, generator=generator).to(weight)
                weight.copy_(drawn * weight.square().mean().sqrt())
