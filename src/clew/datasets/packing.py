"""Writing a crop store: parts come in order, shards and the index grow, and the whole appears at the end.

A part is what one unit of work (a video, some pictures) gave. It lies in `parts/` until the shard that it went
into is closed, so that a run killed at any moment goes on, and ends in the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.files import (
    atomic_path,
    clear_errors,
    read_json,
    settle,
    strangers,
    sweep_temporaries,
    temporary_path,
    write_json,
)
from clew.base.hashing import hash_file, hash_json
from clew.datasets.index import SCHEMA, index_table, read_table, write_table
from clew.datasets.protocol import describe
from clew.datasets.store import SCHEMA_VERSION, CropStore, open_store

SHARD_BYTES = 128 * 2**20
UNFINISHED = "unfinished.json"
PARTS = "parts"
_HASHED = ["sample", "video", "cluster", "label", "method", "compression", "split", "status"]

Crops = NDArray[np.uint8]


def begin_store(out: Path, facts: Mapping[str, Any]) -> CropStore | None:
    """Makes `out` ready for the store that `facts` describe; returns it when it is finished already.

    `facts` (JSON: layout, protocol, a digest of the plan, ...) tell one store from another. Raises ClewError when
    `out` holds anything else.
    """
    facts = {"schema": SCHEMA_VERSION, **facts}
    if (out / "store.json").exists():
        return _same_store(out, facts)
    started = out / UNFINISHED
    if started.exists():
        if read_json(started) != facts:
            raise ClewError(f"{out} holds an unfinished store made from other data or settings: choose another --out.")
    elif out.exists() and (not out.is_dir() or strangers(out)):
        raise ClewError(f"{out} exists and is not a crop store: choose another --out.")
    else:
        write_json(started, facts)
    sweep_temporaries(out)
    return None


def _same_store(out: Path, facts: Mapping[str, Any]) -> CropStore:
    store = open_store(out)
    differing = [key for key in facts if store.facts.get(key) != facts[key]]
    if "protocol" in differing:
        raise ClewError(
            f"{out} was made with the crop protocol {store.protocol}, this run asks for "
            f"{describe(facts['protocol'])}: crops of two protocols do not go into one store. Choose another --out."
        )
    if differing:
        raise ClewError(f"{out} already holds crops of other data (or of a changed folder): choose another --out.")
    _tidy(out)
    return store


def write_part(out: Path, number: int, rows: list[dict[str, Any]], crops: Crops, regions: Crops) -> None:
    """Writes what unit `number` gave: rows of the index, crops (k, S, S, 3), regions (r, S, S) of 0 and 1.

    The rows with status ok have their crops in `crops`, in order; those of them with `region` theirs in `regions`.
    The rows are written last: a part whose rows are there is whole.
    """
    base = out / PARTS
    base.mkdir(exist_ok=True)
    for name, array in (("crops", crops), ("regions", regions)):
        file = _Growing(base / f"{number:07d}-{name}.npy", array.shape[1:])
        try:
            file.append(array)
            file.close()
        finally:
            file.abandon()
    write_table(base / f"{number:07d}.parquet", index_table(rows))


def part_exists(out: Path, number: int) -> bool:
    """Whether the part of unit `number` is there and whole."""
    return (out / PARTS / f"{number:07d}.parquet").exists()


class StoreWriter:
    """Puts parts into shards, in order; a context that closes what is open.

    `next` is the number of the first part that no closed shard holds.
    """

    def __init__(self, out: Path, size: int) -> None:
        self.out, self.size = out, size
        self.shards = [read_json(path) for path in sorted(out.glob("shard-*.json"))]
        self.next = self.shards[-1]["parts"] if self.shards else 0
        self._first = self.next
        self._tables: list[pa.Table] = []
        self._crops = _Growing(out / self._name("crops"), (size, size, 3))
        self._regions = _Growing(out / self._name("regions"), (size, size))

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._crops.abandon()
        self._regions.abandon()

    def _name(self, kind: str) -> str:
        return f"{kind}-{len(self.shards):05d}.npy"

    def take(self) -> bool:
        """Packs part `next` when it is there; says whether it was."""
        if not part_exists(self.out, self.next):
            return False
        base = self.out / PARTS / f"{self.next:07d}"
        table = read_table(base.with_suffix(".parquet"), SCHEMA)
        kept = int(pc.sum(pc.equal(table["status"], "ok")).as_py() or 0)
        known = np.flatnonzero(table.filter(pc.equal(table["status"], "ok"))["region"].to_numpy(zero_copy_only=False))
        start = self._crops.count
        if kept:
            self._crops.append(_load(Path(f"{base}-crops.npy"), (kept, self.size, self.size, 3)))
        if len(known):
            areas = _load(Path(f"{base}-regions.npy"), (len(known), self.size, self.size))
            self._regions.append_zeros(start - self._regions.count)
            padded = np.zeros((kept, self.size, self.size), np.uint8)
            padded[known] = areas
            self._regions.append(padded)
        self._tables.append(_placed(table, start))
        self.next += 1
        if self._crops.bytes >= SHARD_BYTES:
            self._close()
        return True

    def _close(self) -> None:
        """Closes the shard: its crops, regions and rows, then the note that makes it count, then its parts go."""
        count = self._crops.count
        if self._regions.count:
            self._regions.append_zeros(count - self._regions.count)
        facts = {
            "crops": self._crops.close(),
            "regions": self._regions.close(),
            "count": count,
            "parts": self.next,
            "sha256": "",
        }
        if count:
            facts["sha256"] = hash_file(self.out / str(facts["crops"]))
        number = len(self.shards)
        write_table(self.out / f"shard-{number:05d}.parquet", pa.concat_tables(self._tables).combine_chunks())
        write_json(self.out / f"shard-{number:05d}.json", facts)
        self.shards.append(facts)
        for part in range(self._first, self.next):
            for path in (self.out / PARTS).glob(f"{part:07d}*"):
                path.unlink()
        self._first, self._tables = self.next, []
        self._crops = _Growing(self.out / self._name("crops"), (self.size, self.size, 3))
        self._regions = _Growing(self.out / self._name("regions"), (self.size, self.size))

    def finish(self, facts: Mapping[str, Any]) -> CropStore:
        """Joins the shards' rows into the index and writes store.json, which makes the store whole."""
        if self._tables:
            self._close()
        counts: Counter[str] = Counter()
        digest = hashlib.sha256()
        first_loss = ""
        with (
            atomic_path(self.out / "index.parquet") as temporary,
            pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer,
        ):
            for table in self._rows():
                writer.write_table(table)
                digest.update(hash_json(table.select(_HASHED).to_pydict()).encode())
                counts.update(_keys(table))
                first_loss = first_loss or next((d for d in table["detail"].to_pylist() if d), "")
        kept = [shard for shard in self.shards if shard["count"]]
        if not kept:
            raise ClewError(f"none of the {sum(counts.values()):,} files gave a crop; the first: {first_loss}")
        shards = [{key: shard[key] for key in ("crops", "regions", "count", "sha256")} for shard in kept]
        digest.update(hash_json([shard["sha256"] for shard in shards]).encode())
        whole = {"schema": SCHEMA_VERSION, **facts, "shards": shards, "counts": dict(sorted(counts.items()))}
        write_json(self.out / "store.json", {**whole, "hash": digest.hexdigest()})
        _tidy(self.out)
        return open_store(self.out)

    def _rows(self) -> Iterator[pa.Table]:
        """The rows of each shard, their crops counted through the whole store."""
        start = 0
        for number, shard in enumerate(self.shards):
            yield _placed(read_table(self.out / f"shard-{number:05d}.parquet", SCHEMA), start)
            start += shard["count"]


def _placed(table: pa.Table, start: int) -> pa.Table:
    """The rows with the column `crop` counted on from `start` (-1 where there is none)."""
    ok = pc.equal(table["status"], "ok").to_numpy(zero_copy_only=False)
    places = np.where(ok, np.cumsum(ok) - 1 + start, -1)
    return table.set_column(table.schema.get_field_index("crop"), SCHEMA.field("crop"), pa.array(places, pa.int64()))


def _keys(table: pa.Table) -> list[str]:
    """ "split/method/status" of each row: the drop report counts them."""
    columns = [table[name].to_pylist() for name in ("split", "method", "status")]
    return ["/".join(part or "-" for part in key) for key in zip(*columns, strict=True)]


def _load(path: Path, shape: tuple[int, ...]) -> Crops:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ClewError(f"{path} cannot be read ({error}): delete the unfinished store and make it again.") from None
    if array.shape != shape or array.dtype != np.uint8:
        raise ClewError(
            f"{path}: expected uint8 {shape}, found {array.dtype} {array.shape}: delete the unfinished store "
            "and make it again."
        )
    return np.asarray(array)


def _tidy(out: Path) -> None:
    """Removes what only an unfinished store needs."""
    for path in [*out.glob("shard-*.parquet"), *out.glob("shard-*.json"), out / UNFINISHED]:
        path.unlink(missing_ok=True)
    shutil.rmtree(out / PARTS, ignore_errors=True)


class _Growing:
    """An .npy file of uint8 whose length is known only when it is closed; until then it has a temporary name.

    It is written in plain pieces: neither memory nor a full disk behind a memory map can surprise.
    """

    HEADER = 128  # bytes: a version 1.0 header, padded so that any length fits

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path, self.shape, self.count = path, shape, 0
        self._temporary = temporary_path(path)
        self._handle: IO[bytes] | None = None

    @property
    def bytes(self) -> int:
        return self.count * int(np.prod(self.shape))

    def append(self, rows: Crops) -> None:
        """Adds rows (k, *shape)."""
        if not len(rows):
            return
        with clear_errors(self.path):
            if self._handle is None:
                self._handle = self._temporary.open("wb")
                self._handle.write(bytes(self.HEADER))
            self._handle.write(np.ascontiguousarray(rows).data)
        self.count += len(rows)

    def append_zeros(self, count: int) -> None:
        """Adds `count` rows of zeros, a few at a time."""
        while count > 0:
            step = min(count, 64)
            self.append(np.zeros((step, *self.shape), np.uint8))
            count -= step

    def close(self) -> str:
        """Writes the header and gives the file its name, which is returned ("" when nothing was added)."""
        if self._handle is None:
            return ""
        shape = ", ".join(str(n) for n in (self.count, *self.shape))
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}"
        with clear_errors(self.path):
            self._handle.seek(0)
            self._handle.write(b"\x93NUMPY\x01\x00" + (self.HEADER - 10).to_bytes(2, "little"))
            self._handle.write(text.ljust(self.HEADER - 11).encode() + b"\n")
            self._handle.close()
            self._handle = None
            settle(self._temporary, self.path)
        return self.path.name

    def abandon(self) -> None:
        """Removes what was not closed."""
        with suppress(OSError):
            if self._handle is not None:
                self._handle.close()
        self._handle = None
        self._temporary.unlink(missing_ok=True)
