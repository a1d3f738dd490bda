"""What is explained: test pictures of a store, chosen by whole videos, as the networks see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.hashing import hash_json
from clew.datasets.store import CropStore
from clew.explain.regions import store_regions
from clew.tickets.evaluation.samples import some_videos, take
from clew.training.data import Samples, load_split

SPLIT = "test"
BATCH = 32


@dataclass(frozen=True)
class Subject:
    """N samples of one store, as images of `size` pixels; `slow` (n,): the positions of those for slow measures."""

    samples: Samples
    size: int
    slow: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def store(self) -> CropStore:
        """Where they lie."""
        return self.samples.stores[0]

    @property
    def key(self) -> list[Any]:
        """What decides their pixels: the store, the samples, the size."""
        return [self.store.hash, hash_json(self.samples.rows["sample"].to_pylist()), self.size]

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which of the fakes have a forged region that is known: (N,)."""
        told = np.array([bool(one) for one in self.samples.rows["region"].to_pylist()], np.bool_)
        return np.asarray(told & (self.samples.labels == 1))

    def images(self, positions: NDArray[np.int64]) -> torch.Tensor:
        """Images (B, 3, H, W), float32 in [0, 1]."""
        crops = torch.from_numpy(self.samples.crops(positions, self.size))
        return crops.permute(0, 3, 1, 2).float().div_(255)

    def regions(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The forged regions (B, H, W) at the images' size, all False where none is known."""
        return (
            store_regions(self.store, self.samples.places[positions, 1], self.size) & self.known[positions, None, None]
        )

    def batches(self, positions: NDArray[np.int64] | None = None, batch: int = BATCH) -> list[NDArray[np.int64]]:
        """Positions (all, or some) in batches, in order."""
        order = np.arange(len(self)) if positions is None else positions
        return [order[start : start + batch] for start in range(0, len(order), batch)]


def subject_of(
    store: CropStore, size: int, limit: int, slow: int, classes: tuple[str, ...] = (), fakes: tuple[str, ...] = ()
) -> Subject:
    """About `limit` test samples of a store (0: all), and about `slow` of them for slow measures, by whole videos.

    `classes` of a network of several; `fakes`: the manipulation methods whose fakes stay, as far as the store has
    them (none: all). Raises ClewError for a store without usable test samples.
    """
    for name, count in (("--limit", limit), ("--slow-limit", slow)):
        if count < 0:
            raise ClewError(f"{name} {count}: expected a number of pictures, or 0 for all.")
    samples = load_split([store], SPLIT, classes=classes, both=False, fakes=fakes)
    some = take(samples, some_videos(samples, limit))
    return Subject(some, size, some_videos(some, slow))
