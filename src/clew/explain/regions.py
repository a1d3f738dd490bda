"""Whether a heatmap lies on the forged region: measures over maps and regions of one size.

Negative values of a map count as 0. A picture has no answer, nan, when its map is positive nowhere, its region is empty
(unknown) or fills the picture: count those, since a dead network's pictures leave a mean this way.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clew.base.errors import ClewError
from clew.datasets.store import CropStore
from clew.explain.focus import Maps, Measure, highest, overlap, positive

Regions = NDArray[np.bool_]


def pointing_game(maps: ArrayLike, regions: ArrayLike) -> NDArray[np.float64]:
    """Whether the highest pixel lies in the region, 1 or 0; of several equal ones, the share that does.

    The pointing game of Zhang et al. 2018 without its margin of 15 pixels.
    """
    values, inside = _pair(maps, regions)
    peak = values == values.max(axis=(1, 2), keepdims=True)
    hits, peaks = (peak & inside).sum(axis=(1, 2)), peak.sum(axis=(1, 2))
    return _told(hits / peaks, values, inside)


def energy_inside(maps: ArrayLike, regions: ArrayLike) -> NDArray[np.float64]:
    """The share of the positive values that lies in the region (Score-CAM's pointing game, Wang et al. 2020).

    A map that looks everywhere alike reaches the region's share of the picture, `area_share`.
    """
    values, inside = _pair(maps, regions)
    total = values.sum(axis=(1, 2))
    shares = np.where(inside, values, 0.0).sum(axis=(1, 2)) / np.where(total > 0, total, 1.0)
    return _told(shares, values, inside)


def region_iou(maps: ArrayLike, regions: ArrayLike) -> NDArray[np.float64]:
    """IoU of the region with as many of the map's highest pixels as it has, positive ones only."""
    values, inside = _pair(maps, regions)
    return _told(overlap(highest(values, inside.sum(axis=(1, 2))), inside), values, inside)


def area_share(maps: ArrayLike, regions: ArrayLike) -> NDArray[np.float64]:
    """The region's share of the picture, for the pictures that the other measures have an answer for."""
    values, inside = _pair(maps, regions)
    return _told(inside.mean(axis=(1, 2)), values, inside)


REGION: dict[str, Measure] = {
    "pointing_game": Measure(pointing_game, "highest pixel inside the region (pointing game)", "", True),
    "energy_inside": Measure(energy_inside, "energy inside the region", "", True),
    "region_iou": Measure(region_iou, "overlap (IoU) with the region", "", True),
    "area_share": Measure(area_share, "the region's share of the picture", "", None),
}


def resized_region(region: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """A region (H, W) at (size, size) that keeps its share of the picture: the pixels that it covers most.

    The count is rounded, at least 1 for a region that is not empty; of equally covered pixels the first, row by row.
    """
    if region.shape == (size, size):
        return region.astype(bool)
    smaller = size < min(region.shape)
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    covered = cv2.resize(region.astype(np.float32), (size, size), interpolation=how).round(5)
    count = max(1, round(float(region.mean()) * size * size)) if region.any() else 0
    return highest(covered[None], count)[0]


def store_regions(store: CropStore, positions: Sequence[int] | NDArray[np.int64], size: int) -> Regions:
    """The forged regions (B, size, size) of crops at positions of the column `crop`; empty where none is known."""
    found = np.zeros((len(positions), size, size), bool)
    for row, position in enumerate(positions):
        found[row] = resized_region(store.region(int(position)), size)
    return found


def _pair(maps: ArrayLike, regions: ArrayLike) -> tuple[Maps, Regions]:
    values, inside = positive(maps), np.asarray(regions)
    if inside.shape != values.shape:
        raise ClewError(
            f"heatmaps {values.shape} and regions {inside.shape} differ in shape: bring both to one size first."
        )
    return values, inside != 0


def _told(figures: NDArray[np.float64], values: Maps, inside: Regions) -> NDArray[np.float64]:
    """The figures (N,), nan for pictures that have no answer."""
    usable = (values > 0).any(axis=(1, 2)) & inside.any(axis=(1, 2)) & ~inside.all(axis=(1, 2))
    return np.where(usable, figures, np.nan)
