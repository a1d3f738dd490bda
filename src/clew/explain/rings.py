"""Rings of spatial frequency: octaves counted down from the finest, in cycles per pixel, alike for every size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError

FINEST = 2**-0.5  # cycles per pixel of a checkerboard, the corner of the spectrum


@dataclass(frozen=True)
class Ring:
    """The frequencies (fx, fy) with `low` <= hypot(fx, fy) < `high`, in cycles per pixel; the constant is in none.

    The highest ring holds the corners of the spectrum too, so that its `high` is that of a checkerboard, which is in.
    """

    low: float
    high: float

    def as_dict(self, size: int) -> dict[str, float]:
        """Its limits for JSON: in cycles per pixel, and per picture of `size` pixels."""
        return {**asdict(self), "low_per_picture": self.low * size, "high_per_picture": self.high * size}


def octaves(size: int) -> tuple[Ring, ...]:
    """The R rings of a picture of `size` pixels, from low to high: ..., 1/16 to 1/8, 1/8 to 1/4, 1/4 and above.

    The lowest holds all from 0 up to 2 cycles per picture or, for a size that is no power of 2, somewhat fewer. Raises
    ClewError for a size below 8, which has fewer than two rings.
    """
    if size < 8:
        raise ClewError(f"expected pictures of 8 pixels or more for rings of frequency; found {size}.")
    edges = [0.25]
    while edges[-1] / 2 * size > 1:
        edges.append(edges[-1] / 2)
    return tuple(Ring(low, high) for low, high in zip([0.0, *edges[::-1]], [*edges[::-1], FINEST], strict=True))


@lru_cache(maxsize=32)
def ring_numbers(size: int) -> NDArray[np.int64]:
    """Which ring each frequency is in: (size, size) in the order of `fft2`; 0 the constant, 1 to R from low to high."""
    turns = np.round(np.fft.fftfreq(size) * size).astype(np.int64)
    squared = turns[:, None] ** 2 + turns[None, :] ** 2
    # Whole numbers, so that a frequency on a limit is above it: r >= size / 2^j as 4^j r^2 >= size^2.
    rings = len(octaves(size))
    above = [4 ** (rings + 2 - ring) * squared >= size**2 for ring in range(2, rings + 1)]
    found = np.where(squared > 0, 1 + np.sum(above, axis=0), 0)
    found.setflags(write=False)
    return found
