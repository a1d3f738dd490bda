"""Single numbers that could tell fakes from reals without any forgery being seen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.media.pictures import Picture

BLOCK = 8  # pixels of a JPEG block


@dataclass(frozen=True)
class Measure:
    """A number of a file or a crop: what fakes are when theirs is the larger or the smaller, and what to do then."""

    name: str
    larger: str
    smaller: str
    cure: str


ENCODE = "Compress both classes alike (one format, one quality) before cropping; keep --augment standard when training."
SHARPEN = "Bring both classes to one sharpness before cropping; keep --augment standard (blur, noise) when training."
COLOUR = "Check that both classes come from the same cameras and went through the same tools; vary light and colour."
SIZE = "Scale both classes from sources of one size, or leave out what is too small; a detector can see upscaling."

FILE_MEASURES = (
    Measure("file size", "have larger files", "have smaller files", ENCODE),
    Measure("resolution", "come from larger pictures", "come from smaller pictures", SIZE),
    Measure("aspect", "come from wider pictures", "come from narrower pictures", SIZE),
    Measure("JPEG quality", "have a higher JPEG quality", "have a lower JPEG quality", ENCODE),
    Measure("is a JPEG", "are JPEG files and reals more often are not", "more often are not JPEG files", ENCODE),
)
CROP_MEASURES = (
    Measure("sharpness", "are sharper", "are blurrier", SHARPEN),
    Measure("noise", "are noisier", "are smoother", SHARPEN),
    Measure("blockiness", "show stronger JPEG blocks", "show weaker JPEG blocks", ENCODE),
    Measure("brightness", "are brighter", "are darker", COLOUR),
    Measure("contrast", "have more contrast", "have less contrast", COLOUR),
    Measure("saturation", "are more colourful", "are paler", COLOUR),
    Measure("red - green", "are redder", "are less red", COLOUR),
    Measure("blue - green", "are bluer", "are less blue", COLOUR),
)


def measure_crop(crop: Picture) -> NDArray[np.float64]:
    """The values of CROP_MEASURES for a crop (H, W, 3).

    Sharpness: variance of the Laplacian. Noise: J. Immerkaer, Fast noise variance estimation, 1996. Blockiness: mean
    step over the edges of 8-pixel blocks against that elsewhere, meaningful for crops that were not scaled.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    means = crop.reshape(-1, 3).mean(0)
    return np.array(
        [
            cv2.Laplacian(grey, cv2.CV_32F).var(),
            np.abs(cv2.filter2D(grey, cv2.CV_32F, _NOISE)[1:-1, 1:-1]).mean() * np.sqrt(np.pi / 2) / 6,
            (_blockiness(grey) + _blockiness(grey.T)) / 2,
            grey.mean(),
            grey.std(),
            cv2.cvtColor(crop, cv2.COLOR_RGB2HSV)[..., 1].mean(),
            means[0] - means[1],
            means[2] - means[1],
        ]
    )


_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def _blockiness(grey: NDArray[np.float32]) -> float:
    steps = np.abs(np.diff(grey, axis=1)).mean(0)
    edge = np.arange(len(steps)) % BLOCK == BLOCK - 1
    return float(steps[edge].mean() / max(float(steps[~edge].mean()), 1e-6))
