"""Which frames of a video are looked at."""

from __future__ import annotations

from clew.media.videos import VideoFacts, evenly_spaced

A_SECOND = 2.0
LEAST, MOST = 8, 64
_USUAL = 25.0  # frames a second of a video that does not say


def how_many(facts: VideoFacts, frames: int = 0) -> int:
    """`frames`, or where that is 0 two a second, at least 8 and at most 64."""
    if frames:
        return frames
    seconds = facts.duration_s if facts.duration_s > 0 else facts.frames / _USUAL
    return int(min(max(A_SECOND * seconds, LEAST), MOST))


def sampled(facts: VideoFacts, frames: int = 0) -> list[int]:
    """The numbers of the frames to look at, evenly spaced over the whole video; all where it has no more."""
    return evenly_spaced(facts.frames, how_many(facts, frames))
