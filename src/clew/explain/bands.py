"""How much a network's score hangs on each band of spatial frequency: pictures with one ring of it taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.explain.rings import octaves, ring_numbers
from clew.explain.unchanged import unchanged

BEYOND = 1e-6  # outside [0, 1] by less is rounding


@dataclass(frozen=True)
class Removed:
    """Pictures without one ring, (B, 3, H, W) clipped to [0, 1], and what that took.

    `clipped` (B,) is the share of their values that had to be clipped; `energy` (B,) the mean square of what was taken
    out, over all values: the rings' sum is the mean square of the picture less its constants (Parseval).
    """

    pictures: Tensor
    clipped: NDArray[np.float64]
    energy: NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """What M networks say of B pictures: logits (M, 1 + R, B, K), row 0 of them left alone, row r without ring r.

    `clipped` and `energy` (R, B) are those of the pictures (see Removed), from the lowest ring to the highest.
    """

    logits: NDArray[np.float32]
    clipped: NDArray[np.float64]
    energy: NDArray[np.float64]


def band_of(images: Tensor, rings: Sequence[int]) -> Tensor:
    """The part of images (B, 3, H, H) in some rings, numbered from 1 (see `ring_numbers`); all of them but 0 add up.

    Raises ClewError for images that are not square.
    """
    return _inverse(torch.fft.rfft2(images), images, rings)


def without_rings(images: Tensor) -> Iterator[Removed]:
    """The pictures (B, 3, H, H) in [0, 1] without each of the R rings in turn, from the lowest; the constant stays."""
    spectrum = torch.fft.rfft2(images)
    for ring in range(1, 1 + len(octaves(_side(images)))):
        part = _inverse(spectrum, images, [ring])
        left = images - part  # exact where a ring holds nothing
        beyond = (left < -BEYOND) | (left > 1 + BEYOND)
        yield Removed(left.clamp(0, 1), _per_picture(beyond.double()), _per_picture(part.double() ** 2))


def band_response(modules: Sequence[nn.Module], images: Tensor) -> Response:
    """What networks say of pictures (B, 3, H, H) in [0, 1] left alone and without each ring, in float32.

    The pictures are made once for all networks, one ring at a time, so that memory does not grow with the rings. The
    networks run in evaluation mode and are left in the modes they were in. Raises ClewError for images that are not
    square.
    """
    _side(images)
    clipped, energy = [], []
    with torch.no_grad():
        rows = [_logits(modules, images)]
        for removed in without_rings(images):
            rows.append(_logits(modules, removed.pictures))
            clipped.append(removed.clipped)
            energy.append(removed.energy)
    return Response(np.stack(rows, axis=1), np.stack(clipped), np.stack(energy))


def joined(parts: Sequence[Response]) -> Response:
    """The responses to several batches, one after the other."""
    logits = np.concatenate([part.logits for part in parts], axis=2)
    clipped, energy = (np.concatenate([getattr(part, name) for part in parts], 1) for name in ("clipped", "energy"))
    return Response(logits, clipped, energy)


def logit_difference(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The log odds of fake of logits (..., K): with two classes fake minus real, with more the fakes' logsumexp."""
    wide = np.asarray(logits, np.float64)
    return np.asarray(np.logaddexp.reduce(wide[..., 1:], axis=-1) - wide[..., 0])


def _logits(modules: Sequence[nn.Module], images: Tensor) -> NDArray[np.float32]:
    """Logits (M, B, K) of networks in evaluation mode and fp32: rounding to half would pass for a reaction."""
    found = []
    for module in modules:
        with unchanged(module, images.device), torch.no_grad():
            found.append(module(images).float().cpu().numpy())
    return np.stack(found)


def _inverse(spectrum: Tensor, images: Tensor, rings: Sequence[int]) -> Tensor:
    size = _side(images)
    inside = np.isin(ring_numbers(size)[:, : size // 2 + 1], list(rings))
    return torch.fft.irfft2(spectrum * torch.from_numpy(inside).to(images.device), s=(size, size))


def _side(images: Tensor) -> int:
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ClewError(f"expected square images (B, C, H, H), found {tuple(images.shape)}: give a detector's input.")
    return int(images.shape[2])


def _per_picture(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.flatten(1).mean(1).cpu().numpy())
