"""Keeping a process's memory from creeping up."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

_M_MMAP_THRESHOLD = -3  # mallopt(3)
LARGE = 2**20


@lru_cache(maxsize=1)
def give_large_blocks_back() -> None:
    """From now on blocks of a megabyte and more go back to the system when they are freed, once in each process.

    The C library's own rule moves with what was freed before, so that frames of videos come to lie in a heap full
    of holes: the peak then depends on what the process did earlier, by a hundred megabytes. Linux with glibc only;
    elsewhere nothing happens.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, LARGE)
