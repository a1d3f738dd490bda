"""Can the heatmaps be believed: deletion and insertion, infidelity, sensitivity and the sanity check, by net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.base.hashing import stable_seed
from clew.base.progress import Task
from clew.explain.faithfulness import areas, curves, infidelity, sanity, sensitivity
from clew.explain.heatmaps import upsampled
from clew.explain.means import Values, figure, rows_of
from clew.explain.seen import Seen
from clew.explain.shelf import Shelf
from clew.tickets.evaluation.models import Member, Model
from clew.training.choices import thread_count

ORDERS = ("deletion", "insertion")
SCORES = ("infidelity", "sensitivity")
BATCH = 16


def trust_figures(seen: Seen, model: Model, shelf: Shelf, task: Task) -> dict[str, Any]:
    """What speaks for and against a level's heatmaps, on the slow pictures whose heatmap is not all zero.

    {"deletion", "insertion": FIGURE (mean probability under the curve, the more important pixels first),
    "deletion_gain" (that of a random order less the own), "insertion_gain" (own less random): above 0 the heatmap
    tells more than chance, "infidelity", "sensitivity": FIGURE, "curves": {"deletion", "insertion", "random_deletion",
    "random_insertion": [mean probability]}, "sanity": {"passed" (of all seeds), "seeds": [{"seed", ...}]}}. `task`
    advances by a step for each slow picture and seed.
    """
    found = [_of_ticket(seen, member, shelf, task) for member in model.members]
    values = {name: np.array([one[name] for one in found], np.float64) for name in (*_curve_names(), *SCORES)}
    bench = rows_of(seen.bench, seen.subject.slow)
    told: dict[str, Any] = {name: figure(bench, values[name], (0.0, 1.0)) for name in ORDERS}
    told["deletion_gain"] = figure(bench, values["random_deletion"] - values["deletion"], (-1.0, 1.0))
    told["insertion_gain"] = figure(bench, values["insertion"] - values["random_insertion"], (-1.0, 1.0))
    told["infidelity"] = figure(bench, values["infidelity"], (0.0, 1.0))
    told["sensitivity"] = figure(bench, values["sensitivity"], (0.0, np.inf))
    told["curves"] = {name: _mean([one["curves"][name] for one in found]) for name in _curve_names()}
    checks = [{"seed": member.seed, **one["sanity"]} for member, one in zip(model.members, found, strict=True)]
    told["sanity"] = {"passed": all(one["passed"] for one in checks), "seeds": checks}
    return told


def _curve_names() -> tuple[str, ...]:
    return (*ORDERS, *(f"random_{name}" for name in ORDERS))


def _mean(curves_by_seed: Sequence[Sequence[float] | None]) -> list[float] | None:
    """The mean over seeds of their mean curves; None where no seed has one."""
    known = [one for one in curves_by_seed if one is not None]
    return np.mean(known, axis=0).tolist() if known else None


def _of_ticket(seen: Seen, member: Member, shelf: Shelf, task: Task) -> dict[str, Any]:
    """Per-picture numbers of one ticket, NaN for an empty heatmap; kept on the shelf, where NaN stands as null."""
    dense, slow = seen.nets.dense_of(member.seed), seen.subject.slow
    key = [member.seal, *seen.subject.key, slow.tolist(), *seen.lens.key(dense), spread_out(slow).tolist()]
    made = shelf.measure(f"trust-{member.path.stem}", key, lambda: _measured(seen, member))
    task.advance(len(slow), member.path.stem)
    return {name: _numbers(one) if isinstance(one, list) else one for name, one in made.items()}


def _numbers(values: list[float | None]) -> list[float]:
    return [np.nan if one is None else one for one in values]


def _measured(seen: Seen, member: Member) -> dict[str, Any]:
    net, device = seen.lens.net(member), member.choices.device
    maps, targets = seen.maps[member.seal], seen.targets[member.seed]
    told = np.array([bool(np.any(maps[at] > 0)) for at in seen.subject.slow])
    parts: dict[str, list[Values]] = {name: [] for name in (*_curve_names(), *SCORES)}
    lot = _generator()
    with thread_count(member.choices.threads):
        for positions in seen.subject.batches(seen.subject.slow, BATCH):
            images = seen.subject.images(positions).to(device)
            wanted = torch.from_numpy(targets[positions]).to(device)
            large = upsampled(torch.from_numpy(np.array(maps[positions])), seen.subject.size).to(device)
            lots = torch.rand(large.shape, generator=lot).to(device)
            for prefix, order in (("", large), ("random_", lots)):
                for name, curve in zip(ORDERS, curves(net, images, wanted, order), strict=True):
                    parts[prefix + name].append(curve)
            parts["infidelity"].append(infidelity(net, images, wanted, large, _generator()))
            layer = seen.lens.target.layer(seen.lens.layer)
            parts["sensitivity"].append(sensitivity(net, images, wanted, layer, seen.lens.cam, _generator()))
        checked = _checked(seen, member, net)
    whole = {name: np.concatenate(part) for name, part in parts.items()}
    by_picture = {name: areas(whole[name]) for name in _curve_names()} | {name: whole[name] for name in SCORES}
    found: dict[str, Any] = {name: _plain(np.where(told, values, np.nan)) for name, values in by_picture.items()}
    means = {name: whole[name][told].mean(axis=0).tolist() if told.any() else None for name in _curve_names()}
    return {**found, "curves": means, "sanity": checked}


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [float(one) if np.isfinite(one) else None for one in values]


def spread_out(positions: NDArray[np.int64], most: int = 2 * BATCH) -> NDArray[np.int64]:
    """At most so many of positions in order, evenly over all of them: stores hold one class after the other."""
    if len(positions) <= most:
        return positions
    return positions[np.arange(most) * len(positions) // most]


def _checked(seen: Seen, member: Member, net: torch.nn.Module) -> dict[str, Any]:
    """The sanity check on some of the slow pictures, as many at once as a batch of heatmaps has."""
    positions = spread_out(seen.subject.slow)
    images = seen.subject.images(positions).to(member.choices.device)
    targets = torch.from_numpy(seen.targets[member.seed][positions]).to(member.choices.device)
    layer = seen.lens.target.layer(seen.lens.layer)
    return dict(sanity(net, images, targets, layer, _generator(), seen.lens.cam))


def _generator() -> torch.Generator:
    """The same draws for every net, so that their numbers are paired, and for every batch."""
    return torch.Generator().manual_seed(stable_seed("explained"))
