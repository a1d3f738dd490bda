"""The crop store: a table of samples and memory-mapped shards of crops."""

from __future__ import annotations

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

SCHEMA_VERSION = 1


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
        protocol = self.facts["protocol"]
        return f"{protocol['name']}-v{protocol['version']}, {protocol['size']} px"

    @property
    def size(self) -> int:
        """Height and width of the crops, in pixels."""
        return int(self.facts["protocol"]["size"])

    def samples(self, split: str) -> pa.Table:
        """The rows of one split whose status is ok, in index order."""
        chosen = pc.and_(pc.equal(self.index["split"], split), pc.equal(self.index["status"], "ok"))
        return self.index.filter(chosen)

    def crop(self, position: int) -> NDArray[np.uint8]:
        """The crop at a position of the column `crop`: (H, W, 3), a view into the shard."""
        shard, row = self._locate(position)
        return np.asarray(self._shards[shard][row])

    def region(self, position: int) -> NDArray[np.bool_]:
        """The forged region of a crop: (H, W), all False where it is not known (see the column `region`)."""
        shard, row = self._locate(position)
        regions = self._regions[shard]
        if regions is None:
            return np.zeros((self.size, self.size), bool)
        return np.asarray(regions[row] != 0)

    def _locate(self, position: int) -> tuple[int, int]:
        if not 0 <= position < self._starts[-1]:
            raise ClewError(f"{self.path} has {self._starts[-1]} crops; there is no crop {position}.")
        shard = int(np.searchsorted(self._starts, position, side="right")) - 1
        return shard, position - int(self._starts[shard])

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum([0] + [shard["count"] for shard in self.facts["shards"]])

    @cached_property
    def _shards(self) -> list[NDArray[np.uint8]]:
        side = self.size
        return [_map(self.path / s["crops"], (s["count"], side, side, 3)) for s in self.facts["shards"]]

    @cached_property
    def _regions(self) -> list[NDArray[np.uint8] | None]:
        side = self.size
        return [
            _map(self.path / s["regions"], (s["count"], side, side)) if s["regions"] else None
            for s in self.facts["shards"]
        ]


def _map(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ClewError(f"{path} cannot be read ({error}): make the store again.") from None
    if array.shape != shape or array.dtype != np.uint8:
        raise ClewError(f"{path}: expected uint8 {shape}, found {array.dtype} {array.shape}: make the store again.")
    return array


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
    try:
        crops = int(store._starts[-1])
        complete = all(key in store.facts["protocol"] for key in ("name", "version", "size")) and store.hash
    except (KeyError, TypeError, ValueError):
        complete = False
    if not complete:
        raise ClewError(f"{store.path / 'store.json'} lacks entries: make the store again with 'clew data crop'.")
    kept = int(pc.sum(pc.equal(store.index["status"], "ok")).as_py() or 0)
    if kept != crops:
        raise ClewError(f"{store.path}: the index names {kept} crops, the shards hold {crops}: make the store again.")
    if len(store._shards) != len(store._regions):  # opens every shard, so that a damaged one is found before work
        raise ClewError(f"{store.path}: shards and regions differ in number.")
