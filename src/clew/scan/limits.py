"""When a face allows no verdict: limits of its measures, and which of them it breaks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from clew.base.errors import ClewError

# The defaults, from four dense networks of 64-pixel input (cnn5 and meso4, each trained on OpenForensics and on DFDC
# crops) and 600 crops of their validation parts, made worse step by step. False alarms, as they are / then:
# 48 px across: cnn5 0.12 / 0.13 and 0.40 / 0.52; 40 px: 0.14 and 0.62; 32 px: 0.19 and 0.75; 24 px: 0.23 and 0.89.
# Detail of 28 to 32 px (blurred): 0.14 and 0.66; 24 to 25 px: 0.16 and 0.82; 21 to 22 px: 0.19 and 0.93.
# JPEG of quality 10 (blockiness 0.2 to 0.3) changes no AUC by 0.01, 5 (0.3 to 0.5) by 0.01 to 0.03.
# Brightness 0.12: AUC 0.94 to 0.87 and 0.67 to 0.59; at 0.08 the first finds 0.13 of the fakes where it found 0.85.
# Of the crops as they are the limits refuse 0 to 3 %.


@dataclass(frozen=True)
class Limits:
    """What a face must offer to count towards a verdict; the measures are those of `clew.media.quality`.

    side: pixels across its square in the source, at least; sharpness: pixels across that hold its detail, at least;
    blockiness: traces of compression's blocks, at most; darkest and brightest: mean luma of the face, 0 to 1;
    contrast: standard deviation of its luma, at least; clipped: share of black and white pixels, at most.
    """

    side: float = 48.0
    sharpness: float = 22.0
    blockiness: float = 0.35
    darkest: float = 0.10
    brightest: float = 0.85
    contrast: float = 0.04
    clipped: float = 0.4

    def __post_init__(self) -> None:
        rates = (self.darkest, self.brightest, self.contrast, self.clipped)
        sizes = (self.side, self.sharpness, self.blockiness)
        good = all(value >= 0 and math.isfinite(value) for value in sizes)
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
