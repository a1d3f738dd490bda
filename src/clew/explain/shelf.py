"""What explaining makes is kept on the disk: heatmaps and slow measures, each whole or not there, none made twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.files import atomic_path, clear_errors, read_json, settle, sweep_temporaries, temporary_path, write_json
from clew.base.hashing import hash_json

VERSION = 2  # of how these are made: kept ones of another version are made again
MAPS, MEASURES, LOCK = "heatmaps", "measures", ".lock"
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Shelf:
    """Below the folder `out`: heatmaps/NAME-KEY.npy and measures/NAME-KEY.json, KEY the hash of what decides them."""

    out: Path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes here meanwhile; what killed ones left unfinished goes. Raises ClewError otherwise."""
        if self.out.exists() and not self.out.is_dir():
            raise ClewError(f"{self.out} is a file, not a folder: choose another --out.")
        with self._lock():
            for kind in (MAPS, MEASURES):
                sweep_temporaries(self.out / kind)
            yield

    def _lock(self) -> AbstractContextManager[Any]:
        with clear_errors(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
            try:
                return FileLock(self.out / LOCK).acquire(timeout=0)
            except Timeout:
                raise ClewError(
                    f"{self.out}: another 'clew explain' is at work there; wait for it, or choose another --out."
                ) from None

    def maps(self, name: str, key: Any, count: int, make: Callable[[], Iterator[Maps]]) -> Maps:
        """Heatmaps (N, h, w), N = `count`, as a memory map; `make` gives them in batches when they are not there."""
        path = self._place(MAPS, name, key, ".npy")
        found = _opened(path, count)
        if found is None:
            _write(path, count, make())
            found = _opened(path, count)
        assert found is not None
        return found

    def has_maps(self, name: str, key: Any, count: int) -> bool:
        """Whether these heatmaps are there and whole."""
        return _opened(self._place(MAPS, name, key, ".npy"), count) is not None

    def measure(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        """A value for JSON; `make` gives it when it is not there as it was written."""
        path = self._place(MEASURES, name, key, ".json")
        kept = _kept(path)
        if kept is None:
            value = make()
            kept = {"value": value, "hash": hash_json(value)}
            write_json(path, kept)
        return kept["value"]

    def _place(self, kind: str, name: str, key: Any, suffix: str) -> Path:
        return self.out / kind / f"{name}-{hash_json([VERSION, key])[:16]}{suffix}"


def _kept(path: Path) -> dict[str, Any] | None:
    """What a file keeps, None where it is not there or not as it was written."""
    try:
        found = read_json(path)
    except ClewError:
        return None
    whole = isinstance(found, dict) and "value" in found and found.get("hash") == hash_json(found["value"])
    return found if whole else None


def _opened(path: Path, count: int) -> Maps | None:
    """The heatmaps in a file, None where it is not there or not whole."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    whole = found.dtype == np.float32 and found.ndim == 3 and len(found) == count
    return found if whole else None


def _write(path: Path, count: int, parts: Iterator[Maps]) -> None:
    """Writes batches (B, h, w) as one array (N, h, w): memory holds a batch, the file is there when it is whole."""
    first = next(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        with clear_errors(path):
            array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=(count, *first.shape[1:]))
            at = _put(array, 0, first)
            for part in parts:
                at = _put(array, at, part)
            array.flush()
            del array
            if at != count:
                raise ValueError(f"expected {count} heatmaps, found {at}")
            settle(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _put(array: NDArray[Any], at: int, part: Maps) -> int:
    array[at : at + len(part)] = part
    return at + len(part)


def keep_bytes(path: Path, data: bytes) -> None:
    """Writes a file, atomically, unless it holds these bytes already."""
    if path.exists() and path.read_bytes() == data:
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
