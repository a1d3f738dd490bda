"""What stays the same in a picture that was compressed again, scaled a little or made brighter."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from clew.base.progress import Task
from clew.datasets.checks.pieces import in_turn
from clew.datasets.store import CropStore
from clew.media.pictures import Picture

SIDE = 32  # pixels of the grey picture that is hashed
COARSE, FINE = 64, 192  # bits
FLAT = 3.0  # grey levels of standard deviation: below, the signs are those of noise
PIECE = 256
LOOK = 64  # pixels of the grey picture that is compared


def _zigzag(count: int) -> NDArray[np.int64]:
    """The places (in SIDE x SIDE, flat) of the `count` lowest frequencies but the mean, lowest first."""
    down, across = np.divmod(np.arange(SIDE * SIDE), SIDE)
    return np.lexsort((down, np.abs(down - across), down + across))[1 : count + 1]


PLACES = _zigzag(COARSE + FINE)


@dataclass(frozen=True)
class Fingerprints:
    """Of N crops: `exact` (N,) from the bytes, `coarse` (N,) and `fine` (N, 3) from the frequencies, `flat` (N,)."""

    exact: NDArray[np.uint64]
    coarse: NDArray[np.uint64]
    fine: NDArray[np.uint64]
    flat: NDArray[np.bool_]


def fingerprints(store: CropStore, crops: NDArray[np.int64], task: Task) -> Fingerprints:
    """Fingerprints of the crops at these positions, read in this order; 41 bytes of memory for each."""
    found = Fingerprints(
        np.zeros(len(crops), np.uint64),
        np.zeros(len(crops), np.uint64),
        np.zeros((len(crops), FINE // 64), np.uint64),
        np.zeros(len(crops), bool),
    )

    def some(piece: slice) -> int:
        grey = np.empty((piece.stop - piece.start, SIDE, SIDE), np.float32)
        for at, position in enumerate(crops[piece].tolist()):
            crop = np.ascontiguousarray(store.crop(position))
            found.exact[piece.start + at] = int.from_bytes(hashlib.sha256(crop.data).digest()[:8], "little")
            grey[at] = _grey(crop, SIDE)
        found.flat[piece] = grey.std(axis=(1, 2)) < FLAT
        bits = dctn(grey, axes=(1, 2), norm="ortho").reshape(len(grey), -1)[:, PLACES] > 0
        words = np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64)
        found.coarse[piece], found.fine[piece] = words[:, 0], words[:, 1:]
        return len(grey)

    for done in in_turn(some, len(crops), PIECE):
        task.advance(done)
    return found


def likeness(one: Picture, other: Picture) -> float:
    """Correlation (-1 to 1) of what two crops of one size show beyond a blur: 1 for the same picture.

    Measured on face crops of OpenForensics and DFDC whose hashes are near: different pictures reach 0.86 (one person
    twice in one scene), pictures of two people 0.4; 99.8 % of copies at JPEG quality 60 or 90 % of the size reach 0.9.
    """
    a, b = _detail(one), _detail(other)
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))


def _detail(crop: Picture) -> NDArray[np.float32]:
    grey = _grey(crop, min(LOOK, crop.shape[0]))
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 2)
    return np.asarray(detail - detail.mean(), np.float32)


def _grey(crop: Picture, side: int) -> NDArray[np.float32]:
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.float32)
