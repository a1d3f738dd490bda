"""A dozen test pictures with what dense and the tickets say of them: drawn by lot, not picked by eye."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.base.hashing import stable_fraction
from clew.datasets.store import CropStore, open_store
from clew.media.pictures import encode_jpeg
from clew.reports.probabilities import Probabilities, probabilities
from clew.reports.series import lead_method, shown_level
from clew.reports.thumbs import bars
from clew.reports.words import number, percent
from clew.tickets.ladder import Ladder

COUNT, SIDE, QUALITY, THRESHOLD = 12, 128, 88, 0.5
GROUPS = (  # in the order of the page: dense right?, ticket right?, name, how many
    (True, False, "Dense is right, the ticket is wrong", 2),
    (False, True, "Dense is wrong, the ticket is right", 2),
    (True, True, "Both are right", 5),
    (False, False, "Both are wrong", 3),
)


@dataclass(frozen=True)
class Example:
    """One picture with its label, its scores as bars, and the two that the page compares in words."""

    sample: str
    label: str
    forgery: str
    picture: str
    bars: Markup
    dense: str
    ticket: str


@dataclass(frozen=True)
class Group:
    """Pictures on which dense and ticket agree or differ alike; `count` of them in the whole test split."""

    name: str
    count: int
    examples: list[Example]


@dataclass(frozen=True)
class Examples:
    """The drawn pictures by group, or why there are none."""

    missing: str = ""
    groups: tuple[Group, ...] = ()
    level: str = ""
    total: int = 0
    seeds: int = 0


def examples(ladder: Ladder, summary: Mapping[str, Any], stores: Sequence[Path]) -> Examples:
    """The examples at the headline's level, or the sparsest; their crops come from the stores the ladder names."""
    method, level = lead_method(summary), shown_level(summary)
    if method is None or level is None:
        return Examples("There is no ticket to compare with dense.")
    crops = _Crops(ladder, stores)
    if crops.lacking:
        return Examples(
            f"Pictures are left out: the crop store {crops.lacking} of this search is not at hand unchanged."
        )
    levels = sorted({float(r["target"]) for r in summary["levels"] if r["method"] == method and not r["controls"]})
    scored = probabilities(ladder, method, levels)
    try:
        groups = _groups(scored, level, crops)
    except ClewError:  # a damaged shard, or a sample that the store no longer holds
        return Examples("Pictures are left out: the crop store of this search cannot be read in full.")
    return Examples("", groups, percent(level), len(scored.pictures), len(scored.values[0]))


class _Crops:
    """Finds the crop of a sample in the stores whose content is what the ladder was made from."""

    def __init__(self, ladder: Ladder, paths: Sequence[Path]) -> None:
        found: dict[str, CropStore] = {}
        for path in paths:
            try:
                store = open_store(path)
            except ClewError:  # said on the page: the ladder stands without its pictures
                continue
            found[store.hash] = store
        self.stores = {data["name"]: found[data["hash"]] for data in ladder.facts["data"] if data["hash"] in found}
        self.lacking = next(
            (
                f"\N{LEFT DOUBLE QUOTATION MARK}{d['name']}\N{RIGHT DOUBLE QUOTATION MARK}"
                for d in ladder.facts["data"]
                if d["name"] not in self.stores
            ),
            "",
        )
        self.places: dict[str, dict[str, int]] = {}

    def uri(self, store: str, sample: str) -> str:
        """The crop as a JPEG of at most SIDE pixels in a data URI."""
        if store not in self.places:
            rows = self.stores[store].samples("test")
            self.places[store] = dict(zip(rows["sample"].to_pylist(), rows["crop"].to_pylist(), strict=True))
        place = self.places[store].get(sample)
        if place is None:
            raise ClewError(f"the store {store} holds no test sample {sample}.")
        crop = self.stores[store].crop(place)
        data = encode_jpeg(resize(crop, min(SIDE, crop.shape[0])), QUALITY)
        return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _groups(scored: Probabilities, level: float, crops: _Crops) -> tuple[Group, ...]:
    fake = np.array([row["label"] > 0 for row in scored.pictures])
    right = [(scored.mean(at) >= THRESHOLD) == fake for at in (0.0, level)]
    members = [np.flatnonzero((right[0] == dense) & (right[1] == ticket)) for dense, ticket, _, _ in GROUPS]
    counts = [min(len(some), quota) for some, (_, _, _, quota) in zip(members, GROUPS, strict=True)]
    for at in (2, 3, 0, 1):  # what one group lacks, another gives
        counts[at] += min(COUNT - sum(counts), len(members[at]) - counts[at])
    return tuple(
        Group(name, len(some), [_example(scored, level, at, crops) for at in _drawn(scored, some)[:count]])
        for some, count, (_, _, name, _) in zip(members, counts, GROUPS, strict=True)
    )


def _drawn(scored: Probabilities, members: NDArray[np.int64]) -> list[int]:
    """A group's pictures in an order drawn by the hash of their names, forgeries and reals taking turns."""
    lots = {
        at: stable_fraction("example", *(str(scored.pictures[at][k]) for k in ("store", "sample")))
        for at in members.tolist()
    }
    turns: dict[str, int] = {}
    keys = {}
    for at in sorted(lots, key=lots.__getitem__):
        forgery = str(scored.pictures[at]["forgery"])
        keys[at] = (turns.get(forgery, 0), forgery != "real", lots[at])
        turns[forgery] = turns.get(forgery, 0) + 1
    return sorted(keys, key=keys.__getitem__)


def _example(scored: Probabilities, level: float, at: int, crops: _Crops) -> Example:
    row = scored.pictures[at]
    label = "fake" if row["label"] > 0 else "real"
    forgery = "" if row["forgery"] in ("", label) else str(row["forgery"])
    by_level = [(place, values[:, at]) for place, values in zip(scored.levels, scored.values, strict=True)]
    means = [number(float(scored.mean(place)[at]), 2) for place in (0.0, level)]
    picture = crops.uri(str(row["store"]), str(row["sample"]))
    return Example(str(row["sample"]), label, forgery, picture, bars(by_level, level, row["label"] > 0), *means)
