"""The crop store: a table of samples and memory-mapped shards of crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.datasets.index import SCHEMA, read_table
from clew.datasets.protocol import describe
from clew.datasets.shards import Shards

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class CropStore:
    """A finished store. Crops are (H, W, 3) uint8 RGB, in index order, read through memory maps.

    `facts` is what `store.json` says: schema, protocol (name, version, size), layout, content hash, shards.
    """

    path: Path
    facts: dict[str, Any]
    index: pa.Table = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the store's folder."""
        return self.path.resolve().name

    @property
    def hash(self) -> str:
        """SHA-256 over the crops and what the index says of them."""
        return str(self.facts["hash"])

    @property
    def protocol(self) -> str:
        """Name and version of the crop protocol, for people: it stands beside every number."""
        return describe(self.facts["protocol"])

    @property
    def size(self) -> int:
        """Height and width of the crops, in pixels."""
        return int(self.facts["protocol"]["size"])

    def samples(self, split: str) -> pa.Table:
        """The rows of one split whose status is ok, in index order."""
        chosen = pc.and_(pc.equal(self.index["split"], split), pc.equal(self.index["status"], "ok"))
        return self.index.filter(chosen)

    def crop(self, position: int) -> NDArray[np.uint8]:
        """The crop at a position of the column `crop`: (H, W, 3), a memory-mapped view."""
        return self._crops.view(position)

    def crops(
        self, positions: Sequence[int] | NDArray[np.int64], out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """The crops at `positions`, copied: (B, H, W, 3); read in the order in which they lie on the disk.

        `out`: an array of that shape to copy them to. New memory costs more than reading does: in a loop, give one.
        """
        wanted = np.asarray(positions, np.int64)
        shape = (len(wanted), self.size, self.size, 3)
        out = np.empty(shape, np.uint8) if out is None else out
        if out.shape != shape or out.dtype != np.uint8:
            raise ValueError(f"out: expected uint8 {shape}, found {out.dtype} {out.shape}")
        for row in np.argsort(wanted, kind="stable").tolist():
            self._crops.read(int(wanted[row]), out[row])
        return out

    def region(self, position: int) -> NDArray[np.bool_]:
        """The forged region of a crop: (H, W), all False where it is not known (see the column `region`)."""
        return np.asarray(self._regions.view(position) != 0)

    @cached_property
    def _crops(self) -> Shards:
        return self._files("crops", (self.size, self.size, 3))

    @cached_property
    def _regions(self) -> Shards:
        return self._files("regions", (self.size, self.size))

    def _files(self, kind: str, shape: tuple[int, ...]) -> Shards:
        shards = self.facts["shards"]
        return Shards(self.path, [s[kind] for s in shards], [s["count"] for s in shards], shape)


def open_store(path: Path | str) -> CropStore:
    """Opens a finished crop store; raises ClewError when it is none, unfinished, or of another schema."""
    path = Path(path)
    if not path.is_dir():
        raise ClewError(f"{path} is not a crop store: make one with 'clew data crop ROOT --layout NAME --out {path}'.")
    if not (path / "store.json").exists():
        raise ClewError(
            f"{path} is not a finished crop store (it has no store.json): run 'clew data crop' on it (again)."
        )
    facts = read_json(path / "store.json")
    found = facts.get("schema") if isinstance(facts, dict) else None
    if found != SCHEMA_VERSION:
        raise ClewError(
            f"{path / 'store.json'} has schema {found!r}; this version of Clew reads {SCHEMA_VERSION}: "
            "make the store again with 'clew data crop'."
        )
    index = read_table(path / "index.parquet", SCHEMA)
    store = CropStore(path, facts, index)
    _check(store)
    return store


def _check(store: CropStore) -> None:
    """Looks at every shard, so that a damaged one is found before work."""
    try:
        complete = all(key in store.facts["protocol"] for key in ("name", "version", "size")) and store.hash
        crops = len(store._crops)
        _ = store._regions
    except (KeyError, TypeError, ValueError):
        complete = False
    if not complete:
        raise ClewError(f"{store.path / 'store.json'} lacks entries: make the store again with 'clew data crop'.")
    kept = int(pc.sum(pc.equal(store.index["status"], "ok")).as_py() or 0)
    if kept != crops:
        raise ClewError(f"{store.path}: the index names {kept} crops, the shards hold {crops}: make the store again.")
