"""What the tests of the embedded videos share: small shapes and decoding by PyAV."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from clew.datasets.synth.clip import Clip, ClipId, Format, shoot

SMALL = Format(214, 160, seconds=(0.24, 0.4))
SET: dict[str, Any] = {"videos": 6, "size": 160, "seconds": (0.2, 0.28), "frames": 2}


@dataclass(frozen=True)
class VideoSet:
    """A drawn set and what its writer returned."""

    root: Path
    summary: dict[str, Any]


def planes(data: bytes) -> list[np.ndarray]:
    """The planes (H * 3 / 2, W) of every frame of an MP4 file."""
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def luma(data: bytes) -> np.ndarray:
    """The brightness (T, H, W) of every frame."""
    decoded = np.stack(planes(data))
    return decoded[:, : decoded.shape[1] * 2 // 3]


def changed(real: bytes, fake: bytes) -> np.ndarray:
    """Where any plane of two lossless videos differs: (T, H, W) bool, chroma spread over its 2 x 2 pixels."""
    first, second = np.stack(planes(real)), np.stack(planes(fake))
    height, width = first.shape[1] * 2 // 3, first.shape[2]
    off = first != second
    result = off[:, :height].copy()
    for chroma in np.split(off[:, height:].reshape(len(first), 2, height // 2, width // 2), 2, axis=1):
        result |= chroma[:, 0].repeat(2, 1).repeat(2, 2)
    return result


@cache
def small_clip(person: int = 2, seed: int = 11) -> Clip:
    """One clip of a few frames, drawn once."""
    return shoot(ClipId(seed, person), SMALL)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
