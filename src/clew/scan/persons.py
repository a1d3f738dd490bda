"""Persons of a video: which of the tracks that faces were followed in are nobody's, and which are one person's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrackSummary:
    """A face's track: the `frames` it is in, the mean `descriptor` (D,) of its crops, how well it was `detected`.

    detected: in how many frames the detector saw it; score: its best there.
    """

    frames: tuple[int, ...]
    descriptor: NDArray[np.float64]
    detected: int
    score: float


def persons(tracks: Mapping[int, TrackSummary], sure: float = 0.0) -> dict[int, int]:
    """The person (from 1, in the order of appearance) of each track that shows one; the others are left out.

    `sure` is the detector's: a track that it saw in one frame only, below that score, is taken for no face.
    """
    faces = {number: track for number, track in tracks.items() if track.detected > 1 or track.score >= sure}
    order = sorted(faces, key=lambda number: (min(faces[number].frames), number))
    return {number: person for person, number in enumerate(order, 1)}
