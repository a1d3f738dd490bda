"""What epochs are compared by: validation alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.training import metrics
from clew.training.choices import Choices
from clew.training.class_metrics import class_probabilities, macro_auc, per_video_probabilities
from clew.training.data import Samples
from clew.training.fabric import gather
from clew.training.score import fake_probability, logits_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Score = tuple[float, float]


def validation_score(
    module: nn.Module, split: Samples, input_size: int, choices: Choices, fabric: Fabric | None = None
) -> Score:
    """AUC per video (per picture where there is none), then minus the loss; with several classes, the macro AUC.

    With a Fabric of several processes each scores its share. Raises FloatingPointError for outputs that are no
    numbers.
    """
    logits = _all_logits(module, split, input_size, choices, fabric)
    if not np.isfinite(logits).all():
        raise FloatingPointError("the network's outputs are no longer numbers")
    known = split.targets >= 0
    wanted = torch.from_numpy(split.targets[known])
    loss = float(nn.functional.cross_entropy(torch.from_numpy(logits[known]), wanted))
    return score_of(split, logits), -loss


def score_of(split: Samples, logits: NDArray[np.float32]) -> float:
    """The AUC per video of logits (N, K) over a split: of fake against real, or the mean over several classes."""
    names, clusters = (split.rows[column].to_pylist() for column in ("video", "cluster"))
    if split.classes:
        probabilities, targets, _ = per_video_probabilities(class_probabilities(logits), split.targets, names, clusters)
        return macro_auc(targets, probabilities)
    videos = metrics.per_video(split.labels, fake_probability(logits), names, clusters)
    return metrics.auc(videos.labels, videos.scores)


def _all_logits(
    module: nn.Module, split: Samples, input_size: int, choices: Choices, fabric: Fabric | None
) -> NDArray[np.float32]:
    if fabric is None or fabric.world_size == 1:
        return logits_of(module, split, input_size, choices)
    share = np.array_split(np.arange(len(split)), fabric.world_size)[fabric.global_rank]
    own = logits_of(module, split, input_size, choices, share) if len(share) else None
    return np.concatenate([part for part in gather(fabric, own) if part is not None])
