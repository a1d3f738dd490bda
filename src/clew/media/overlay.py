"""Heatmaps drawn over pictures: in a perceptually uniform colour map, on a scale that the caller gives."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.crops import resize
from clew.media.pictures import Picture

SIDE = 144  # pixels of an overlay
HEAT, LINE = 0.62, (90, 255, 235)  # how much of the colour map is laid over the grey picture; the region's outline
COLOURS, COLOUR_NAME = cv2.COLORMAP_INFERNO, "inferno"
STOPS = 9


def shown(picture: Picture, region: NDArray[np.bool_] | None = None, side: int = SIDE) -> Picture:
    """A picture (H, W, 3) at the overlays' size, with the outline of a region (H, W) of it."""
    return outlined(resize(picture, side).copy(), region)


def overlaid(
    picture: Picture, heat: NDArray[np.float32], scale: float, region: NDArray[np.bool_] | None = None, side: int = SIDE
) -> Picture:
    """A raw heatmap (h, w) over the grey picture (H, W, 3): 0 is the map's dark end, `scale` its bright one.

    Nothing is rescaled: heatmaps drawn with one scale may be compared. A `scale` of 0 draws no heat at all.
    """
    large = cv2.resize(np.array(heat, np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    share = np.clip(large / scale, 0, 1) if scale > 0 else np.zeros_like(large)
    coloured = cv2.cvtColor(cv2.applyColorMap(np.uint8(np.rint(255 * share)), COLOURS), cv2.COLOR_BGR2RGB)  # type: ignore[call-overload]
    grey = cv2.cvtColor(resize(picture, side), cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    mixed = HEAT * coloured.astype(np.float32) + (1 - HEAT) * grey
    return outlined(np.asarray(np.rint(mixed), np.uint8), region)


def outlined(picture: Picture, region: NDArray[np.bool_] | None) -> Picture:
    """The picture (side, side, 3) with the outline of a region (H, W), scaled to it; the picture is changed."""
    if region is None or not region.any():
        return picture
    side = picture.shape[0]
    mask = cv2.resize(region.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, LINE, 1)
    return picture


def colour_stops(count: int = STOPS) -> list[str]:
    """Colours of the map from its dark to its bright end, as the web writes them."""
    places = np.rint(np.linspace(0, 255, count)).astype(np.uint8)[None]
    found = cv2.cvtColor(cv2.applyColorMap(places, COLOURS), cv2.COLOR_BGR2RGB)[0]
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in found.tolist()]
