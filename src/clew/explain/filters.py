"""The frequency response of filters: how the energy of a filter's transfer function is shared out over frequencies."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.explain.rings import octaves, ring_numbers

GRID = 32
Shares = NDArray[np.float64]


def ring_shares(kernels: NDArray[np.floating]) -> Shares:
    """How a filter's energy is shared out over frequencies: kernels (O, I, h, w) -> (O, 1 + R), each row's sum 1.

    Each of the I kernels of a filter is padded with zeros to 32x32 and taken to its 2-D discrete Fourier transform; the
    energy |.|^2 is summed over the inputs, and by ring (see `octaves` for a size of 32): column 0 is the constant,
    column r ring r from low to high. NaN for a filter without energy. Frequencies are in cycles per pixel of what the
    layer sees: only the first layer sees the picture. Raises ClewError for kernels that are not 2-D or do not fit.
    """
    if kernels.ndim != 4 or max(kernels.shape[2:]) > GRID:
        raise ClewError(f"expected kernels (O, I, h, w) of {GRID}x{GRID} pixels or less, found {kernels.shape}.")
    flat = np.asarray(kernels, np.float64).reshape(*kernels.shape[:2], -1)
    forms = _forms(kernels.shape[2], kernels.shape[3])
    energy = np.stack([np.einsum("oik,oik->o", flat @ form, flat) for form in forms], axis=1)
    whole = energy.sum(axis=1, keepdims=True)
    # Rounding must not make a share of what is next to nothing negative.
    return np.divide(energy.clip(min=0), whole, out=np.full(energy.shape, np.nan), where=whole > 0)


def high_share(shares: Shares) -> NDArray[np.float64]:
    """The share of the highest ring, 1/4 cycle per pixel and above, the upper half of all frequencies: (O,)."""
    return shares[:, -1]


def flat_share() -> float:
    """The high share of a filter that passes all frequencies alike: a single weight, or on average noise.

    It is far above one half, since most frequencies of the plane are high ones: pruning that leaves one weight of a
    kernel arrives here by itself, whatever it looks at.
    """
    return float((ring_numbers(GRID) == len(octaves(GRID))).mean())


def is_spatial(shape: tuple[int, ...]) -> bool:
    """Whether a tensor of this shape is of a convolution that sees more than a point: it has a frequency response."""
    return len(shape) == 4 and max(shape[2:]) > 1


@lru_cache(maxsize=32)
def _forms(height: int, width: int) -> NDArray[np.float64]:
    """The energies as quadratic forms (1 + R, k, k) of a kernel of k = height * width weights.

    With e_f the vector of exp(-2 pi i f p) over the weights' places p, the transfer function at f is e_f k, and the
    energy in a ring k' (sum over its f of e_f* e_f') k / 32^2: what the padded transform gives, without making it. The
    forms add up to the identity (Parseval).
    """
    turns = np.fft.fftfreq(GRID)
    rows, columns = (np.exp(-2j * np.pi * np.outer(turns, np.arange(side))) for side in (height, width))
    waves = np.einsum("ap,bq->abpq", rows, columns).reshape(GRID, GRID, -1)
    numbers = ring_numbers(GRID)
    inside = [waves[numbers == ring] for ring in range(1 + len(octaves(GRID)))]
    return np.stack([(part.conj().T @ part).real / GRID**2 for part in inside])
