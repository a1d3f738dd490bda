"""The samples that are scored: those of a store's split, whole videos of them, and their corrupted crops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clew.base.crops import resize
from clew.base.hashing import stable_fraction, stable_seed
from clew.datasets.store import CropStore
from clew.tickets.evaluation.corruptions import corruptions
from clew.training.data import Samples, load_split

SPLITS = ("train", "val", "test")


def usable(store: CropStore, split: str, classes: Sequence[str] = ()) -> Samples:
    """The usable samples of a split of one store, of one class or of both; raises ClewError where there are none."""
    return load_split([store], split, classes=classes, both=False)


def take(samples: Samples, positions: NDArray[np.int64]) -> Samples:
    """Some of the samples, in the order of `positions`."""
    rows, labels, places = samples.rows.take(positions), samples.labels[positions], samples.places[positions]
    return replace(samples, rows=rows, labels=labels, places=places)


def video_names(samples: Samples) -> list[str]:
    """The whole identity of each sample's video (forgery, compression and name), "" for a lone picture: (N,)."""
    columns = (samples.rows[name].to_pylist() for name in ("method", "compression", "video"))
    return ["\n".join(str(part or "") for part in parts) if parts[-1] else "" for parts in zip(*columns, strict=True)]


def some_videos(samples: Samples, limit: int) -> NDArray[np.int64]:
    """Positions of about `limit` samples: whole videos, always the same, reals and fakes alike as far as they go.

    They are spread over as many clusters as can be, the same ones for both classes. A video is never cut, so that
    there may be a few samples more; 0 means all.
    """
    if not 0 < limit < len(samples):
        return np.arange(len(samples))
    clusters = samples.rows["cluster"].to_pylist()
    sides = [_in_turns(groups, clusters) for groups in _groups(samples)]
    have = [sum(map(len, side)) for side in sides]
    wanted = [max(limit // 2, limit - have[1 - label]) for label in (0, 1)]
    kept = [at for side, most in zip(sides, wanted, strict=True) for group in _first(side, most) for at in group]
    return np.sort(np.array(kept, np.int64))


def _groups(samples: Samples) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """The positions of each video of the reals, and of the fakes; a lone picture is a group of its own."""
    names = samples.rows["sample"].to_pylist()
    found: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
    for at, (video, label) in enumerate(zip(video_names(samples), samples.labels.tolist(), strict=True)):
        found[label].setdefault(video or f"\n{names[at]}", []).append(at)
    return found


def _in_turns(groups: dict[str, list[int]], clusters: Sequence[str]) -> list[list[int]]:
    """The groups in an order made from names: the first of every cluster, then the second of every cluster, ..."""
    turns: Counter[str] = Counter()
    order = []
    for name in sorted(groups, key=lambda name: (stable_fraction("evaluated", name), name)):
        cluster = str(clusters[groups[name][0]] or name)
        order.append((turns[cluster], stable_fraction("evaluated", cluster), name))
        turns[cluster] += 1
    return [groups[name] for _, _, name in sorted(order)]


def _first(groups: Sequence[list[int]], most: int) -> list[list[int]]:
    """Groups from the front until they hold `most` members or more."""
    ends = np.cumsum([len(group) for group in groups])
    return list(groups[: int(np.searchsorted(ends, most)) + 1])


@dataclass(frozen=True)
class Corrupted(Samples):
    """Samples whose crops are corrupted as they are read, before the detector's size: the same every time."""

    corruption: str = ""
    level: float = 0.0

    def crops(self, positions: Sequence[int] | NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """The corrupted crops at `positions`, resized: (B, size, size, 3) uint8."""
        wanted = np.asarray(positions, np.int64)
        out = np.empty((len(wanted), size, size, 3), np.uint8)
        change = corruptions.get(self.corruption).change
        for row, (position, name) in enumerate(zip(wanted, self.rows["sample"].take(wanted).to_pylist(), strict=True)):
            number, crop = self.places[position]
            rng = np.random.default_rng(stable_seed("corruption", self.corruption, f"{self.level:g}", name))
            out[row] = resize(change(self.stores[number].crops([crop])[0], self.level, rng), size)
        return out


def corrupted(samples: Samples, corruption: str, level: float) -> Corrupted:
    """The same samples under a corruption; raises ClewError that lists the known ones."""
    corruptions.get(corruption)
    parts = (samples.stores, samples.split, samples.rows, samples.labels, samples.places, samples.classes)
    return Corrupted(*parts, corruption=corruption, level=level)
