"""How faces of a video are found and followed."""

from __future__ import annotations

from dataclasses import dataclass

from clew.base.errors import ClewError


@dataclass(frozen=True)
class FollowSettings:
    """How faces are found and followed.

    largest: the largest face of each frame only, as FaceForensics++ and DeepfakeBench do;
    seconds: at most so much time, and at most `frames` wanted frames, between two searches of whole frames;
    fine: after so many wanted frames small faces are searched for again (each time where there are some);
    misses: a face that is not found in so many wanted frames in a row is lost;
    held: megabytes of frames held at a time.
    """

    largest: bool = False
    seconds: float = 4.5
    frames: int = 14
    fine: int = 32
    misses: int = 5
    held: int = 52

    def __post_init__(self) -> None:
        if self.seconds <= 0 or min(self.frames, self.fine, self.held) < 1 or self.misses < 0:
            raise ClewError(f"how faces are followed takes positive numbers, found {self}.")
