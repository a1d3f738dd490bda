"""Infidelity and sensitivity of heatmaps: do they foretell what the network says of changed pictures, do they hold?

Yeh, Hsieh, Suggala, Inouye & Ravikumar, "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019 (arXiv
1901.09392), by Captum. What is random is drawn by the generator given, the same for every picture: networks that are
asked with equal generators see the same changes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.explain.changed import BATCH, blurred, check_maps
from clew.explain.class_scores import check_pictures, target_scores
from clew.explain.heatmaps import heatmaps
from clew.explain.unchanged import unchanged

Values = NDArray[np.float64]
SQUARES = 32  # that infidelity blurs, of each picture
SIDES = (1 / 8, 1 / 2)  # of those squares: the least and the most, as shares of the picture's shorter side
NOISES, RADIUS = 10, 0.02  # of sensitivity: how often, and by how much at most, each value is changed; Captum's own


def infidelity(module: nn.Module, images: Tensor, targets: Tensor, maps: Tensor, generator: torch.Generator) -> Values:
    """The share (B,) of the score's changes that `maps` (B, H, W) do not foretell: 0 for all foretold, 1 for none.

    SQUARES of a picture are blurred, one at a time, drawn by `generator` (on the CPU), the same for all pictures. The
    map foretells the change of the class's score by its sum over the square, times the one factor that fits best. It
    is Captum's infidelity, so normalised, as a share of the mean squared change, which makes networks comparable; a
    map whose best factor is negative points the wrong way and foretells nothing. NaN where the score never changes.
    """
    check_maps(images, targets, maps)
    with unchanged(module, images.device), torch.no_grad():
        squares = _squares(images.shape[2], images.shape[3], generator).to(images.device)
        own = maps.to(images.device).float()
        scaled = own / own.abs().amax((1, 2), keepdim=True).clamp(min=1e-30)
        wanted, at_once = targets.to(images.device), _at_once(SQUARES)
        pieces = zip(images.float().split(at_once), wanted.split(at_once), scaled.split(at_once), strict=True)
        return np.concatenate([_unforetold(module, *piece, squares) for piece in pieces])


def sensitivity(
    module: nn.Module, images: Tensor, targets: Tensor, layer: str, method: str, generator: torch.Generator
) -> Values:
    """How much the heatmap (B,) changes under noise too small to see: the largest of NOISES relative changes.

    It is Captum's sensitivity_max: the norm of the heatmap's change over the heatmap's own. The noise is uniform
    within RADIUS of each value of the picture (in [0, 1]), drawn by `generator` (on the CPU), the same for all
    pictures. NaN where the heatmap is all 0. Raises ClewError as `heatmaps` does.
    """
    check_pictures(images, targets)
    noise = torch.rand((NOISES, *images.shape[1:]), generator=generator) * 2 * RADIUS - RADIUS
    wanted, at_once = targets.to(images.device), _at_once(NOISES)
    pieces = zip(images.float().split(at_once), wanted.split(at_once), strict=True)
    return np.concatenate([_change(module, *piece, layer, method, noise.to(images.device)) for piece in pieces])


def _at_once(changes: int) -> int:
    """How many pictures are taken at once, so that all their changes fit into a batch."""
    return max(1, BATCH // changes)


def _squares(height: int, width: int, generator: torch.Generator) -> Tensor:
    """Masks (SQUARES, 1, H, W) of squares whose sides and places are drawn uniformly."""
    masks = torch.zeros(SQUARES, 1, height, width, dtype=torch.bool)
    low, high = (max(1, round(share * min(height, width))) for share in SIDES)
    for mask in masks:
        side = _drawn(low, high, generator)
        top, left = _drawn(0, height - side, generator), _drawn(0, width - side, generator)
        mask[0, top : top + side, left : left + side] = True
    return masks


def _drawn(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def _unforetold(module: nn.Module, images: Tensor, targets: Tensor, maps: Tensor, squares: Tensor) -> Values:
    """`infidelity` of a few pictures (B, 3, H, W), whose maps (B, H, W) are of any scale but not beyond float32."""
    from captum.metrics import infidelity as captum_infidelity

    soft, count = blurred(images), len(squares)
    cover = squares.repeat(len(images), 3, 1, 1)  # Captum repeats each picture before it turns to the next
    said: dict[int, Tensor] = {}  # by how many pictures Captum asked for at once

    def perturb(repeated: Tensor) -> tuple[Tensor, Tensor]:
        return cover.float(), torch.where(cover, soft.repeat_interleave(count, 0), repeated)

    def score(pictures: Tensor) -> Tensor:
        said[len(pictures)] = target_scores(module, pictures, targets.repeat_interleave(len(pictures) // len(images)))
        return said[len(pictures)]

    said_by_map = maps[:, None].expand_as(images)
    missed = captum_infidelity(score, perturb, images, said_by_map, n_perturb_samples=count, normalize=True)
    change = said[len(images)][:, None] - said[len(cover)].view(len(images), count)
    foretold = torch.einsum("bhw,nhw->bn", maps, squares[:, 0].float())
    return _share(missed, change, foretold).cpu().numpy().astype(np.float64)


def _share(missed: Tensor, change: Tensor, foretold: Tensor) -> Tensor:
    """Of the mean square (B,) of changes (B, n) what was missed; 1 where what is foretold (B, n) has the wrong sign."""
    whole, agrees = change.square().mean(1), (foretold * change).sum(1) > 0
    share = torch.where(agrees, (missed / whole).clamp(0, 1), 1.0)
    return torch.where(whole > 0, share, torch.nan)


def _change(module: nn.Module, images: Tensor, targets: Tensor, layer: str, method: str, noise: Tensor) -> Values:
    """`sensitivity` of a few pictures (B, 3, H, W)."""
    from captum.metrics import sensitivity_max

    def explain(pictures: Tensor | tuple[Tensor, ...], target: Tensor) -> Tensor | tuple[Tensor, ...]:
        if isinstance(pictures, tuple):  # Captum asks so for the pictures themselves, and wants the like back
            return tuple(heatmaps(module, one, target, layer, method) for one in pictures)
        return heatmaps(module, pictures, target, layer, method)

    def perturb(repeated: Tensor) -> Tensor:
        return repeated + noise.repeat(len(images), 1, 1, 1)

    found = sensitivity_max(explain, images, perturb, n_perturb_samples=len(noise), target=targets)
    own = heatmaps(module, images, targets, layer, method)
    empty = own.flatten(1).eq(0).all(1)  # for which Captum tells the change itself, over nothing
    return np.where(empty.cpu(), np.nan, found.cpu().double().numpy())
