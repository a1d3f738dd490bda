"""Batches of crops: read from the stores' memory maps, resized, in an order made from the seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.datasets.store import CropStore
from clew.media.pictures import resize


@dataclass(frozen=True)
class Samples:
    """The samples of one split of some stores: N rows, in the stores' order."""

    stores: tuple[CropStore, ...]
    split: str
    rows: pa.Table  # index rows, with the column "store"
    labels: NDArray[np.int64]  # (N,)
    places: NDArray[np.int64]  # (N, 2): which store, which crop in it

    def __len__(self) -> int:
        return len(self.labels)

    def crops(self, positions: Sequence[int] | NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """The crops at `positions`, resized: (B, size, size, 3) uint8."""
        out = np.empty((len(positions), size, size, 3), np.uint8)
        for row, (store, crop) in enumerate(self.places[np.asarray(positions, np.int64)].tolist()):
            out[row] = resize(self.stores[store].crop(crop), size)
        return out


def load_split(stores: Sequence[CropStore], split: str) -> Samples:
    """The usable samples of a split; raises ClewError naming the stores when it is empty or has one class only."""
    tables, places = [], []
    for number, store in enumerate(stores):
        rows = store.samples(split)
        tables.append(rows.append_column("store", pa.array([store.name] * rows.num_rows, pa.string())))
        places.append(np.stack([np.full(rows.num_rows, number), rows["crop"].to_numpy()], 1))
    rows = pa.concat_tables(tables)
    labels = (rows["label"].to_numpy() > 0).astype(np.int64)
    names = ", ".join(str(store.path) for store in stores)
    if not len(labels):
        raise ClewError(f"{names}: no usable samples in the split '{split}'.")
    if len(set(labels.tolist())) < 2:
        only = "fakes" if labels[0] else "reals"
        raise ClewError(f"{names}: the split '{split}' holds {only} only; both classes are needed.")
    return Samples(tuple(stores), split, rows, labels, np.concatenate(places).astype(np.int64))


def epoch_order(labels: NDArray[np.int64], seed: int, epoch: int, balance: bool) -> NDArray[np.int64]:
    """The order of one epoch: (N,) positions, made from the seed and the epoch's number.

    Balanced: reals and fakes alternate, the smaller class is gone through more than once, each of its samples
    equally often to within one.
    """
    rng = np.random.default_rng(stable_seed("order", seed, epoch))
    if not balance:
        return rng.permutation(len(labels))
    half = (len(labels) + 1) // 2
    sides = [_cycle(np.flatnonzero(labels == label), half, rng) for label in (0, 1)]
    return np.stack(sides, 1).reshape(-1)[: len(labels)]


def _cycle(members: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    rounds = -(-count // len(members))
    return np.concatenate([rng.permutation(members) for _ in range(rounds)])[:count]


def batches(order: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Full batches of an order; what is left over at its end is left out, unless it is all there is."""
    size = min(batch_size, len(order))
    for start in range(0, len(order) - size + 1, size):
        yield order[start : start + size]


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """How many batches `batches` makes of so many samples."""
    return samples // min(batch_size, samples)
