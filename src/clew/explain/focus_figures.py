"""Is the focus kept, and is it right: the measures of heatmaps by net, as means over pictures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.base.progress import Task
from clew.explain.facial_parts import PARTS, part_energy
from clew.explain.focus import FOCUS, empty
from clew.explain.heatmaps import upsampled
from clew.explain.means import Figure, Values, figure, figure_of_pairs, rows_of
from clew.explain.parts_of_faces import MasksOf
from clew.explain.regions import REGION
from clew.explain.seen import Seen
from clew.explain.shelf import Maps
from clew.tickets.evaluation.models import Model

CHUNK, MOST_PIXELS = 128, 2**20  # pictures that are measured at once, and pixels of them
LIMITS = {  # where a measure can lie; without an entry anywhere
    "distance": (0.0, np.inf),
    "relative_distance": (0.0, np.inf),
    "spearman": (-1.0, 1.0),
    "ssim": (-1.0, 1.0),
    "shift": (0.0, np.inf),
}
SHARE = (0.0, 1.0)
Chunked = Callable[[slice], dict[str, NDArray[np.float64]]]
Compared = tuple[Maps, Maps]


def focus_kept(seen: Seen, level: Model, reference: Model, task: Task) -> dict[str, Figure | None]:
    """Each measure of FOCUS between the heatmaps of a level and of its dense reference, paired by seed and picture."""
    pairs = list(zip(seen.heat(reference), seen.heat(level), strict=True))
    values = _focus(seen, pairs, task)
    return {name: figure(seen.bench, found, limits_of(name)) for name, found in values.items()}


def between_seeds(seen: Seen, task: Task) -> dict[str, Figure | None] | None:
    """The same between the dense nets of two seeds: how alike two trainings of one network look. None for one seed.

    Means over all pairs of seeds, see `figure_of_pairs`.
    """
    heat, labels = seen.heat(seen.nets.dense), seen.nets.seeds
    pairs = list(combinations(range(len(labels)), 2))
    if not pairs or seen.lens.target.number is None:  # predicted classes differ from seed to seed
        return None
    values = _focus(seen, [(heat[one], heat[other]) for one, other in pairs], task)
    return {name: figure_of_pairs(seen.bench, found, pairs, limits_of(name)) for name, found in values.items()}


def limits_of(name: str) -> tuple[float, float]:
    """Where a measure can lie."""
    return LIMITS.get(name, SHARE)


def _focus(seen: Seen, pairs: Sequence[Compared], task: Task) -> dict[str, Values]:
    found = []
    for dense, ticket in pairs:
        found.append(_in_chunks(len(seen.subject), _pixels(dense), partial(_compare, dense, ticket)))
        task.advance(len(seen.subject))
    return {name: np.stack([one[name] for one in found]) for name in FOCUS}


def _compare(dense: Maps, ticket: Maps, part: slice) -> dict[str, NDArray[np.float64]]:
    one, other = np.asarray(dense[part], np.float64), np.asarray(ticket[part], np.float64)
    return {name: measure.function(one, other) for name, measure in FOCUS.items()}


def _in_chunks(count: int, pixels: int, measured: Chunked) -> dict[str, NDArray[np.float64]]:
    """What is measured on `count` pictures of so many pixels, a few at a time: memory does not grow with either."""
    step = max(1, min(CHUNK, MOST_PIXELS // pixels))
    parts = [measured(slice(start, min(start + step, count))) for start in range(0, count, step)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _pixels(maps: Maps) -> int:
    return maps.shape[1] * maps.shape[2]


def region_values(seen: Seen, model: Model, task: Task) -> dict[str, Values]:
    """Each measure of REGION by seed for the pictures whose region is known: (S, n)."""
    known = np.flatnonzero(seen.subject.known)

    def measured(maps: Maps, part: slice) -> dict[str, NDArray[np.float64]]:
        positions = known[part]
        regions, large = seen.subject.regions(positions), _large(maps[positions], seen.subject.size)
        return {name: measure.function(large, regions) for name, measure in REGION.items()}

    found = []
    for maps in seen.heat(model):
        found.append(_in_chunks(len(known), seen.subject.size**2, partial(measured, maps)))
        task.advance(len(seen.subject))
    return {name: np.stack([one[name] for one in found]) for name in REGION}


def focus_right(seen: Seen, values: dict[str, Values], dense: dict[str, Values] | None) -> dict[str, Any]:
    """Figures of `region_values`; with those of dense also the difference to them, paired by seed and picture."""
    bench = rows_of(seen.bench, np.flatnonzero(seen.subject.known))
    found: dict[str, Any] = {}
    for name, own in values.items():
        minus = None if dense is None else figure(bench, own - dense[name])
        found[name] = {"value": figure(bench, own, limits_of(name)), "minus_dense": minus}
    return found


def part_figures(seen: Seen, model: Model, masks_of: MasksOf, task: Task) -> dict[str, Figure | None]:
    """The share of the heat in each facial part, over pictures whose heatmap is not all zero."""
    every = np.arange(len(seen.subject))

    def measured(maps: Maps, part: slice) -> dict[str, NDArray[np.float64]]:
        return {"parts": part_energy(_large(maps[part], seen.subject.size), masks_of(every[part]))}

    found = []
    for maps in seen.heat(model):
        found.append(_in_chunks(len(seen.subject), seen.subject.size**2, partial(measured, maps))["parts"])
        task.advance(len(seen.subject))
    shares = np.stack(found)
    return {name: figure(seen.bench, shares[..., at], SHARE) for at, name in enumerate(PARTS)}


def empty_share(seen: Seen, model: Model) -> Figure | None:
    """The share of pictures whose heatmap holds nothing but zeros: what cannot be measured."""

    def measured(maps: Maps, part: slice) -> dict[str, NDArray[np.float64]]:
        return {"empty": empty(maps[part]).astype(np.float64)}

    found = [_in_chunks(len(maps), _pixels(maps), partial(measured, maps))["empty"] for maps in seen.heat(model)]
    return figure(seen.bench, np.stack(found), SHARE)


def _large(maps: Maps, size: int) -> NDArray[np.float64]:
    return upsampled(torch.from_numpy(np.array(maps, np.float32)), size).numpy().astype(np.float64)


def region_gain(seen: Seen, values: dict[str, Values]) -> Figure | None:
    """The share of the heat inside the region less the region's share of the picture, paired: 0 is chance."""
    bench = rows_of(seen.bench, np.flatnonzero(seen.subject.known))
    return figure(bench, values["energy_inside"] - values["area_share"], (-1.0, 1.0))
