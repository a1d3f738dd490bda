"""Splits by cluster, never by picture; a part that a layout lacks is drawn by hash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.datasets.items import SPLITS, Item

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2


def split_items(items: Sequence[Item], cluster_of: Sequence[str]) -> list[str]:
    """The split of each item.

    A layout's own splits are kept. Where none is named, 20 % of the clusters go to test; where there is no
    validation part, it is 10 % of the training clusters, by hash within each kind of cluster (reals only, fakes
    only, both).
    """
    split = [item.split for item in items]
    if not any(split):
        test = _draw(items, cluster_of, ["train"] * len(items), TEST_SHARE, "test")
        split = ["test" if cluster in test else "train" for cluster in cluster_of]
    elif not all(split):
        lost = next(item.source for item in items if not item.split)
        raise ClewError(f"{lost} belongs to no split while other files do: expected one of {', '.join(SPLITS)}.")
    if "val" not in split:
        val = _draw(items, cluster_of, split, VALIDATION_SHARE, "val")
        split = ["val" if s == "train" and c in val else s for s, c in zip(split, cluster_of, strict=True)]
    return split


def _draw(items: Sequence[Item], cluster_of: Sequence[str], split: Sequence[str], share: float, salt: str) -> set[str]:
    """The clusters of `split` train whose hashes rank lowest: `share` of each kind, one at least."""
    labels: dict[str, set[int]] = defaultdict(set)
    for item, cluster, part in zip(items, cluster_of, split, strict=True):
        if part == "train":
            labels[cluster].add(item.label)
    kinds: dict[frozenset[int], list[str]] = defaultdict(list)
    for cluster, found in labels.items():
        kinds[frozenset(found)].append(cluster)
    drawn: set[str] = set()
    for members in kinds.values():
        ranked = sorted(members, key=lambda name: (stable_seed(salt, name), name))
        drawn.update(ranked[: max(1, round(share * len(ranked)))] if len(ranked) > 1 else [])
    return drawn


def crossing(splits: Sequence[str], cluster_of: Sequence[str]) -> dict[str, set[str]]:
    """Clusters that stand in more than one split, with those splits: a leak."""
    seen: dict[str, set[str]] = defaultdict(set)
    for part, cluster in zip(splits, cluster_of, strict=True):
        seen[cluster].add(part)
    return {cluster: parts for cluster, parts in seen.items() if len(parts) > 1}
