"""Which pictures a synthetic data set has: people, splits, labels, names; no drawing yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from clew.base.errors import ClewError, unknown_name
from clew.base.hashing import stable_seed
from clew.datasets.synth import forgeries  # noqa: F401  (registers them)
from clew.datasets.synth.forge import FORGERIES

FORMAT = 1
SPLITS = ("train", "val", "test")
LABELS = ("real", "fake")


@dataclass(frozen=True)
class FolderNames:
    """What a layout calls its folders, in the order of SPLITS and LABELS."""

    splits: tuple[str, str, str]
    labels: tuple[str, str]


LAYOUTS: dict[str, FolderNames] = {
    "openforensics-crops": FolderNames(("Train", "Validation", "Test"), ("Real", "Fake")),
    "folder": FolderNames(SPLITS, ("real", "fake")),
}


@dataclass(frozen=True)
class Settings:
    """Everything the pictures depend on."""

    layout: str
    people: int
    per_person: int
    size: int
    seed: int
    fractions: tuple[float, float, float]

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise unknown_name("layout", self.layout, LAYOUTS)
        if self.people < 3:
            raise ClewError(f"people is {self.people}; at least 3 are needed, one for each split.")
        if self.per_person < 2:
            raise ClewError(f"per_person is {self.per_person}; at least 2 are needed, one real and one fake.")
        if not 64 <= self.size <= 1024:
            raise ClewError(f"size is {self.size}; pictures from 64 to 1024 pixels can be drawn.")
        if len(self.fractions) != 3 or min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ClewError(
                f"fractions are {self.fractions}; expected three positive shares (train, val, test) that add up to 1."
            )

    def as_json(self) -> dict[str, Any]:
        """The settings as plain JSON, with the version of the format."""
        return {
            "format": FORMAT,
            "layout": self.layout,
            "people": self.people,
            "per_person": self.per_person,
            "size": self.size,
            "seed": self.seed,
            "fractions": list(self.fractions),
        }


@dataclass(frozen=True)
class Entry:
    """One picture to draw."""

    person: int
    number: int
    split: str
    method: str  # "real" or a forgery
    path: str  # relative, with /

    @property
    def group(self) -> str:
        """The identity, as groups.csv names it."""
        return f"p{self.person:05d}"

    @property
    def region_path(self) -> str | None:
        """Where the forged region goes; None for a genuine picture."""
        return None if self.method == "real" else f"regions/{PurePosixPath(self.path).with_suffix('.png')}"


def _splits(settings: Settings) -> list[str]:
    """The split of every person; each split has at least one."""
    n = settings.people
    val, test = (max(1, round(n * share)) for share in settings.fractions[1:])
    val, test = min(val, n - 2), min(test, n - 1 - min(val, n - 2))
    order = np.random.default_rng(stable_seed("split", settings.seed)).permutation(n)
    names = ["train"] * n
    for rank, person in enumerate(order):
        names[int(person)] = "val" if rank < val else "test" if rank < val + test else "train"
    return names


def methods_of(seed: int, person: int, per_person: int) -> list[str]:
    """`real` or the forgery of each of a person's pictures: half of them genuine, in no order."""
    known = FORGERIES.names()
    genuine = (per_person + person % 2) // 2
    forged = [known[(person + k) % len(known)] for k in range(per_person - genuine)]
    methods = ["real"] * genuine + forged
    order = np.random.default_rng(stable_seed("order", seed, person)).permutation(per_person)
    return [methods[int(k)] for k in order]


def plan_person(settings: Settings, person: int, split: str) -> list[Entry]:
    """The pictures of one person."""
    names = LAYOUTS[settings.layout]
    folder = names.splits[SPLITS.index(split)]
    entries = []
    for number, method in enumerate(methods_of(settings.seed, person, settings.per_person)):
        label = names.labels[0 if method == "real" else 1]
        path = f"{folder}/{label}/p{person:05d}-{number}.jpg"
        entries.append(Entry(person, number, split, method, path))
    return entries


def plan(settings: Settings) -> Iterator[list[Entry]]:
    """The pictures of every person in turn."""
    for person, split in enumerate(_splits(settings)):
        yield plan_person(settings, person, split)


def summarise(settings: Settings) -> dict[str, Any]:
    """Settings and counts, as synth.json holds them."""
    entries = [entry for person in plan(settings) for entry in person]
    splits = {
        split: {
            "people": len({e.person for e in entries if e.split == split}),
            "real": sum(e.split == split and e.method == "real" for e in entries),
            "fake": sum(e.split == split and e.method != "real" for e in entries),
        }
        for split in SPLITS
    }
    methods = dict(sorted(Counter(e.method for e in entries).items()))
    return {**settings.as_json(), "pictures": len(entries), "splits": splits, "methods": methods}
