"""Batches of crops: read from the stores' memory maps, resized, in an order made from the seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.datasets.store import CropStore
from clew.training.fakes import check_fakes, no_fakes_left, with_fakes


@dataclass(frozen=True)
class Samples:
    """The samples of one split of some stores: N rows, in the stores' order."""

    stores: tuple[CropStore, ...]
    split: str
    rows: pa.Table  # index rows, with the column "store"
    labels: NDArray[np.int64]  # (N,) 0 real, 1 fake
    places: NDArray[np.int64]  # (N, 2): which store, which crop in it
    classes: tuple[str, ...] = ()  # real, then manipulation methods; empty where fakes are one class

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def targets(self) -> NDArray[np.int64]:
        """Each sample's class (N,): its label, or the place of its method among `classes`; -1 for one not there."""
        if not self.classes:
            return self.labels
        place = {name: number for number, name in enumerate(self.classes)}
        methods = self.rows["method"].to_pylist()
        return np.array([place.get(m, -1) if y else 0 for m, y in zip(methods, self.labels.tolist(), strict=True)])

    def keys(self, balance: str) -> tuple[NDArray[np.int64], ...]:
        """What `balance` (class, source, method, video) shares a class out by, as numbers (N,), from coarse to fine."""
        if balance == "source":
            return (self.places[:, 0],)
        names = {"method": ("method",), "video": ("method", "video")}.get(balance, ())
        return tuple(self._numbers(name) for name in names)

    def _numbers(self, name: str) -> NDArray[np.int64]:
        """A column as numbers: equal ones for equal values of one store; without a video a sample is its own."""
        values = self.rows[name]
        if name == "video":
            whole = pc.binary_join_element_wise(self.rows["store"], values, "/")
            alone = pc.binary_join_element_wise(self.rows["store"], self.rows["sample"], "/")
            values = pc.if_else(pc.equal(values, ""), alone, whole)
        return pc.rank(values, tiebreaker="dense").to_numpy().astype(np.int64)

    def crops(self, positions: Sequence[int] | NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """The crops at `positions`, resized: (B, size, size, 3) uint8."""
        places = self.places[np.asarray(positions, np.int64)]
        out = np.empty((len(places), size, size, 3), np.uint8)
        for number, store in enumerate(self.stores):
            scratch = np.empty((1, store.size, store.size, 3), np.uint8)
            for row in np.flatnonzero(places[:, 0] == number).tolist():
                out[row] = resize(store.crops(places[row, 1:], scratch)[0], size)
        return out


REAL = "real"


def method_classes(stores: Sequence[CropStore], fakes: Sequence[str] = ()) -> tuple[str, ...]:
    """real, and every manipulation method of the training split (of `fakes` alone) in the order of the alphabet.

    Raises ClewError when there are fewer than two methods, or fakes whose method is not known.
    """
    check_fakes(stores, fakes)
    found: set[str] = set()
    for store in stores:
        rows = with_fakes(store.samples("train"), fakes)
        found |= set(pc.unique(rows.filter(pc.greater(rows["label"], 0))["method"]).to_pylist())
    names = ", ".join(str(store.path) for store in stores)
    if found & {"", REAL, None}:
        raise ClewError(
            f"{names}: some fakes of the training split have no method; --classes method needs all of them."
        )
    if len(found) < 2:
        only = f"one method only ({found.pop()})" if found else "no fakes"
        raise ClewError(f"{names}: the training split has {only}; --classes method needs two or more.")
    return (REAL, *sorted(found))


def load_split(
    stores: Sequence[CropStore],
    split: str,
    reals_only: bool = False,
    classes: Sequence[str] = (),
    both: bool = True,
    fakes: Sequence[str] = (),
) -> Samples:
    """The usable samples of a split; raises ClewError naming the stores when it is empty or has one class only.

    `reals_only`: its reals alone; `classes`: real and methods, which become the targets; `both` False lets a split
    of one class through; `fakes`: the manipulation methods whose fakes stay (none named: all), an unknown one is
    refused.
    """
    check_fakes(stores, fakes)
    tables, places = [], []
    for number, store in enumerate(stores):
        rows = with_fakes(store.samples(split), fakes)
        if reals_only:
            rows = rows.filter(pc.equal(rows["label"], 0))
        tables.append(rows.append_column("store", pa.array([store.name] * rows.num_rows, pa.string())))
        places.append(np.stack([np.full(rows.num_rows, number), rows["crop"].to_numpy()], 1))
    rows = pa.concat_tables(tables)
    labels = (rows["label"].to_numpy() > 0).astype(np.int64)
    names = ", ".join(str(store.path) for store in stores)
    if not len(labels):
        what = "real samples" if reals_only else "usable samples"
        raise ClewError(f"{names}: no {what} in the split '{split}'; 'clew data crop --splits drawn' makes all three.")
    if fakes and both and not reals_only and not labels.any():
        raise no_fakes_left(stores, split, fakes)
    if len(set(labels.tolist())) < 2 and both and not reals_only:
        only = "fakes" if labels[0] else "reals"
        hint = " (--blend makes fakes of reals)" if only == "reals" else ""
        raise ClewError(f"{names}: the split '{split}' holds {only} only; both classes are needed{hint}.")
    return Samples(tuple(stores), split, rows, labels, np.concatenate(places).astype(np.int64), tuple(classes))


def epoch_order(
    labels: NDArray[np.int64], seed: int, epoch: int, balance: bool, keys: Sequence[NDArray[np.int64]] = ()
) -> NDArray[np.int64]:
    """The order of one epoch: (N,) positions of samples of the classes `labels` (N,), from seed and epoch alone.

    Balanced: the classes take turns, the smaller ones are gone through more than once. `keys` (each (N,), from
    coarse to fine: method, video) share a class out further, each value of a key as often as the others to within
    one; without them each sample of a class comes equally often to within one.
    """
    rng = np.random.default_rng(stable_seed("order", seed, epoch))
    if not balance:
        return rng.permutation(len(labels))
    classes = np.unique(labels)
    share = -(-len(labels) // len(classes))
    sides = [_take(np.flatnonzero(labels == label), keys, share, rng) for label in classes]
    return np.stack(sides, 1).reshape(-1)[: len(labels)]


def _take(
    members: NDArray[np.int64], keys: Sequence[NDArray[np.int64]], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """`count` of `members`, the values of the first key equally often, and so on down; in random order."""
    if not keys:
        return _cycle(members, count, rng)
    by_value = np.argsort(keys[0][members], kind="stable")
    values, starts = np.unique(keys[0][members[by_value]], return_index=True)
    groups = np.split(members[by_value], starts[1:])
    share = np.full(len(values), count // len(values))
    share[rng.permutation(len(values))[: count % len(values)]] += 1
    taken = [_take(group, keys[1:], int(n), rng) for group, n in zip(groups, share, strict=True) if n]
    return rng.permutation(np.concatenate(taken))


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
