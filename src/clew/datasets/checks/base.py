"""What a check is given and what it says: findings in plain words, numbers for machines, pictures to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.base.registry import Registry
from clew.datasets.items import SPLITS
from clew.datasets.store import CropStore

OK, NOTE, WARNING, FAULT = SEVERITIES = ("ok", "note", "warning", "fault")
CLASSES = ("real", "fake")
Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Picture:
    """A crop of the store to look at: its sample, its position in the shards and a few words below it."""

    sample: str
    crop: int
    caption: str = ""
    region: bool = False


@dataclass(frozen=True)
class Strip:
    """Pictures that belong side by side: the two of a pair, or those drawn from one class."""

    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Table:
    """A small table for people: cells are text already."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Finding:
    """One sentence that says what was found, and one that says what to do; `note` and `ok` need nothing done."""

    severity: str
    text: str
    advice: str = ""
    strips: tuple[Strip, ...] = ()

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity '{self.severity}': expected one of {', '.join(SEVERITIES)}")


@dataclass(frozen=True)
class Result:
    """What one check found. `numbers` holds plain values for JSON, the rest is for people."""

    name: str
    title: str
    about: str
    findings: tuple[Finding, ...]
    numbers: dict[str, Any]
    tables: tuple[Table, ...] = ()
    strips: tuple[Strip, ...] = ()

    @property
    def severity(self) -> str:
        """The worst of the findings' severities."""
        return worst(finding.severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The result as plain values; pictures by the names of their samples."""
        findings = [
            {
                "severity": one.severity,
                "text": one.text,
                "advice": one.advice,
                "samples": [[picture.sample for picture in strip.pictures] for strip in one.strips],
            }
            for one in self.findings
        ]
        return {"name": self.name, "severity": self.severity, "findings": findings, "numbers": self.numbers}


@dataclass(frozen=True)
class Report:
    """What all checks say of a store."""

    store: CropStore = field(repr=False)
    results: tuple[Result, ...]

    def count(self, severity: str) -> int:
        """How many findings have this severity."""
        return sum(one.severity == severity for result in self.results for one in result.findings)

    def passed(self, strict: bool = False) -> bool:
        """Whether there is no fault; `strict`: no warning either."""
        return self.count(FAULT) == 0 and not (strict and self.count(WARNING))

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "store": str(self.store.path),
            "hash": self.store.hash,
            "protocol": self.store.protocol,
            "layout": self.store.facts.get("layout", ""),
            "official": bool(self.store.facts.get("official")),
            "notes": list(self.store.facts.get("notes") or []),
            "faults": self.count(FAULT),
            "warnings": self.count(WARNING),
            "checks": [result.as_json() for result in self.results],
        }


@dataclass(frozen=True)
class Subject:
    """The store under check. The columns that checks read are those of the rows with status ok, in index order."""

    store: CropStore
    progress: Progress = SILENT

    @property
    def official(self) -> bool:
        """Whether the splits are the layout's own and not drawn or named by whoever made the store."""
        return bool(self.store.facts.get("official"))

    @cached_property
    def kept(self) -> pa.Table:
        """The rows that have a crop."""
        return self.store.index.filter(pc.equal(self.store.index["status"], "ok")).combine_chunks()

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """0 real, 1 fake, of each kept row."""
        return np.asarray(self.kept["label"].to_numpy(), np.int8)

    @cached_property
    def splits(self) -> NDArray[np.int8]:
        """The split of each kept row, as its place in SPLITS."""
        return split_codes(self.kept["split"].to_pylist(), self.store)

    @cached_property
    def crops(self) -> NDArray[np.int64]:
        """The position of each kept row's crop in the shards."""
        return np.asarray(self.kept["crop"].to_numpy(), np.int64)

    def coded(self, column: str) -> tuple[Codes, list[str]]:
        """A column of strings of the kept rows as numbers (N,) and the names that they stand for."""
        return coded(self.column(column))

    def column(self, name: str) -> pa.Array:
        """A column of the kept rows in one piece."""
        return in_one(self.kept[name])

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers of the kept rows, NaN where it is null."""
        return np.asarray(self.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)

    def picture(self, row: int, caption: str = "") -> Picture:
        """A kept row as a picture to look at."""
        one = self.kept.slice(row, 1).select(["sample", "crop", "region"]).to_pylist()[0]
        return Picture(one["sample"], one["crop"], caption or one["sample"], bool(one["region"]))


def in_one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def coded(column: pa.Array) -> tuple[Codes, list[str]]:
    """Strings as numbers (N,), an empty string for null, and the names that they stand for, sorted."""
    encoded = pc.fill_null(column, "").dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return rank[np.asarray(encoded.indices)], [names[at] for at in order]


def split_codes(names: Sequence[str], store: CropStore) -> NDArray[np.int8]:
    """Names of splits as their places in SPLITS; raises ClewError for others."""
    strange = set(names) - set(SPLITS)
    if strange:
        raise ClewError(
            f"{store.path}: expected the splits {', '.join(SPLITS)}, found {said(sorted(map(str, strange)))}."
        )
    place = {name: at for at, name in enumerate(SPLITS)}
    return np.fromiter((place[name] for name in names), np.int8, len(names))


def worst(severities: Any) -> str:
    """The gravest of some severities; ok when there are none."""
    return max(severities, key=SEVERITIES.index, default=OK)


def said(names: Sequence[str], most: int = 3) -> str:
    """A few names for a sentence: `a, b, c and 7 more`."""
    shown = [f"'{name}'" for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most:,} more"
    return listed(shown)


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 picture`, `3,000 pictures`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def percent(share: float) -> str:
    """`12 %`, and one decimal below ten: `3.4 %`."""
    return f"{100 * share:.0f} %" if share >= 0.0995 or share == 0 else f"{100 * share:.1f} %"


@dataclass(frozen=True)
class Check:
    """A check: its place on the page and the function that runs it."""

    order: int
    run: Callable[[Subject], Result]


checks: Registry[Check] = Registry("check")


def check(name: str, order: int) -> Callable[[Callable[[Subject], Result]], Callable[[Subject], Result]]:
    """Decorator that registers a check; the lowest `order` stands first on the page."""

    def add(run: Callable[[Subject], Result]) -> Callable[[Subject], Result]:
        checks.register(name)(Check(order, run))
        return run

    return add
