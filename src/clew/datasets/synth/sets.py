"""What a set of videos is planned from: settings, units of work, the truth; and the registry of layouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.base.registry import Registry
from clew.datasets.synth.clip import ClipId, Format
from clew.datasets.synth.encode import COMPRESSIONS
from clew.datasets.synth.truth import Truth

VERSION = 1  # of what is drawn: another one, other bytes
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class VideoSettings:
    """Everything a set of videos depends on; `videos` counts originals."""

    layout: str
    videos: int
    seed: int = 0
    compression: tuple[str, ...] = ("c23",)
    frames: int = 8  # kept of each video, where the layout holds frames
    size: int = 240  # height of a frame
    seconds: tuple[float, float] = (1.0, 1.4)
    fractions: tuple[float, float, float] = (0.72, 0.14, 0.14)  # train, val, test

    def __post_init__(self) -> None:
        LAYOUTS.get(self.layout)
        unknown = [name for name in self.compression if name not in COMPRESSIONS]
        if unknown or not self.compression or len(set(self.compression)) < len(self.compression):
            raise ClewError(
                f"compression is '{','.join(self.compression)}'; expected one or more of "
                f"{', '.join(COMPRESSIONS)}, each once, separated by commas."
            )
        if not 160 <= self.size <= 720 or self.size % 2:
            raise ClewError(f"size is {self.size}; frames of an even height from 160 to 720 pixels can be drawn.")
        if not 1 <= self.frames <= 25:
            raise ClewError(f"frames is {self.frames}; from 1 to 25 of each video can be kept.")
        if not 0.2 <= self.seconds[0] <= self.seconds[1] <= 10.0:
            raise ClewError(f"seconds are {self.seconds}; expected a least and a most from 0.2 to 10.")
        if len(self.fractions) != 3 or min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ClewError(
                f"fractions are {self.fractions}; expected three positive shares (train, val, test) that add up to 1."
            )

    @property
    def format(self) -> Format:
        """The shape of the set's clips."""
        return Format(round(self.size * 2 / 3) * 2, self.size, seconds=self.seconds)

    @property
    def test_share(self) -> float:
        """The share of originals for testing in a layout without a validation part."""
        return self.fractions[1] + self.fractions[2]

    def clip(self, person: int, number: int = 0) -> ClipId:
        """A clip of this set."""
        return ClipId(self.seed, person, number)

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """A generator for one purpose of this set's plan."""
        return np.random.default_rng(stable_seed("set", self.seed, *purpose))

    def need(self, least: int, why: str) -> None:
        """Raises ClewError unless there are `least` originals."""
        if self.videos < least:
            raise ClewError(f"videos is {self.videos}; --layout {self.layout} needs at least {least}: {why}.")

    def only_compression(self) -> str:
        """The one compression of a layout that holds each video once; raises ClewError for several."""
        if len(self.compression) > 1:
            raise ClewError(
                f"compression is '{','.join(self.compression)}'; --layout {self.layout} holds each video once: "
                "name one."
            )
        return self.compression[0]

    def as_json(self) -> dict[str, Any]:
        """The settings as plain JSON."""
        return {
            "version": VERSION,
            "layout": self.layout,
            "videos": self.videos,
            "seed": self.seed,
            "compression": list(self.compression),
            "frames": self.frames,
            "size": self.size,
            "seconds": list(self.seconds),
            "fractions": list(self.fractions),
        }


class Unit(Protocol):
    """A piece of work that one process does at once."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it writes, relative, with /."""

    def make(self, out: Path, wanted: frozenset[str]) -> None:
        """Writes those of its files that are in `wanted` below `out`."""


@dataclass(frozen=True)
class Plan:
    """All that a set will hold, before anything is drawn."""

    units: tuple[Unit, ...]
    truth: tuple[Truth, ...]
    texts: Mapping[str, Callable[[], str]] = field(default_factory=dict)  # small files, made when all else is there

    def counts(self) -> dict[str, Any]:
        """Samples per split and label, and per method."""
        splits = {
            split: {
                "real": sum(t.split == split and t.label == 0 for t in self.truth),
                "fake": sum(t.split == split and t.label == 1 for t in self.truth),
            }
            for split in SPLITS
        }
        return {"samples": len(self.truth), "splits": splits, "methods": dict(Counter(t.method for t in self.truth))}


Planner = Callable[[VideoSettings], Plan]
LAYOUTS: Registry[Planner] = Registry("layout")


def deal(count: int, fractions: tuple[float, float, float], rng: np.random.Generator) -> list[str]:
    """The split of each of `count` >= 3 things in random order; every split has at least one."""
    val, test = (max(1, round(count * share)) for share in fractions[1:])
    val = min(val, count - 2)
    test = min(test, count - 1 - val)
    names = ["val"] * val + ["test"] * test + ["train"] * (count - val - test)
    out = [""] * count
    for place, name in zip(rng.permutation(count), names, strict=True):
        out[int(place)] = name
    return out
