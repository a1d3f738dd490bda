"""What loading has worked out is kept for the next time: machine code and choices, each under a seal.

Machine code from a file could do anything, so a kept file counts only when it lies in a folder that nobody else can
write to and carries a seal that this user alone can make (HMAC-SHA-256, RFC 2104, by a key made at the first use).
What is damaged, forged or of another version is worked out again, never an error.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.files import write_bytes

FOLDER = "CLEW_CACHE"  # the variable that names another folder
KEY, KEY_BYTES, SEAL_BYTES = "key", 32, 32
MOST_BYTES = 2**30


def usual_folder() -> Path:
    """Where it is kept unless said otherwise: $CLEW_CACHE, else `clew` in the user's folder for such files."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "clew"


@dataclass(frozen=True)
class Cache:
    """Sealed files in a folder of this user alone; a folder that is not so keeps nothing."""

    folder: Path

    def get(self, name: str) -> bytes | None:
        """What is kept under a name, None when there is nothing that can be trusted."""
        key = self._key(make=False)
        path = self.folder / name
        try:
            if key is None or not _own(path, stat.S_ISREG) or path.stat().st_size > MOST_BYTES:
                return None
            data = path.read_bytes()
        except OSError:
            return None
        seal, content = data[:SEAL_BYTES], data[SEAL_BYTES:]
        return content if hmac.compare_digest(seal, _seal(key, name, content)) else None

    def put(self, name: str, content: bytes) -> bool:
        """Keeps `content` under a name; False where it cannot be kept."""
        key = self._key(make=True)
        if key is None:
            return False
        try:
            write_bytes(self.folder / name, _seal(key, name, content) + content)
            os.chmod(self.folder / name, 0o600)
        except (ClewError, OSError):  # a full disk, a folder gone: loading goes on without it
            return False
        return True

    def _key(self, make: bool) -> bytes | None:
        """This user's key; None where there is none, or others could have put it there."""
        path = self.folder / KEY
        try:
            if make:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _own(self.folder, stat.S_ISDIR):
                return None
            if make and not path.exists():
                _write_key(path)
            if not _own(path, stat.S_ISREG):
                return None
            key = path.read_bytes()
        except OSError:
            return None
        return key if len(key) == KEY_BYTES else None


def _write_key(path: Path) -> None:
    """Makes the key, unless another process was faster."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(KEY_BYTES))


def _own(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether it is of this kind, belongs to this user, and nobody else can write to it; links do not count."""
    found = path.lstat()
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return kind(found.st_mode) and mine and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _seal(key: bytes, name: str, content: bytes) -> bytes:
    return hmac.new(key, name.encode() + b"\0" + content, hashlib.sha256).digest()
