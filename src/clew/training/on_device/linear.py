"""Blur and scaling, each crop by its own strength, as OpenCV does them: weighted sums along rows and columns."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def gaussians(sigma: NDArray[np.floating]) -> NDArray[np.float32]:
    """Gaussian weights (M, 2 R + 1) of standard deviations (M,) in pixels, cut off where OpenCV ends them (3 sigma).

    R is the reach of the widest; the others end in zeros.
    """
    sigma = np.asarray(sigma, np.float64)[:, None]
    reach = (np.rint(6 * sigma + 1).astype(np.int64) | 1) // 2
    most = int(reach.max(initial=0))
    place = np.arange(-most, most + 1)
    weights = np.where(np.abs(place) <= reach, np.exp(-(place**2) / (2 * sigma**2)), 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def filtered(values: Tensor, weights: Tensor) -> Tensor:
    """Values (M, C, H, W) under weights (M, 2 R + 1) along rows, then columns; mirrored at the edges.

    Sums of shifted copies, no convolution: cuDNN would tune itself anew for every M it meets.
    """
    height, width = values.shape[2:]
    reach = weights.shape[1] // 2
    taps = weights[:, :, None, None, None].unbind(1)
    padded = functional.pad(values, (reach, reach, reach, reach), mode="reflect")
    rows = torch.zeros_like(padded[..., :width])
    for start, tap in enumerate(taps):
        rows.addcmul_(padded[..., start : start + width], tap)
    out = torch.zeros_like(rows[:, :, :height])
    for start, tap in enumerate(taps):
        out.addcmul_(rows[:, :, start : start + height], tap)
    return out


def softened(levels: Tensor, small: Tensor, most: float) -> Tensor:
    """Levels (M, C, H, W) scaled to heights and widths `small` (M, 2) by area, rounded, and back by straight lines.

    `most`: no side is scaled to more than this share of it (and 4 pixels).
    """
    height, width = levels.shape[2:]
    tall, wide = small[:, 0, None, None], small[:, 1, None, None]
    room = [max(4, round(n * most)) for n in (height, width)]
    down = _area(tall, height, room[0]), _area(wide, width, room[1])
    tiny = torch.einsum("msh,mchw,mtw->mcst", down[0], levels, down[1]).round_()
    up = _lines(tall, height, room[0]), _lines(wide, width, room[1])
    return torch.einsum("mhs,mcst,mwt->mchw", up[0], tiny, up[1])


def _area(count: Tensor, length: int, room: int) -> Tensor:
    """Weights (M, room, length) by which `count` (M, 1, 1) of the `room` cells average the pixels they cover."""
    step = length / count
    cell = torch.arange(room, device=count.device)[:, None]
    pixel = torch.arange(length, device=count.device)
    covered = torch.minimum((cell + 1) * step, pixel + 1) - torch.maximum(cell * step, pixel)
    return covered.clamp_(min=0).div_(step)


def _lines(count: Tensor, length: int, room: int) -> Tensor:
    """Weights (M, length, room) by which each pixel lies between the middles of `count` (M, 1, 1) cells."""
    middle = (torch.arange(length, device=count.device)[:, None] + 0.5) * (count / length) - 0.5
    middle = torch.minimum(middle.clamp_(min=0), count - 1)
    return (1 - (middle - torch.arange(room, device=count.device)).abs()).clamp_(min=0)
