"""When a face allows no verdict: limits of its measures, and which of them it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clew.base.errors import ClewError


@dataclass(frozen=True)
class Limits:
    """What a face must offer to count towards a verdict; the measures are those of `clew.media.quality`.

    side: pixels across its square in the source, at least; sharpness: pixels across that hold its detail, at least;
    blockiness: traces of compression's blocks, at most; darkest and brightest: mean luma of the face, 0 to 1;
    contrast: standard deviation of its luma, at least; clipped: share of black and white pixels, at most.
    """

    side: float = 40.0
    sharpness: float = 20.0
    blockiness: float = 0.25
    darkest: float = 0.08
    brightest: float = 0.92
    contrast: float = 0.03
    clipped: float = 0.5

    def __post_init__(self) -> None:
        rates = (self.darkest, self.brightest, self.contrast, self.clipped)
        good = self.side >= 0 and self.sharpness >= 0 and self.blockiness >= 0
        if not good or not all(0 <= rate <= 1 for rate in rates) or self.darkest > self.brightest:
            raise ClewError(f"limits of a face are numbers from 0, those of light from 0 to 1, found {self}.")


DEFAULT = Limits()


def why_not(quality: Mapping[str, float], limits: Limits = DEFAULT) -> str:
    """The first of `clew.scan.finding.REASONS` for which a face does not count, else ""."""
    if quality["side"] < limits.side:
        return "too-small"
    light = limits.darkest <= quality["brightness"] <= limits.brightest
    if not light or quality["contrast"] < limits.contrast or quality["clipped"] > limits.clipped:
        return "too-dark"
    if quality["blockiness"] > limits.blockiness:
        return "too-compressed"
    return "too-blurred" if quality["sharpness"] < limits.sharpness else ""
