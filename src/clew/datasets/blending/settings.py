"""How strong self-blending is: what its ranges are drawn from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from clew.base.errors import ClewError
from clew.datasets.blending.hull import KINDS

Range = tuple[float, float]


@dataclass(frozen=True)
class BlendSettings:
    """The ranges that a blend is drawn from, uniformly; lengths are shares of the face's larger side.

    Blend ratios, resizing and the strength of the colour shift are those of Shiohara & Yamasaki (CVPR 2022), section 3.
    """

    kinds: tuple[str, ...] = KINDS  # parts of the face that a region may take
    ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    face: float = 0.64  # width of a face as a share of its crop, where no landmarks are known
    face_jitter: float = 0.1  # of its size and of its place
    stretch: Range = (0.95, 1.05)  # of the copy, each axis for itself
    shift: float = 0.045  # of the copy, each way
    elastic: float = 0.045  # how far a point of the region's border is pushed, standard deviation
    erode: Range = (0.015, 0.06)  # first blur, of which only the inside stays
    feather: Range = (0.015, 0.06)  # second blur: the seam
    rgb: float = 20.0  # shift of each channel, in levels of 255
    hue: float = 6.0  # degrees
    saturation: Range = (0.8, 1.2)
    brightness: float = 0.08
    contrast: Range = (0.9, 1.1)
    shrink: Range = (0.25, 0.6)  # down-up-scaling
    sharpen: Range = (0.3, 1.2)  # unsharp masking
    jpeg_share: float = 0.5  # of the blends that pass through JPEG, together with their reals
    jpeg_quality: tuple[int, int] = (40, 95)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown or not self.kinds:
            raise ClewError(f"blend regions {', '.join(unknown) or '()'}: expected some of {', '.join(KINDS)}.")
        if not self.ratios or not all(0 < ratio <= 1 for ratio in self.ratios):
            raise ClewError(f"blend ratios {self.ratios}: expected numbers above 0, at most 1.")
        if not 0.1 <= self.face <= 0.9:
            raise ClewError(f"face width {self.face} of the crop's side: expected 0.1 to 0.9.")
        if not 0 <= self.jpeg_share <= 1 or not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise ClewError(f"JPEG {self.jpeg_share}, {self.jpeg_quality}: expected a share and qualities 1 to 100.")

    def as_dict(self) -> dict[str, Any]:
        """The settings as they stand in JSON."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
