"""The thresholds that a ticket brings along, read from a header that may be hostile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

LevelName = Literal["picture", "video"]
LEVELS: tuple[LevelName, ...] = ("picture", "video")
_LOWEST, _HIGHEST = -1e-6, 1 + 1e-6  # such thresholds call nothing real, or fake


@dataclass(frozen=True)
class Level:
    """The thresholds for single pictures, or for the mean of a video's frames.

    A calibrated probability of at least `fake` is fake, else one of at most `real` is real; None where the ticket has
    no such threshold. `told` is {"fake", "real"}: each with what was measured at it, or None.
    `measured_on`: single pictures, or videos where the ticket had any.
    """

    name: LevelName
    fake: float | None = None
    real: float | None = None
    told: Mapping[str, Any] | None = None
    measured_on: LevelName = "picture"

    def as_dict(self) -> dict[str, Any] | None:
        """As it stands in a finding; None where the ticket has no threshold."""
        if self.told is None:
            return None
        measured = {"measured_on": self.measured_on, "fake": self.told["fake"], "real": self.told["real"]}
        return {"level": self.name, **measured}


def levels_of(header: Mapping[str, Any]) -> dict[str, Level]:
    """The thresholds of a ticket's header by level; what is no number between 0 and 1 counts as absent."""
    point = header.get("operating_point")
    found = point if isinstance(point, Mapping) else {}
    reals = found.get("real")
    had_videos = found.get("videos", 1) != 0  # older tickets do not tell
    return {name: _level(name, found.get(name), _part(reals, name), had_videos) for name in LEVELS}


def _level(name: LevelName, fake: Any, real: Any, had_videos: bool) -> Level:
    told = {"fake": _measured(fake), "real": _measured(real)}
    measured_on: LevelName = name if had_videos else "picture"
    if told["fake"] is None:
        return Level(name, measured_on=measured_on)
    threshold = told["real"]["threshold"] if told["real"] else None
    return Level(name, told["fake"]["threshold"], threshold, told, measured_on)


def _part(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, Mapping) else None


def _measured(found: Any) -> dict[str, Any] | None:
    """The numbers of one threshold; None where there is no threshold among them."""
    if not isinstance(found, Mapping):
        return None
    numbers = {str(key): value for key, value in found.items() if isinstance(value, int | float)}
    threshold = numbers.get("threshold")
    if threshold is None or isinstance(threshold, bool) or not math.isfinite(threshold):
        return None
    return numbers if _LOWEST <= threshold <= _HIGHEST else None
