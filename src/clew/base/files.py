"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError

TEMPORARY = ".partial-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` that replaces it when the block ends well, else is removed.

    Raises ClewError when it cannot be written there: the disk is full, the folder may not be written to.
    """
    temporary = temporary_path(path)
    try:
        with clear_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            settle(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path` that gets its name when the block ends well, else is removed with all in it.

    Nothing may be at `path`. Raises ClewError when it cannot be written there.
    """
    temporary = temporary_path(path)
    try:
        with clear_errors(path):
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.rglob("*"):
                _to_disk(file)
            settle(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_path(path: Path) -> Path:
    """A new name beside `path` that `sweep_temporaries` knows."""
    return path.parent / f"{TEMPORARY}{uuid.uuid4().hex[:12]}-{path.name[-80:]}"


def settle(temporary: Path, path: Path) -> None:
    """Gives a file that is written to the end its name, once its bytes are on the disk."""
    _to_disk(temporary)
    os.replace(temporary, path)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def strangers(folder: Path, own: Iterable[str] = ()) -> list[str]:
    """What lies in a folder beside the names in `own`, and beside files that a killed process had begun to write."""
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.name not in own and not p.name.startswith(TEMPORARY))


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turns what the disk refuses while `path` is written into a ClewError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ClewError(
                f"{path} cannot be written: the disk is full ({error.strerror}). Free some space and give the same "
                "command again: nothing finished is lost."
            ) from error
        if error.errno in _FORBIDDEN:
            raise ClewError(
                f"{path} cannot be written ({error.strerror}): choose a folder that you may write to."
            ) from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8 to `path` atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON with sorted keys: equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file; raises ClewError when it is missing or not JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ClewError(f"{path} does not exist.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ClewError(f"{path} cannot be read as JSON ({error}).") from None


def sweep_temporaries(folder: Path) -> None:
    """Removes what killed writers left below `folder`; call it only while nobody else writes there."""
    for path in folder.rglob(f"{TEMPORARY}*"):
        if path.is_file():
            path.unlink(missing_ok=True)
