"""Finds the rows of a store that show the same picture: by bytes, then by hashes and a look at the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from clew.base.hashing import stable_seed
from clew.datasets.checks.base import Subject
from clew.datasets.checks.fingerprints import Fingerprints, fingerprints, likeness
from clew.datasets.checks.neighbours import near_pairs
from clew.datasets.items import SPLITS

COARSE_BITS = 7  # of 64: copies at JPEG quality 60 differ in 4 at most
FINE_BITS = 40  # of 192: such copies differ in 12 (99 of 100), pictures of two people in 54 or more
ALIKE = 0.9  # correlation of details, see `likeness`
CROWD = 512  # pictures of one and the same hash that are compared with each other
KINDS = ("splits", "labels", "unforged")
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Pair:
    """Two kept rows that show the same picture; `exact`: byte for byte the same crop."""

    first: int
    second: int
    exact: bool
    likeness: float


@dataclass
class Copies:
    """What was found, by kind: `splits` in two splits, `labels` under both labels in different clusters, `unforged`
    a fake equal to the original in its own cluster. `hit` (N,) tells which rows; of each row one pair is kept at least.
    """

    pairs: dict[str, list[Pair]]
    hit: dict[str, NDArray[np.bool_]]
    flat: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    crowded: int = 0
    looked: int = 0  # pairs whose pixels were compared


def find_copies(subject: Subject) -> Copies:
    """Reads every crop of the store once, in order, and compares those that look alike.

    Time grows with the number of crops and of look-alikes, memory with the number of crops alone
    (some 150 bytes each).
    """
    rows = subject.kept.num_rows
    with subject.progress.task("reading crops for duplicates", rows) as task:
        prints = fingerprints(subject.store, subject.crops, task)
    search = _Search(subject, prints)
    search.exact()
    with subject.progress.task("comparing what looks alike", 100) as task:
        done = 0.0
        for share in search.near():
            task.advance(100 * share - done)
            done = 100 * share
    return search.found


class _Search:
    def __init__(self, subject: Subject, prints: Fingerprints) -> None:
        self.subject, self.prints = subject, prints
        self.split, self.label = subject.splits, subject.labels
        self.cluster, self.video = subject.coded("cluster")[0], _videos(subject)
        self.unit = (self.cluster.astype(np.int64) * len(SPLITS) + self.split) * 2 + self.label
        hit = {kind: np.zeros(len(self.split), bool) for kind in KINDS}
        self.found = Copies({kind: [] for kind in KINDS}, hit, np.flatnonzero(prints.flat))

    def exact(self) -> None:
        """Pairs of equal bytes."""
        order = np.argsort(self.prints.exact, kind="stable")
        value = self.prints.exact[order]
        edges = np.flatnonzero(np.r_[True, value[1:] != value[:-1], True][: len(order) + 1])
        for low, high in pairwise(edges.tolist()):
            group = order[low:high]
            if high - low > 1 and (np.ptp(self.split[group]) or np.ptp(self.label[group])):
                self._crowd(group)

    def _crowd(self, group: Rows) -> None:
        """Sets each row of equal bytes beside one that it must not equal: never all of a crowd beside all others."""
        units, first = np.unique(self.unit[group], return_index=True)
        part = units % (2 * len(SPLITS))
        few = group[first[np.concatenate([np.flatnonzero(part == one)[:2] for one in np.unique(part)])]]
        stands = dict(zip(units.tolist(), group[first].tolist(), strict=True))
        for row in group.tolist():
            wrong = self._wrong(np.full(len(few), row), few, True)
            for kind in ("splits", "labels"):
                if wrong[kind].any() and not self.found.hit[kind][row]:
                    self._add(kind, row, int(few[wrong[kind]][0]))
            if self.label[row] and int(self.unit[row]) - 1 in stands:
                self._add("unforged", row, stands[int(self.unit[row]) - 1])

    def near(self) -> Iterator[float]:
        """Pairs of other bytes that look the same; yields the share that is done."""
        chosen, same = self._chosen()
        for share, (left, right) in near_pairs(self.prints.coarse[chosen], COARSE_BITS):
            first, second = chosen[left], chosen[right]
            fine = np.bitwise_count(self.prints.fine[first] ^ self.prints.fine[second]).sum(1) <= FINE_BITS
            first, second = first[fine], second[fine]
            for kind, wrong in self._wrong(first, second, False).items():
                new = wrong & ~(self.found.hit[kind][first] & self.found.hit[kind][second])
                for pair in zip(first[new].tolist(), second[new].tolist(), strict=True):
                    self._add(kind, *pair)
            yield share
        for hit in self.found.hit.values():
            np.logical_or(hit, hit[same], out=hit, where=~self.prints.flat)

    def _chosen(self) -> tuple[Rows, Rows]:
        """One row of each hash in each unit (cluster, split, label), and for every row the one that stands for it."""
        order = np.lexsort((self.unit, *self.prints.fine.T, self.prints.coarse))
        keys = np.column_stack((self.unit[order].view(np.uint64), self.prints.fine[order], self.prints.coarse[order]))
        first = np.r_[True, (keys[1:] != keys[:-1]).any(1)][: len(order)]
        same = np.empty(len(order), np.int64)
        same[order] = order[first][np.cumsum(first) - 1]
        chosen = order[first]
        chosen = chosen[~self.prints.flat[chosen]]
        return np.sort(self._thinned(chosen)), same

    def _thinned(self, rows: Rows) -> Rows:
        """At most CROWD rows of each coarse hash, drawn by lot: crowds would take the square of their number."""
        lot = np.random.default_rng(stable_seed("crowd", len(rows))).permutation(len(rows))
        rows = rows[lot]
        order = np.argsort(self.prints.coarse[rows], kind="stable")
        value = self.prints.coarse[rows][order]
        places = np.arange(len(value))
        begins = np.r_[True, value[1:] != value[:-1]][: len(value)]
        start = np.maximum.accumulate(np.where(begins, places, 0))
        kept = rows[order[places - start < CROWD]]
        self.found.crowded = len(rows) - len(kept)
        return kept

    def _wrong(self, first: Rows, second: Rows, exact: bool) -> dict[str, NDArray[np.bool_]]:
        """By kind, which pairs must not show the same picture."""
        split = self.split[first] != self.split[second]
        label = self.label[first] != self.label[second]
        cluster = self.cluster[first] != self.cluster[second]
        video = self.video[first] != self.video[second]
        return {
            "splits": split & video,
            "labels": label & cluster & (exact | ~split),
        }

    def _add(self, kind: str, first: int, second: int) -> None:
        """Looks at the pixels of a pair, and keeps it when they are the same picture."""
        hit = self.found.hit[kind]
        if hit[first] and hit[second]:
            return
        one, other = (np.asarray(self.subject.store.crop(int(self.subject.crops[row]))) for row in (first, second))
        exact = np.array_equal(one, other)
        alike = 1.0 if exact else likeness(one, other)
        self.found.looked += 1
        if exact or alike >= ALIKE:
            hit[first] = hit[second] = True
            self.found.pairs[kind].append(Pair(min(first, second), max(first, second), exact, alike))


def _videos(subject: Subject) -> NDArray[np.int64]:
    """The video of each row as a number; rows without one get numbers of their own."""
    codes, names = subject.coded("video")
    alone = codes == names.index("") if "" in names else np.zeros(len(codes), bool)
    return np.where(alone, len(names) + np.arange(len(codes)), codes)
