"""Whether a ticket looks where its dense network looked: measures over pairs of raw heatmaps of the same pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clew.base.errors import ClewError

Maps = NDArray[np.float64]

TOP = 0.2
COMMON = 64  # smaller maps are enlarged to it for SSIM, whose window has 11 pixels
_SIGMA, _RADIUS, _K1, _K2 = 1.5, 5, 0.01, 0.03


@dataclass(frozen=True)
class Measure:
    """One figure per picture; more: whether more is closer (or better), None where neither is."""

    function: Callable[..., NDArray[np.float64]]
    title: str
    unit: str
    more: bool | None


def checked(maps: ArrayLike) -> Maps:
    """Heatmaps (N, h, w) as float64; raises ClewError for another shape and for values that are not finite."""
    values = np.asarray(maps, np.float64)
    if values.ndim != 3 or 0 in values.shape[1:]:
        raise ClewError(f"heatmaps must be an array (N, h, w), found the shape {values.shape}.")
    if not np.isfinite(values).all():
        raise ClewError("heatmaps must be finite, found nan or inf: a network with such weights explains nothing.")
    return values


def positive(maps: ArrayLike) -> Maps:
    """Heatmaps (N, h, w) with 0 for what is negative: evidence against the class is no place that is looked at."""
    return np.maximum(checked(maps), 0.0)


def empty(maps: ArrayLike) -> NDArray[np.bool_]:
    """Which of the maps (N, h, w) are positive nowhere: they have no focus, and the share of them is a finding too."""
    return np.asarray(~(checked(maps) > 0).any(axis=(1, 2)))


def highest(maps: ArrayLike, counts: ArrayLike) -> NDArray[np.bool_]:
    """The `counts` (one, or N) highest positive pixels of each map (N, h, w); of equal ones the first, row by row.

    A map with fewer positive pixels has fewer: zeros are in no top, else two nearly empty maps would agree.
    """
    values = positive(maps)
    flat = _flat(values)
    ranks = np.argsort(np.argsort(-flat, axis=1, kind="stable"), axis=1, kind="stable")
    return ((ranks < np.reshape(counts, (-1, 1))) & (flat > 0)).reshape(values.shape)


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intersection over union of sets of pixels (N, h, w); nan where both are empty."""
    shared, union = (a & b).sum(axis=(1, 2)), (a | b).sum(axis=(1, 2))
    return _ratio(shared, union)


def distance(dense: ArrayLike, ticket: ArrayLike) -> NDArray[np.float64]:
    """`||dense - ticket||` (Frobenius) of each pair of raw maps (N, h, w): dL(p) of the lottery-ticket paper."""
    a, b = _pair(dense, ticket)
    return _norm(a - b)


def relative_distance(dense: ArrayLike, ticket: ArrayLike) -> NDArray[np.float64]:
    """The distance over the dense map's norm; nan where that map is all 0."""
    a, b = _pair(dense, ticket)
    return _ratio(_norm(a - b), _norm(a))


def spearman(dense: ArrayLike, ticket: ArrayLike) -> NDArray[np.float64]:
    """Spearman's rank correlation of the pixels, equal ones with their mean rank; nan where a map is constant."""
    from scipy.stats import rankdata

    ranks = (rankdata(_flat(x), axis=1) for x in _pair(dense, ticket))
    a, b = (x - x.mean(axis=1, keepdims=True) for x in ranks)
    found = _ratio((a * b).sum(axis=1), np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1)))
    return np.clip(found, -1.0, 1.0)


def ssim(dense: ArrayLike, ticket: ArrayLike) -> NDArray[np.float64]:
    """Structural similarity (Wang et al. 2004): Gaussian windows of 11 pixels with sigma 1.5, those that fit.

    One scale per pair: the data range reaches from the lowest value of both (0 where none is negative) to the highest
    (0 where none is positive), so a map twice as strong is not the same. Maps below 64 pixels are enlarged to it,
    bilinear, first: figures compare between maps of one size. nan where both maps are all 0.
    """
    a, b = (_enlarged(x) for x in _pair(dense, ticket))
    both = np.stack([a, b])
    span = np.maximum(both.max(axis=(0, 2, 3)), 0.0) - np.minimum(both.min(axis=(0, 2, 3)), 0.0)
    scale = np.where(span > 0, span, np.nan)[:, None, None]
    return _structure(a / scale, b / scale).mean(axis=(1, 2))


def top_overlap(dense: ArrayLike, ticket: ArrayLike, share: float = TOP) -> NDArray[np.float64]:
    """IoU of the highest pixels, round(`share` of all) of each map, positive ones only; nan where both have none.

    Of equal pixels the first counts, row by row. Two unrelated maps reach share / (2 - share) on average, about.
    """
    if not 0 < share <= 1:
        raise ClewError(f"the share of highest pixels must be above 0 and at most 1, found {share}.")
    a, b = _pair(dense, ticket)
    count = max(1, round(share * a[0].size)) if len(a) else 1
    return overlap(highest(a, count), highest(b, count))


def shift(dense: ArrayLike, ticket: ArrayLike) -> NDArray[np.float64]:
    """How far apart the centres of mass of the positive values lie, in shares of the side; nan where one has none."""
    a, b = _pair(dense, ticket)
    return np.hypot(*(_centre(a) - _centre(b)))


FOCUS: dict[str, Measure] = {
    "distance": Measure(distance, "distance of the heatmaps", "", False),
    "relative_distance": Measure(relative_distance, "distance over the dense heatmap's norm", "", False),
    "spearman": Measure(spearman, "rank correlation (Spearman)", "", True),
    "ssim": Measure(ssim, "structural similarity (SSIM)", "", True),
    "top_overlap": Measure(top_overlap, "overlap (IoU) of the top 20 % of pixels", "", True),
    "shift": Measure(shift, "shift of the centre of mass", "of the side", False),
}


def _pair(dense: ArrayLike, ticket: ArrayLike) -> tuple[Maps, Maps]:
    a, b = checked(dense), checked(ticket)
    if a.shape != b.shape:
        raise ClewError(f"heatmaps of the same pictures have one shape, found {a.shape} and {b.shape}.")
    return a, b


def _flat(maps: Maps) -> Maps:
    """Maps (N, h, w) as rows (N, h w), N may be 0."""
    return maps.reshape(len(maps), maps.shape[1] * maps.shape[2])


def _norm(maps: Maps) -> NDArray[np.float64]:
    return np.sqrt((maps * maps).sum(axis=(1, 2)))


def _ratio(above: ArrayLike, below: ArrayLike) -> NDArray[np.float64]:
    """above / below, nan where that is 0."""
    below = np.asarray(below, np.float64)
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)


def _centre(maps: Maps) -> NDArray[np.float64]:
    """Row and column of the centre of mass in shares of the side: (2, N)."""
    mass = np.maximum(maps, 0.0)
    rows, columns = ((np.arange(side) + 0.5) / side for side in maps.shape[1:])
    total = mass.sum(axis=(1, 2))
    return np.stack([_ratio(mass.sum(axis=2) @ rows, total), _ratio(mass.sum(axis=1) @ columns, total)])


def _enlarged(maps: Maps) -> Maps:
    """Maps (N, h, w) at no fewer than 64 pixels a side, as `heatmaps.upsampled` enlarges them."""
    import torch
    from torch.nn.functional import interpolate

    size = [max(side, COMMON) for side in maps.shape[1:]]
    if list(maps.shape[1:]) == size or not len(maps):
        return np.ascontiguousarray(np.broadcast_to(maps[:, :1, :1], (0, *size))) if not len(maps) else maps
    tensor = torch.from_numpy(np.ascontiguousarray(maps))[:, None]
    return interpolate(tensor, size, mode="bilinear", align_corners=False)[:, 0].numpy()


def _structure(a: Maps, b: Maps) -> Maps:
    """The SSIM map of the windows that fit, for values whose range is 1."""
    from scipy.ndimage import gaussian_filter

    def mean(x: Maps) -> Maps:
        inner = slice(_RADIUS, -_RADIUS)
        return gaussian_filter(x, _SIGMA, radius=_RADIUS, axes=(1, 2))[:, inner, inner]

    at, bt = mean(a), mean(b)
    va, vb, shared = mean(a * a) - at * at, mean(b * b) - bt * bt, mean(a * b) - at * bt
    light = (2 * at * bt + _K1**2) / (at * at + bt * bt + _K1**2)
    return light * (2 * shared + _K2**2) / (va + vb + _K2**2)
