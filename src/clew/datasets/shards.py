"""The files that hold the crops of a store: read at random, a few of them open at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError

MOST_OPEN = 64  # of each kind: a memory map holds a file open as well, and a million crops lie in 1500 files


class Shards:
    """.npy files of uint8 (count, *shape) that together are one array; a name "" stands for zeros.

    Every file's header and length is looked at when the object is made; raises ClewError naming a damaged one.
    """

    def __init__(self, folder: Path, names: Sequence[str], counts: Sequence[int], shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.bytes = int(np.prod(shape))
        self.paths = [folder / name if name else None for name in names]
        self.starts = np.cumsum([0, *counts])
        self.offsets = [
            _offset(path, (count, *shape)) if path is not None else 0
            for path, count in zip(self.paths, counts, strict=True)
        ]
        self._map = lru_cache(MOST_OPEN)(self._new_map)
        self._file = lru_cache(MOST_OPEN)(self._new_file)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def view(self, position: int) -> NDArray[np.uint8]:
        """Row `position`, memory-mapped."""
        shard, row = self._locate(position)
        path = self.paths[shard]
        return np.zeros(self.shape, np.uint8) if path is None else np.asarray(self._map(shard)[row])

    def read(self, position: int, out: NDArray[np.uint8]) -> None:
        """Copies row `position` into `out`, without a memory map: page faults cost more than reading."""
        shard, row = self._locate(position)
        if self.paths[shard] is None:
            out[...] = 0
            return
        data = memoryview(out.data).cast("B")
        file = self._file(shard)  # held: another thread may push it out of the cache meanwhile
        if os.preadv(file.fileno(), [data], self.offsets[shard] + row * self.bytes) != self.bytes:
            raise ClewError(f"{self.paths[shard]} became shorter while it was read: make the store again.")

    def _locate(self, position: int) -> tuple[int, int]:
        if not 0 <= position < len(self):
            raise ClewError(f"there are {len(self)} crops; there is no crop {position}.")
        shard = int(self.starts.searchsorted(position, side="right")) - 1
        return shard, position - int(self.starts[shard])

    def _new_map(self, shard: int) -> NDArray[np.uint8]:
        """By its known offset: reading headers in several threads at once fails now and then on Python 3.11."""
        path = self.paths[shard]
        assert path is not None
        shape = (int(self.starts[shard + 1] - self.starts[shard]), *self.shape)
        return np.asarray(np.memmap(path, np.uint8, "r", self.offsets[shard], shape))

    def _new_file(self, shard: int) -> IO[Any]:
        path = self.paths[shard]
        assert path is not None
        return path.open("rb", buffering=0)


def _offset(path: Path, shape: tuple[int, ...]) -> int:
    """Where the data of a .npy file begins; raises ClewError when it does not hold uint8 of `shape`."""
    try:
        with path.open("rb") as handle:
            version = np.lib.format.read_magic(handle)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            found, fortran, kind = read(handle)
            offset = handle.tell()
        size = path.stat().st_size
    except (OSError, ValueError, EOFError) as error:
        raise ClewError(f"{path} cannot be read ({error}): make the store again.") from None
    if found != shape or kind != np.uint8 or fortran:
        raise ClewError(f"{path}: expected uint8 {shape}, found {kind} {found}: make the store again.")
    if size != offset + int(np.prod(shape)):
        raise ClewError(f"{path} cannot be read (its length is {size:,} bytes, not as it says): make the store again.")
    return offset
