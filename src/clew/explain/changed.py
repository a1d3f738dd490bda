"""Pictures changed, to hear what a network then says: the blurred stand-in, and how many go through it at once."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from clew.base.errors import ClewError
from clew.explain.class_scores import check_pictures

BATCH = 64  # pictures that go through the network at once
BLUR = 10 / 224  # the blur's standard deviation, as a share of the longer side (Fong & Vedaldi 2017, arXiv 1704.03296)


def blurred(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) under a Gaussian blur, by OpenCV: what stands in for a pixel that is taken away."""
    sigma = BLUR * max(images.shape[2:])
    pictures = images.permute(0, 2, 3, 1).float().cpu().contiguous().numpy()
    soft = [cv2.GaussianBlur(one, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101) for one in pictures]
    return torch.from_numpy(np.stack(soft)).permute(0, 3, 1, 2).contiguous().to(images.device)


def check_maps(images: Tensor, targets: Tensor, maps: Tensor) -> None:
    """Raises ClewError unless maps (B, H, W) are finite and of the size of images (B, 3, H, W); as `check_pictures`."""
    check_pictures(images, targets)
    expected = (len(images), *images.shape[2:])
    if tuple(maps.shape) != expected:
        raise ClewError(
            f"expected heatmaps of the pictures' size, {expected}, found {tuple(maps.shape)}: draw them large first "
            "(clew.explain.heatmaps.upsampled)."
        )
    if not bool(torch.isfinite(maps).all()):
        raise ClewError("expected finite heatmaps, found NaN or infinite values.")
