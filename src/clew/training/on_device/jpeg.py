"""JPEG on tensors: what a baseline JPEG (ITU-T T.81, 4:2:0) leaves of a batch of crops, each at its own quality.

Every rounding stands where libjpeg has it, so that nearly all levels come out as OpenCV writes and reads them. The
entropy coding between encoder and decoder loses nothing and is left out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

# ITU-T T.81, tables K.1 (luminance) and K.2 (chrominance), row by row
LUMINANCE = """
16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92  49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99
"""
CHROMINANCE = """
17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99  24 26 56 99 99 99 99 99  47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99  99 99 99 99 99 99 99 99
"""
AT_50 = np.array(f"{LUMINANCE} {CHROMINANCE}".split(), np.int64)  # (128,)
ONE, HALF = 65536, 32768  # of the fixed-point arithmetic between RGB and YCbCr


def quantisation(quality: NDArray[np.integer]) -> NDArray[np.float32]:
    """The tables (M, 128) of qualities (M,) from 1 to 100, as libjpeg scales them: luminance, then chrominance."""
    scale = np.where(quality < 50, 5000 // np.maximum(quality, 1), 200 - 2 * quality)[:, None]
    return np.clip((AT_50 * scale + 50) // 100, 1, 255).astype(np.float32)


def through_jpeg(levels: Tensor, tables: Tensor) -> Tensor:
    """RGB levels (M, 3, H, W), whole numbers from 0 to 255, after JPEG with tables (M, 128): float levels again."""
    height, width = levels.shape[2:]
    light, colour = _to_ycc(_extend(levels.float(), 2, 16))
    light = _code(_extend(light, 8, 8), tables[:, :64])
    colour = _code(_extend(_halve(colour), 8, 8), tables[:, 64:])
    colour = _double(colour[:, :, : (height + 1) // 2, : (width + 1) // 2])
    return _to_rgb(light[:, :, :height, :width], colour[:, :, :height, :width])


def _extend(planes: Tensor, rows: int, columns: int) -> Tensor:
    """Planes with their last row and column repeated until the sides are multiples of `rows` and `columns`."""
    height, width = planes.shape[2:]
    return functional.pad(planes, (0, -width % columns, 0, -height % rows), mode="replicate")


def _to_ycc(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Y (M, 1, H, W) and Cb, Cr (M, 2, H, W) of RGB levels (ITU-R BT.601, full range), in libjpeg's fixed point.

    All sums are whole numbers below 2^24, which float32 holds exactly.
    """
    red, green, blue = rgb.unbind(1)
    light = 19595 * red + 38470 * green + 7471 * blue + HALF
    bluish = 32768 * blue - 11059 * red - 21709 * green
    reddish = 32768 * red - 27439 * green - 5329 * blue
    colour = torch.stack([bluish, reddish], 1).add_(128 * ONE + HALF - 1)
    return light.div_(ONE).floor_()[:, None], colour.div_(ONE).floor_()


def _to_rgb(light: Tensor, colour: Tensor) -> Tensor:
    """RGB levels (M, 3, H, W) of Y (M, 1, H, W) and Cb, Cr (M, 2, H, W)."""
    blue, red = (colour - 128).unbind(1)
    more = torch.stack([91881 * red, -22554 * blue - 46802 * red, 116130 * blue], 1)
    return more.add_(HALF).div_(ONE).floor_().add_(light).clamp_(0, 255)


def _code(planes: Tensor, tables: Tensor) -> Tensor:
    """Planes (M, P, H, W), sides a multiple of 8, through DCT, quantisation by tables (M, 64) and back.

    Rounded after every pass as in libjpeg's accurate integer transform: many coefficients of whole levels lie just
    between two steps of the table, and a step is what a careless rounding would cost.
    """
    count, number, height, width = planes.shape
    line = _line(planes.device)
    steps = tables.view(count, 1, 8, 8)
    blocks = planes.reshape(count, number, height // 8, 8, width // 8, 8).permute(0, 1, 2, 4, 3, 5)
    rows = _whole((blocks.reshape(count, -1, 8, 8) - 128) @ line.T * 4)
    coefficients = _whole(line @ rows / 4) / 8
    coefficients = _whole(coefficients.abs() / steps).mul_(steps).copysign_(coefficients)
    columns = _whole(line.T @ coefficients * 4)
    decoded = _whole(columns @ line / 32 + 128).clamp_(0, 255)
    decoded = decoded.view(count, number, height // 8, width // 8, 8, 8).permute(0, 1, 2, 4, 3, 5)
    return decoded.reshape(planes.shape)


def _whole(values: Tensor) -> Tensor:
    """Rounded in place, halves up."""
    return values.add_(0.5).floor_()


@lru_cache(maxsize=16)
def _line(device: torch.device) -> Tensor:
    """The DCT of 8 pixels times the root of 8: (8 coefficients, 8 pixels)."""
    place = np.arange(8)
    line = np.cos((2 * place[None, :] + 1) * place[:, None] * np.pi / 16) * np.sqrt(2)
    line[0] = 1
    return torch.from_numpy(line.astype(np.float32)).to(device)


def _halve(planes: Tensor) -> Tensor:
    """Means of 2 x 2 pixels (M, P, H / 2, W / 2), halves rounded down and up in turn from column to column."""
    count, number, height, width = planes.shape
    sums = planes.reshape(count, number, height // 2, 2, width // 2, 2).sum((3, 5))
    return ((sums + (1 + _odd(width // 2, planes))) / 4).floor_()


def _double(planes: Tensor) -> Tensor:
    """Planes (M, P, H, W) at twice their sides by the triangle filter, halves rounded up and down in turn."""
    wide = functional.interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)
    return (wide + (8 - _odd(wide.shape[3], planes)) / 16).floor_()


def _odd(width: int, like: Tensor) -> Tensor:
    """0, 1, 0, 1, ... (W,)"""
    return torch.arange(width, device=like.device).remainder_(2).to(like.dtype)
