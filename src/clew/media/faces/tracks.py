"""Tracks: one face through the frames of a video, and which of the faces found next is the same one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.media.faces.base import Box, Detection

Grey = NDArray[np.uint8]
_PATCH = 24
SAME = 0.5  # likeness of a face seen at different times, mostly more


@dataclass
class Sighting:
    """A track's face in one frame; `at` counts the wanted frames."""

    at: int
    box: Box
    score: float
    detected: bool


@dataclass
class Track:
    """One face through time; `number` is given when it is first told of."""

    sightings: dict[int, Sighting] = field(default_factory=dict)
    number: int | None = None
    best: float = -math.inf
    patch: NDArray[np.float32] | None = None  # of the last detection
    strong: int = 0  # sightings with a score that counts

    def add(self, sighting: Sighting, threshold: float) -> None:
        """Notes where the face is in one more frame."""
        self.sightings[sighting.at] = sighting
        if sighting.detected:
            self.best = max(self.best, sighting.score)
            self.strong += sighting.score >= threshold

    def detected(self) -> list[Sighting]:
        """Where the detector saw it, in order."""
        return [self.sightings[at] for at in sorted(self.sightings) if self.sightings[at].detected]


@dataclass
class Trail:
    """The end of a track from which it is followed on, forward or backward in time."""

    track: Track
    box: Box
    patch: NDArray[np.float32]
    seen: int  # the frame of the last detection
    speed: tuple[float, float] = (0.0, 0.0)  # pixels per frame
    misses: int = 0

    def expected(self, grey: Grey) -> Box:
        """Where the face should be in the next frame: where it looks alike, else where it was heading."""
        box, alike = matched(grey, self.patch, self.box)
        if alike > 0.6:
            return box
        share = 0.5 if self.misses == 0 else 0.0
        return self.box.shifted(self.speed[0] * share, self.speed[1] * share)

    def move(self, at: int, found: Detection, grey: Grey) -> None:
        """The face was found in frame `at`."""
        frames = max(1, abs(at - self.seen))
        before, now = self.box.centre, found.box.centre
        if self.misses == 0:
            self.speed = ((now[0] - before[0]) / frames, (now[1] - before[1]) / frames)
        else:
            self.speed = (0.0, 0.0)
        self.box, self.seen, self.misses = found.box, at, 0
        self.patch = patch_of(grey, found.box)


def patch_of(grey: Grey, box: Box) -> NDArray[np.float32]:
    """The face (24, 24), small, with mean 0 and length 1: the product of two is their correlation."""
    patch = cv2.getRectSubPix(grey, (max(2, round(box.width)), max(2, round(box.height))), box.centre)
    small = cv2.resize(patch, (_PATCH, _PATCH), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return small / np.float32(np.linalg.norm(small) + 1e-3)


def matched(grey: Grey, patch: NDArray[np.float32], box: Box, reach: float = 3.0) -> tuple[Box, float]:
    """The place around `box` that looks most like `patch`, and their correlation (-1 to 1)."""
    side = max(box.width, box.height)
    x, y = box.centre
    half = side * reach / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(grey.shape[1], int(x + half)), min(grey.shape[0], int(y + half))
    across, down = _PATCH / box.width, _PATCH / box.height
    width, height = round((right - left) * across), round((bottom - top) * down)
    if min(width, height) < _PATCH:
        return box, -1.0
    part = np.ascontiguousarray(grey[top:bottom, left:right])
    small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    answer = cv2.matchTemplate(small, patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, place = cv2.minMaxLoc(answer)
    if not math.isfinite(best):
        return box, -1.0
    return Box(left + place[0] / across, top + place[1] / down, box.width, box.height), float(best)


def likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Correlation of two patches, -1 to 1."""
    return float((a * b).sum())


def assign(
    trails: list[Trail],
    expected: list[Box],
    found: list[Detection],
    patches: list[NDArray[np.float32]],
    threshold: float,
) -> dict[int, int]:
    """Which found face continues which trail: the cheapest pairs first, by distance, size and likeness."""
    pairs = []
    for i, (trail, box) in enumerate(zip(trails, expected, strict=True)):
        for j, (face, patch) in enumerate(zip(found, patches, strict=True)):
            cost = _cost(trail, box, face, likeness(trail.patch, patch), threshold)
            if cost is not None:
                pairs.append((cost, i, j))
    chosen: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if i not in chosen and j not in chosen.values():
            chosen[i] = j
    return chosen


def _cost(trail: Trail, expected: Box, face: Detection, alike: float, threshold: float) -> float | None:
    box, last = face.box, trail.box
    side = max(expected.width, expected.height)
    distance = min(math.dist(expected.centre, box.centre), math.dist(last.centre, box.centre)) / side
    size = abs(math.log(max(box.width, box.height) / max(last.width, last.height)))
    if size > 0.7 or distance > 1.5 + 0.2 * trail.misses:
        return None
    least = _least(trail, distance, size, face.score < threshold)
    return distance + size + 0.8 * (1 - alike) if alike >= least else None


def _least(trail: Trail, distance: float, size: float, faint: bool) -> float:
    """How alike a face must be to be the same: the more, the longer it was out of sight and the more it has changed."""
    if trail.misses >= 2:
        return 0.15 if distance <= 0.5 else SAME if size < 0.3 else 1.0
    if distance > 1:
        return 0.2
    return 0.25 if faint and distance > 0.5 else -1.0
