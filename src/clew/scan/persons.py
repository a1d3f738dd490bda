"""Persons of a video: which of the tracks that faces were followed in are nobody's, and which are one person's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clew.media.appearance import alike
from clew.media.faces.base import Box, iou

# A face hidden by a hand or by somebody who passes: it comes back soon, in its place, and looks alike. Across a cut
# looks alone would have to tell, and they cannot: of people in one photograph too many are alike.
_GAP = 3.0  # seconds
_PLACE = 0.2  # IoU


@dataclass(frozen=True)
class TrackSummary:
    """A face's track in a video.

    frames: those that it is in, in order; times: seconds of the first and the last; first, last: the face's box there;
    descriptor: mean (D,) of `clew.media.appearance.appearance` over its crops; detected: in how many of the frames the
    detector saw it; score: its best there.
    """

    frames: tuple[int, ...]
    times: tuple[float, float]
    first: Box
    last: Box
    descriptor: NDArray[np.float64]
    detected: int
    score: float


def persons(tracks: Mapping[int, TrackSummary], sure: float = 0.0) -> dict[int, int]:
    """The person, from 1 in the order of appearance, of each track that shows one; other tracks are left out.

    `sure` is the face detector's: a track that it saw in one frame only, below that score, is taken for no face. A
    track goes on as another one when its face comes back within 3 s, in its place and looking alike, and no frame shows
    both: persons are rather split than mixed.
    """
    faces = {number: track for number, track in tracks.items() if track.detected > 1 or track.score >= sure}
    order = sorted(faces, key=lambda number: (faces[number].frames[0], number))
    before = _continued(faces, order)
    found: dict[int, int] = {}
    count = 0
    for number in order:
        if number not in before:
            count += 1
        found[number] = found[before[number]] if number in before else count
    return found


def _continued(faces: Mapping[int, TrackSummary], order: list[int]) -> dict[int, int]:
    """By track the one that it goes on: the shortest gaps first, each continued by one other at most."""
    before: dict[int, int] = {}
    for _, later, earlier in sorted(_candidates(faces, order)):
        if later not in before and earlier not in before.values():
            before[later] = earlier
    return before


def _candidates(faces: Mapping[int, TrackSummary], order: list[int]) -> Iterator[tuple[float, int, int]]:
    """Gap in seconds, later and earlier track of all pairs that may be one person."""
    for later in order:
        for earlier in order:
            if _may_go_on(faces[earlier], faces[later]):
                yield faces[later].times[0] - faces[earlier].times[1], later, earlier


def _may_go_on(earlier: TrackSummary, later: TrackSummary) -> bool:
    after = earlier.frames[-1] < later.frames[0] and later.times[0] - earlier.times[1] <= _GAP
    return after and iou(earlier.last, later.first) >= _PLACE and alike(earlier.descriptor, later.descriptor)
