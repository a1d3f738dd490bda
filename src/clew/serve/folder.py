"""The private folder of one server: gone when it ends, and swept by the next where it was killed."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX, LOCK = "clew-serve-", "lock"


class PrivateFolder:
    """A new folder in `base` (usual: the system's for temporary files) that only this user can look into."""

    def __init__(self, base: Path | None = None) -> None:
        base = base or Path(tempfile.gettempdir())
        sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))  # mode 0700
        self._lock = _locked(self.path / f"{LOCK}.new", create=True)
        os.rename(self.path / f"{LOCK}.new", self.path / LOCK)  # it is never there without being held
        self.uploads, self.jobs = self.path / "uploads", self.path / "jobs"
        for folder in (self.uploads, self.jobs):
            folder.mkdir(mode=0o700)
        atexit.register(self.remove)

    def remove(self) -> None:
        """Removes it with all in it; may be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        atexit.unregister(self.remove)


def sweep(base: Path) -> list[Path]:
    """Removes the folders of servers that are dead: nobody holds their locks. Returns what was removed."""
    removed = []
    for folder in sorted(base.glob(f"{PREFIX}*")):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            continue
        lock = _locked(folder / LOCK)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            removed.append(folder)
    return removed


def _locked(path: Path, create: bool = False) -> int | None:
    """A lock that ends with this process however it ends, None where another holds it or nothing is there."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0), 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
