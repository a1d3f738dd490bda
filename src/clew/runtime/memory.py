"""The arena: one block of memory in which tensors lie for as long as they are needed."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALIGNED = 256  # bytes that offsets are multiples of
HUGE = 2 * 1024**2


@dataclass
class Span:
    """A tensor of `size` bytes, written first by step `first` and used last by step `last`."""

    size: int
    first: int
    last: int


def arranged(spans: dict[str, Span], gap: int = 0) -> tuple[dict[str, int], int]:
    """Where each lies, and the size of all: the largest first, each as low as those of its time leave room.

    `gap` bytes stay free behind each.
    """
    placed: list[tuple[int, int, Span]] = []
    found = {}
    for name, span in sorted(spans.items(), key=lambda one: (-one[1].size, one[0])):
        size = -(-(span.size + gap) // ALIGNED) * ALIGNED
        at = 0
        for start, end, other in sorted(placed, key=lambda one: one[0]):
            if other.last < span.first or span.last < other.first:
                continue
            if at + size <= start:
                break
            at = max(at, end)
        placed.append((at, at + size, span))
        found[name] = at
    return found, max((end for _, end, _ in placed), default=0)


def arena(size: int) -> NDArray[np.uint8]:
    """Zeros in large pages where the system has them."""
    whole = -(-max(size, 1) // HUGE) * HUGE
    memory = mmap.mmap(-1, whole + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    found = np.frombuffer(memory, np.uint8)
    start = -found.ctypes.data % HUGE
    return found[start : start + size]
