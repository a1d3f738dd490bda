"""Which filters survive per layer and level, how many inputs each keeps, and which frequencies they let through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.progress import SILENT, Progress
from clew.explain.by_seed import BySeed
from clew.explain.filters import GRID, flat_share, high_share, is_spatial, ring_shares
from clew.explain.rings import octaves
from clew.tickets.evaluation.ladder_models import Compared, side_by_side
from clew.tickets.evaluation.models import Member, Model
from clew.tickets.file import TicketFile
from clew.tickets.ladder import Ladder
from clew.tickets.masks import Mask, random_mask

ALL = ""  # stands for all layers together, beside their names
RINGS = tuple(f"ring {at}" for at in range(1, 1 + len(octaves(GRID))))
OWN = ("constant", *RINGS, "high")
AGAINST = ("high_minus_dense", "kept", "by_lot", "kept_minus_by_lot")
Numbers = Mapping[tuple[str, str], float]  # of one ticket, by layer and name
Kernels = Mapping[str, NDArray[np.float32]]


def surviving_filters(
    ladder: Ladder,
    methods: Sequence[str] = (),
    levels: Sequence[float] = (),
    progress: Progress = SILENT,
    seeds: Sequence[int] = (),
) -> dict[str, Any]:
    """Filters of a ladder's dense nets and levels, layer by layer, from its tickets alone; for JSON.

    `methods` (imp, random-of-imp; none: all but controls), `levels` and `seeds` (none: all) choose. SEEDS is {"mean",
    "low", "high", "n", "seeds": {seed: value}} or null: an interval over seeds alone, for no picture is looked at.

        grid, flat (the high share of a filter that passes all alike), rings: [{low, high}] in cycles per pixel
        layers: [{name, filters, inputs, kernel: [h, w] or null}], in the network's order
        dense: {seeds, layers: [LAYER], all: FREQUENCIES}
        levels: [{method, level, sparsity, control, seeds, layers: [LAYER], all: FREQUENCIES}]

    LAYER: {living: SEEDS, how many filters (units, of a linear layer) have a living weight; inputs: SEEDS, the mean
    number of inputs that a living filter keeps a weight of; frequencies: FREQUENCIES, or null of a layer that has none
    (linear, 1x1)}. FREQUENCIES, each the mean over living filters, `all` of them those of all layers that have any:

        constant, rings: [SEEDS], high    shares of a filter's energy, as trained; `high` is the highest ring: 1/4
                                          cycle per pixel and above
        high_minus_dense                  `high` less that of the dense net's filters, paired by seed
        kept                              `high` of the dense net's filters cut down to the ticket's mask, not trained
        by_lot                            the same under a mask of equal layer densities drawn by lot
        kept_minus_by_lot                 what the choice of weights does: cutting alone moves filters towards `flat`
    """
    side = side_by_side(ladder, methods, levels)
    first = side.dense.members[0].ticket().content
    steps = sum(len(_chosen(model, seeds)) for model in _each(side.dense, side.levels))
    with progress.task("filters", steps) as task:
        dense = {}
        for member in _chosen(side.dense, seeds):
            dense[member.seed] = _own(member.ticket().content)
            task.advance(1, member.path.stem)
        found = []
        for one in side.levels:
            numbers = {}
            for member in _chosen(one.model, seeds):
                numbers[member.seed] = _against(member, _of_seed(one.reference, member.seed))
                task.advance(1, member.path.stem)
            found.append({**_level_facts(one), **_told(numbers, first.mask)})
    return {
        "grid": GRID,
        "flat": flat_share(),
        "rings": [{"low": ring.low, "high": ring.high} for ring in octaves(GRID)],
        "layers": [_layer_facts(name, kept.shape) for name, kept in first.mask.items()],
        "dense": _told(dense, first.mask),
        "levels": found,
    }


def living_filters(kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which filters of a mask (O, I, ...) have a living weight: (O,)."""
    return np.asarray(kept.reshape(len(kept), -1).any(axis=1))


def kept_inputs(kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of how many of its I inputs each filter of a mask (O, I, ...) keeps a weight: (O,)."""
    return np.asarray(kept.reshape(*kept.shape[:2], -1).any(axis=2).sum(axis=1))


def _each(dense: Model, levels: Sequence[Compared]) -> list[Model]:
    return [dense, *(one.model for one in levels)]


def _chosen(model: Model, seeds: Sequence[int]) -> list[Member]:
    """The members of these seeds (none: all)."""
    return [member for member in model.members if not seeds or member.seed in seeds]


def _of_seed(model: Model, seed: int) -> Member | None:
    return next((member for member in model.members if member.seed == seed), None)


def _own(content: TicketFile) -> dict[tuple[str, str], float]:
    """Counts and shares of the filters of one ticket."""
    found: dict[tuple[str, str], float] = {}
    for name, kept in content.mask.items():
        alive = living_filters(kept)
        found[name, "living"] = float(alive.sum())
        found[name, "inputs"] = float(kept_inputs(kept)[alive].mean()) if alive.any() else np.nan
    for name, shares in _shares(content.values).items():
        means = _mean(shares)
        found |= {(name, key): value for key, value in zip(OWN[:-1], means, strict=True)}
        found[name, "high"] = float(_mean(high_share(shares)))
    return found


def _against(member: Member, dense: Member | None) -> dict[tuple[str, str], float]:
    """The same of a ticket, and how it compares with the dense net of its seed, where there is one."""
    content = member.ticket().content
    found = _own(content)
    if dense is None:
        return found
    values = dense.ticket().content.values
    lots = random_mask(content.mask, member.seed)
    plain, kept, by_lot = (_shares(part) for part in (values, _cut(values, content.mask), _cut(values, lots)))
    for name in plain:
        high, chosen, drawn = (float(_mean(high_share(part[name]))) for part in (plain, kept, by_lot))
        numbers = (found[name, "high"] - high, chosen, drawn, chosen - drawn)
        found |= {(name, key): value for key, value in zip(AGAINST, numbers, strict=True)}
    return found


def _cut(values: Kernels, mask: Mask) -> Kernels:
    return {name: np.where(mask[name], kernels, np.float32(0)) for name, kernels in values.items()}


def _shares(values: Kernels) -> dict[str, NDArray[np.float64]]:
    """The ring shares (O, 1 + R) of every layer that has a frequency response, and of all together under ALL."""
    found = {name: ring_shares(kernels) for name, kernels in values.items() if is_spatial(kernels.shape)}
    return {**found, ALL: np.concatenate(list(found.values()))} if found else {}


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over filters, those without energy (dead ones) left out; NaN where there is no other."""
    known = values[np.isfinite(values.reshape(len(values), -1)).all(axis=1)]
    return np.asarray(known.mean(axis=0)) if len(known) else np.full(values.shape[1:], np.nan)


def _told(numbers: Mapping[int, Numbers], mask: Mask) -> dict[str, Any]:
    """The numbers of several seeds, layer by layer."""
    seeds = tuple(sorted(numbers))

    def over(name: str, key: str) -> BySeed:
        return BySeed(seeds, tuple(numbers[seed].get((name, key), np.nan) for seed in seeds))

    def frequencies(name: str) -> dict[str, Any] | None:
        if (name, "high") not in numbers[seeds[0]]:
            return None
        rings = [over(name, ring).as_dict(0, 1) for ring in RINGS]
        plain = {key: over(name, key).as_dict(0, 1) for key in ("constant", "high", "kept", "by_lot")}
        changes = {key: over(name, key).as_dict(-1, 1) for key in ("high_minus_dense", "kept_minus_by_lot")}
        return {**plain, "rings": rings, **changes}

    layers = [
        {
            "living": over(name, "living").as_dict(0, len(kept)),
            "inputs": over(name, "inputs").as_dict(0, kept.shape[1]),
            "frequencies": frequencies(name),
        }
        for name, kept in mask.items()
    ]
    return {"seeds": list(seeds), "layers": layers, "all": frequencies(ALL)}


def _layer_facts(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    kernel = list(shape[2:]) if is_spatial(shape) else None
    return {"name": name, "filters": shape[0], "inputs": shape[1], "kernel": kernel}


def _level_facts(one: Compared) -> dict[str, Any]:
    return {"method": one.method, "level": one.model.level, "sparsity": one.sparsity, "control": one.control}
