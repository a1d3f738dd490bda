"""What is going to be cropped: a layout's items with their clusters and splits, before any file is opened."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets.disk import counted
from clew.datasets.groups import clusters
from clew.datasets.items import SPLITS, Item
from clew.datasets.layouts import layouts
from clew.datasets.splits import crossing, leave_out_straddling, split_items

SPLITTINGS = ("official", "drawn")


@dataclass(frozen=True)
class Plan:
    """Items in their order, each with its cluster and split, and what the user should know."""

    items: list[Item]
    clusters: list[str]
    splits: list[str]
    notes: tuple[str, ...]
    official: bool

    def digest(self) -> str:
        """SHA-256 over everything in the plan, in hex."""
        digest = hashlib.sha256()
        for triple in zip(self.items, self.clusters, self.splits, strict=True):
            digest.update(repr(triple).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def plan_dataset(
    root: Path,
    layout: str,
    *,
    splits: str = "official",
    compression: Sequence[str] = (),
    methods: Sequence[str] = (),
    limit: int | None = None,
) -> Plan:
    """Reads what lies at `root`.

    `splits` official: the layout's own where it has some; drawn: made here by cluster. `compression` and
    `methods` keep only these (reals are kept always); `limit`: at most so many items of each split and class.
    Raises ClewError for a wrong layout, an empty choice, or identities that stand in several splits made here.
    """
    if splits not in SPLITTINGS:
        raise ClewError(f"--splits {splits}: expected {' or '.join(SPLITTINGS)}.")
    listing = layouts.get(layout)(root)
    items = _chosen(listing.items, compression, methods, root)
    if splits == "drawn":
        items = [replace(i, split="") for i in items]
    notes = list(listing.notes)
    cluster_of = [item.cluster or name for item, name in zip(items, clusters(items), strict=True)]
    split = split_items(items, cluster_of)
    items = leave_out_straddling(items, cluster_of, split)
    official = listing.official and splits == "official"
    _look_for_leaks(items, cluster_of, split, official, notes)
    absent = [part for part in SPLITS if part not in split]
    if absent:
        notes.append(
            f"nothing belongs to the split {' or '.join(absent)}; training needs all three: --splits drawn makes them."
        )
    lost = Counter(i.status for i in items if i.status != "ok")
    for status, count in sorted(lost.items()):
        verb = "is" if count == 1 else "are"
        notes.append(f"{counted(count, 'file')} {verb} {status}; each has its row in the index.")
    if limit is not None:
        kept = _first_of_each([(s, i.label) for i, s in zip(items, split, strict=True)], limit)
        items, cluster_of, split = [items[i] for i in kept], [cluster_of[i] for i in kept], [split[i] for i in kept]
    return Plan(items, cluster_of, split, tuple(notes), official)


def _chosen(items: list[Item], compression: Sequence[str], methods: Sequence[str], root: Path) -> list[Item]:
    for flag, wanted, known in (
        ("--compression", compression, {i.compression for i in items}),
        ("--methods", methods, {i.method for i in items} - {"real"}),
    ):
        strangers = sorted(set(wanted) - known)
        if strangers:
            there = ", ".join(sorted(name for name in known if name)) or "none"
            raise ClewError(f"{flag} {strangers[0]}: {root} has no such files; there: {there}.")
    return [
        item
        for item in items
        if (not compression or item.compression in compression)
        and (not methods or item.method in methods or item.method == "real")
    ]


def _look_for_leaks(
    items: Sequence[Item], cluster_of: Sequence[str], split: Sequence[str], official: bool, notes: list[str]
) -> None:
    usable = [number for number, item in enumerate(items) if item.status == "ok"]
    leaks = crossing([split[n] for n in usable], [cluster_of[n] for n in usable])
    if not leaks:
        return
    name, parts = next(iter(sorted(leaks.items())))
    many = f"{len(leaks):,} groups stand" if len(leaks) > 1 else "1 group stands"
    found = f"{many} in more than one split, the first '{name}' in {' and '.join(sorted(parts))}"
    if official:
        notes.append(f"the official splits share identities: {found}. 'clew data check' says how much.")
        return
    raise ClewError(
        f"{found}: a detector would be tested on what it was trained on. Mend the folders or the groups.csv, or let "
        "Clew draw the splits with --splits drawn."
    )


def _first_of_each(keys: Sequence[tuple[str, int]], limit: int) -> list[int]:
    """Positions of an even choice of at most `limit` of each key (spread over the whole list, not its head)."""
    members: dict[tuple[str, int], list[int]] = {}
    for position, key in enumerate(keys):
        members.setdefault(key, []).append(position)
    kept: list[int] = []
    for found in members.values():
        count = min(limit, len(found))
        kept += [found[i * len(found) // count] for i in range(count)]
    return sorted(kept)
