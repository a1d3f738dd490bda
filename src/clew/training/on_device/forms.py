"""The augmentations as operations on batched tensors, with the ranges of their forms on the CPU.

Each has two halves: `draw` chooses the strengths of M crops with numpy (a few numbers a crop, shapes known without
asking the device), `apply` changes the M crops on their device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.datasets.blending.transforms import LUMA
from clew.training.augmentations import blur, colour, cutout, jpeg, noise, resize, shift
from clew.training.on_device import linear
from clew.training.on_device.jpeg import quantisation, through_jpeg

Numbers = NDArray[np.float32]  # (M, n): what `apply` needs to know of each crop
Shape = tuple[int, int]  # H, W
Draw = Callable[[int, Shape, np.random.Generator], Numbers]
Apply = Callable[[Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Form:
    """One kind of augmentation: uint8 crops (M, 3, H, W) and their numbers (M, n) make new uint8 crops."""

    draw: Draw
    apply: Apply


def to_levels(values: Tensor) -> Tensor:
    """Levels as whole numbers from 0 to 255, halves up."""
    return values.add(0.5).clamp_(0, 255).to(torch.uint8)


def _draw_nothing(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    return np.empty((count, 0), np.float32)


def _flip(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    return crops.flip(3)


def _draw_jpeg(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    return quantisation(rng.integers(*jpeg.QUALITY, size=count, endpoint=True))


def _jpeg(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    return to_levels(through_jpeg(crops, numbers))


def _draw_blur(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    return linear.gaussians(blur.LEAST + rng.uniform(0, blur.MOST, count) * min(shape))


def _blur(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    return to_levels(linear.filtered(crops.float(), numbers))


def _draw_noise(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    return rng.uniform(*noise.SIGMA, (count, 1)).astype(np.float32)


def noised(crops: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Crops (M, 3, H, W) plus Gaussian noise of a standard deviation (M, 1) in levels; not rounded."""
    count, _, height, width = crops.shape
    field = torch.randn((count, height, width, 3), generator=generator, device=crops.device)
    return crops + field.permute(0, 3, 1, 2) * sigma[:, :, None, None]


def _noise(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    return to_levels(noised(crops, numbers, generator))


def colour_matrices(
    hue: NDArray[np.floating],
    saturation: NDArray[np.floating],
    brightness: NDArray[np.floating],
    contrast: NDArray[np.floating],
) -> Numbers:
    """The maps (M, 3, 4) that `colour_matrix` makes of each row of its arguments (M,), without a shift."""
    cos, sin = np.cos(np.deg2rad(hue))[:, None, None], np.sin(np.deg2rad(hue))[:, None, None]
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turn = cos * np.eye(3) + (1 - cos) / 3 + sin * across  # Rodrigues about the grey axis
    grey = np.tile(LUMA, (3, 1))
    mixed = contrast[:, None, None] * (grey + saturation[:, None, None] * ((np.eye(3) - grey) @ turn))
    offset = 255 * brightness + 127.5 * (1 - contrast)
    return np.concatenate([mixed, np.tile(offset[:, None, None], (1, 3, 1))], 2).astype(np.float32)


def _draw_colour(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    hue = rng.uniform(-colour.HUE, colour.HUE, count)
    saturation, contrast = rng.uniform(*colour.SATURATION, count), rng.uniform(*colour.CONTRAST, count)
    brightness = rng.uniform(-colour.BRIGHTNESS, colour.BRIGHTNESS, count)
    return colour_matrices(hue, saturation, brightness, contrast).reshape(count, 12)


def _colour(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    maps = numbers.view(-1, 3, 4)
    return to_levels(torch.einsum("mij,mjhw->mihw", maps[:, :, :3], crops.float()) + maps[:, :, 3, None, None])


def _draw_cutout(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    sides = np.array(shape)
    size = np.maximum(1, np.round(rng.uniform(*cutout.SIDE, (count, 2)) * sides)).astype(np.int64)
    start = rng.integers(sides - size + 1)
    return np.concatenate([start, start + size], 1).astype(np.float32)  # top, left, bottom, right


def _cutout(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    top, left, bottom, right = numbers[:, :, None].unbind(1)
    row, column = (torch.arange(n, device=crops.device) for n in crops.shape[2:])
    tall, wide = (row >= top) & (row < bottom), (column >= left) & (column < right)
    mean = crops.float().mean((2, 3), keepdim=True).round().to(torch.uint8)
    return torch.where(tall[:, None, :, None] & wide[:, None, None, :], mean, crops)


def _draw_resize(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    share = rng.uniform(*resize.SHARE, (count, 1))
    return np.maximum(4, np.round(np.array(shape) * share)).astype(np.float32)  # the smaller height and width


def _resize(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    return to_levels(linear.softened(crops.float(), numbers, resize.SHARE[1]))


def _draw_shift(count: int, shape: Shape, rng: np.random.Generator) -> Numbers:
    return shift.moves(count, shape, rng).astype(np.float32)


def _shift(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    for axis in (2, 3):
        last = crops.shape[axis] - 1
        at = torch.arange(last + 1, device=crops.device) + numbers[:, axis - 2, None].long()
        mirrored = last - (last - at.abs()).abs()
        spread = mirrored[:, None, :, None] if axis == 2 else mirrored[:, None, None, :]
        crops = crops.gather(axis, spread.expand_as(crops))
    return crops


FORMS: dict[str, Form] = {
    "flip": Form(_draw_nothing, _flip),
    "jpeg": Form(_draw_jpeg, _jpeg),
    "blur": Form(_draw_blur, _blur),
    "noise": Form(_draw_noise, _noise),
    "colour": Form(_draw_colour, _colour),
    "cutout": Form(_draw_cutout, _cutout),
    "resize": Form(_draw_resize, _resize),
    "shift": Form(_draw_shift, _shift),
}
