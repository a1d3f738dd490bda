"""The nets of a ladder under stress, as they stand in robustness.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clew.tickets.evaluation.attacked import Attack
from clew.tickets.evaluation.ladder_models import Compared, Side
from clew.tickets.evaluation.losses import Seen, dense_loss, loss, mean_of, start_of
from clew.tickets.evaluation.robustness import by_corruption
from clew.tickets.evaluation.stressed import Stressed

Start = Callable[[Seen], dict[str, Any]]
Cost = Callable[[Seen, Seen], dict[str, Any]]
TITLE, UNIT = "Gradient attack", "each value by at most so many of 255 levels"


def nets(side: Side, found: Stressed, attack: Attack | None, margin: float) -> dict[str, Any]:
    """{"dense": NETS, "levels": [NETS]}: see `ladder_robustness`."""
    return {"dense": _dense(side, found, attack), "levels": [_level(o, found, attack, margin) for o in side.levels]}


def _dense(side: Side, found: Stressed, attack: Attack | None) -> dict[str, Any]:
    def start(clean: Seen) -> dict[str, Any]:
        return {"auc": dense_loss(side.dense, clean, clean)["auc"], "minus_dense": None}

    def cost(clean: Seen, under: Seen) -> dict[str, Any]:
        return dense_loss(side.dense, clean, under)

    head = {"method": side.dense.method, "level": 0.0, "sparsity": 0.0, "control": False}
    return head | {"seeds": list(side.dense.seeds)} | _stress(start, cost, found, attack)


def _level(one: Compared, found: Stressed, attack: Attack | None, margin: float) -> dict[str, Any]:
    def start(clean: Seen) -> dict[str, Any]:
        return start_of(one, clean)

    def cost(clean: Seen, under: Seen) -> dict[str, Any]:
        return loss(one, clean, under, margin)

    head = {"method": one.method, "level": one.model.level, "sparsity": one.sparsity, "control": one.control}
    return head | {"seeds": list(one.model.seeds)} | _stress(start, cost, found, attack)


def _stress(start: Start, cost: Cost, found: Stressed, attack: Attack | None) -> dict[str, Any]:
    clean, under = found.clean, found.under
    return {
        "clean": start(clean),
        "mean": cost(clean, mean_of(list(under.values()))),
        "corruptions": by_corruption({condition: cost(clean, one) for condition, one in under.items()}),
        "attack": None if attack is None else _attacked(start, cost, found.attacked, attack),
    }


def _attacked(start: Start, cost: Cost, found: dict[float, Seen], attack: Attack) -> dict[str, Any]:
    clean = found[0.0]
    levels = [{"level": epsilon, **cost(clean, found[epsilon])} for epsilon in attack.epsilons]
    return {"name": attack.name, "title": TITLE, "unit": UNIT, "clean": start(clean), "levels": levels}
