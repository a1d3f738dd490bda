"""A track's boxes without the detector's jumps in size, and its gaps closed."""

from __future__ import annotations

import math
from itertools import pairwise

from clew.media.faces.base import Box
from clew.media.faces.tracks import Sighting, Track

_WEIGHTS = {0: 3.0, 1: 2.0, 2: 1.0}
_TAIL = 2


def completed(track: Track, first: int, end: int) -> list[Sighting]:
    """The track's sightings in frames first to end - 1: detections, what lies between them, a little at the ends."""
    seen = track.detected()
    if not seen:
        return []
    sizes = {s.at: _size(s, seen) for s in seen}
    path: list[Sighting] = []
    for s in seen:
        path.append(Sighting(s.at, _resized(s.box, sizes[s.at]), s.score, True))
    for a, b in pairwise(seen):
        path += [_between(track, at, a, b, sizes) for at in range(a.at + 1, b.at)]
    for edge, step in ((seen[0], -1), (seen[-1], 1)):
        for at in range(edge.at + step, edge.at + step * (_TAIL + 1), step):
            guess = track.sightings.get(at)
            if guess is None or guess.score < 0.75:
                break
            path.append(Sighting(at, _resized(guess.box, sizes[edge.at]), edge.score, False))
    return sorted((s for s in path if first <= s.at < end), key=lambda s: s.at)


def _size(s: Sighting, seen: list[Sighting]) -> tuple[float, float]:
    """Mean width and height of the detections close in time: detectors know sizes in steps of a fifth only."""
    near = [(other.box, _WEIGHTS[abs(other.at - s.at)]) for other in seen if abs(other.at - s.at) in _WEIGHTS]
    total = sum(weight for _, weight in near)
    width = math.exp(sum(weight * math.log(box.width) for box, weight in near) / total)
    height = math.exp(sum(weight * math.log(box.height) for box, weight in near) / total)
    return width, height


def _resized(box: Box, size: tuple[float, float]) -> Box:
    x, y = box.centre
    return Box(x - size[0] / 2, y - size[1] / 2, size[0], size[1])


def _between(track: Track, at: int, a: Sighting, b: Sighting, sizes: dict[int, tuple[float, float]]) -> Sighting:
    """The face in a frame between two detections: where it looks alike, else on the straight way."""
    share = (at - a.at) / (b.at - a.at)
    size = tuple(p + (q - p) * share for p, q in zip(sizes[a.at], sizes[b.at], strict=True))
    guess = track.sightings.get(at)
    if guess is not None and not guess.detected and guess.score > 0.7:
        x, y = guess.box.centre
    else:
        x, y = (p + (q - p) * share for p, q in zip(a.box.centre, b.box.centre, strict=True))
    box = Box(x - size[0] / 2, y - size[1] / 2, size[0], size[1])
    return Sighting(at, box, min(a.score, b.score), False)
