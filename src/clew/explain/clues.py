"""The clues of a network of local blocks (mi_net): where each block looks, and how alike their features are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.explain.focus import empty, top_overlap
from clew.explain.heatmaps import heatmaps
from clew.explain.similarity import LEAST, FeatureSums
from clew.explain.unchanged import unchanged

SHARE = 0.2
BY_CHANCE = SHARE / (2 - SHARE)  # the overlap (IoU) of two sets of a fifth of the pixels drawn by lot, about


@dataclass(frozen=True)
class Clues:
    """How alike the n blocks of one network are on N pictures, for each of P = n (n - 1) / 2 pairs of them.

    `overlap` (P, N) the IoU of the top 20 % of two heatmaps, `energy` (P, N) the intersection of their energies, each
    map's sum 1; NaN where a map is all zero. `cosine` (P, N) of the features, whose axes mean something of their own in
    each block, so that it tells little; `cka` and `debiased` (P,) of all pictures, which do not depend on the axes; NaN
    with fewer pictures than these need.
    """

    overlap: NDArray[np.float64]
    energy: NDArray[np.float64]
    cosine: NDArray[np.float64]
    cka: NDArray[np.float64]
    debiased: NDArray[np.float64]

    def as_dict(self) -> dict[str, Any]:
        """The numbers for JSON, None where they are NaN."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Clues:
        """What `as_dict` gave."""
        return cls(**{field.name: np.array(found[field.name], np.float64) for field in fields(cls)})


def _plain(values: NDArray[np.float64]) -> Any:
    return np.where(np.isfinite(values), values, np.array(None)).tolist()


def blocks_of(module: nn.Module) -> tuple[str, ...]:
    """The CAM layers of a network's local blocks; raises ClewError for a network that has none."""
    layers = getattr(module, "cam_layers", ())
    if len(layers) < 2 or not callable(getattr(module, "clues", None)):
        raise ClewError(f"{type(module).__name__} has no local blocks to compare: give a network such as mi_net.")
    return tuple(layers)


def pairs_of(blocks: int) -> list[tuple[int, int]]:
    """The P pairs of n blocks, counted from 0, in the order of `Clues`."""
    return list(itertools.combinations(range(blocks), 2))


def block_heatmaps(module: nn.Module, images: Tensor, targets: Tensor) -> NDArray[np.float32]:
    """A raw Grad-CAM for each local block (n, B, h, w) of images (B, 3, H, W) and target classes (B,).

    The input gradient knows no layer, and would be one and the same for all blocks.
    """
    layers = blocks_of(module)
    return np.stack([heatmaps(module, images, targets, layer).cpu().numpy() for layer in layers])


def overlaps(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """IoU of the top 20 % of each pair of heatmaps (n, B, h, w) -> (P, B); NaN where one of them has no focus."""
    none = [empty(part) for part in maps]
    pairs = pairs_of(len(maps))
    return np.stack([np.where(none[i] | none[j], np.nan, top_overlap(maps[i], maps[j], SHARE)) for i, j in pairs])


def shared_energy(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection sum min(a, b) of each pair of heatmaps (n, B, h, w), each made to sum to 1 -> (P, B), in [0, 1].

    Negative values count as none; NaN where a map has no energy.
    """
    flat = np.asarray(maps, np.float64).clip(min=0).reshape(*maps.shape[:2], -1)
    whole = flat.sum(axis=2, keepdims=True)
    shares = np.divide(flat, whole, out=np.full(flat.shape, np.nan), where=whole > 0)
    return np.stack([np.minimum(shares[i], shares[j]).sum(axis=1) for i, j in pairs_of(len(shares))])


def cosines(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosine of each pair of blocks' features (B, n, D) -> (P, B); NaN where one is all zero."""
    wide = np.asarray(features, np.float64)
    length = np.linalg.norm(wide, axis=2, keepdims=True)
    unit = np.divide(wide, length, out=np.full(wide.shape, np.nan), where=length > 0)
    return np.stack([(unit[:, i] * unit[:, j]).sum(axis=1) for i, j in pairs_of(wide.shape[1])])


def features_of(module: nn.Module, images: Tensor) -> NDArray[np.float32]:
    """The features (B, n, D) of each local block, in evaluation mode and fp32; the network is left as it was."""
    blocks_of(module)
    with unchanged(module, images.device), torch.no_grad():
        return cast(NDArray[np.float32], module.clues(images).float().cpu().numpy())  # type: ignore[operator]


def clues_of(module: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Clues:
    """How alike a network's local blocks are over batches of images (B, 3, H, W) and target classes (B,).

    Heatmaps and features of one batch are held at a time. Raises ClewError for a network without local blocks, and
    where there is no batch.
    """
    sums: FeatureSums | None = None
    parts = []
    for images, targets in batches:
        features = features_of(module, images)
        maps = block_heatmaps(module, images, targets)
        parts.append((overlaps(maps), shared_energy(maps), cosines(features)))
        sums = FeatureSums(*features.shape[1:]) if sums is None else sums
        sums.add(features)
    if sums is None:
        raise ClewError("expected pictures to compare the blocks on; found none.")
    overlap, energy, cosine = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    return Clues(overlap, energy, cosine, _cka(sums, False), _cka(sums, True))


def _cka(sums: FeatureSums, debiased: bool) -> NDArray[np.float64]:
    """The CKA (P,) of the pairs of blocks; NaN with too few pictures, on which all else can still be told."""
    pairs = pairs_of(sums.blocks)
    if sums.count < LEAST[debiased]:
        return np.full(len(pairs), np.nan)
    return sums.cka(debiased)[tuple(np.array(pairs).T)]
