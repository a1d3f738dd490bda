"""Splits by cluster, never by picture; a part that a layout lacks is drawn by hash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from clew.base.hashing import stable_seed
from clew.datasets.items import SPLITS, Item

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2


def split_items(items: Sequence[Item], cluster_of: Sequence[str]) -> list[str]:
    """The split of each item; "" for one that its reader left out.

    A layout's own splits are kept. Of the items that it gives none, 20 % of the clusters go to test; where there
    is no validation part, it is 10 % of the training clusters, by hash within each kind of cluster (reals only,
    fakes only, both).
    """
    split = [item.split for item in items]
    usable = [item.status == "ok" for item in items]
    free = {c for c, s, u in zip(cluster_of, split, usable, strict=True) if u and s not in SPLITS}
    named = {s for s, u in zip(split, usable, strict=True) if u and s in SPLITS}
    if free:
        test = _draw(items, cluster_of, free, TEST_SHARE, "test")
        drawn = {cluster: "test" if cluster in test else "train" for cluster in free}
        split = [s if s in SPLITS else drawn.get(c, "") for s, c in zip(split, cluster_of, strict=True)]
    if "val" not in named:
        train = {c for c, s, u in zip(cluster_of, split, usable, strict=True) if u and s == "train"}
    else:  # official validation: only what was drawn here still needs one
        train = {c for c in free if drawn[c] == "train"}
    val = _draw(items, cluster_of, train, VALIDATION_SHARE, "val")
    return ["val" if s == "train" and c in val else s for s, c in zip(split, cluster_of, strict=True)]


def _draw(items: Sequence[Item], cluster_of: Sequence[str], among: set[str], share: float, salt: str) -> set[str]:
    """The clusters of `among` whose hashes rank lowest: `share` of each kind, one at least."""
    labels: dict[str, set[int]] = defaultdict(set)
    for item, cluster in zip(items, cluster_of, strict=True):
        if cluster in among and item.status == "ok":
            labels[cluster].add(item.label)
    kinds: dict[frozenset[int], list[str]] = defaultdict(list)
    for cluster, found in labels.items():
        kinds[frozenset(found)].append(cluster)
    drawn: set[str] = set()
    for members in kinds.values():
        ranked = sorted(members, key=lambda name: (stable_seed(salt, name), name))
        drawn.update(ranked[: max(1, round(share * len(ranked)))] if len(ranked) > 1 else [])
    return drawn


def leave_out_straddling(items: Sequence[Item], cluster_of: Sequence[str], split: Sequence[str]) -> list[Item]:
    """The items, those left out whose other identity stands on the other side of a cut that was drawn here.

    This concerns layouts that name the clusters themselves, since swaps between celebrities join everybody. A cut
    that is the layout's own stays as it is.
    """
    home = {(i.split, c): s for i, c, s in zip(items, cluster_of, split, strict=True) if i.cluster and i.status == "ok"}
    out = []
    for item, part in zip(items, split, strict=True):
        if item.cluster and item.status == "ok":
            for group in item.groups:
                other = home.get((item.split, group), part)
                if other != part:
                    why = f"{item.source}: one of its identities stands in {part}, the other ({group}) in {other}."
                    item = replace(item, status="left-out", detail=why)
                    break
        out.append(item)
    return out


def crossing(splits: Sequence[str], cluster_of: Sequence[str]) -> dict[str, set[str]]:
    """Clusters that stand in more than one split, with those splits: a leak."""
    seen: dict[str, set[str]] = defaultdict(set)
    for part, cluster in zip(splits, cluster_of, strict=True):
        if part:
            seen[cluster].add(part)
    return {cluster: parts for cluster, parts in seen.items() if len(parts) > 1}
