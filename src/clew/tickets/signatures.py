"""Failure signatures of a ladder: what goes wrong as it is pruned, found in its facts and named."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from clew.tickets.connectivity import lost_layers

STILL_FALLING = 0.05  # of the loss, in the last epoch: a training that was cut short
MANY_DEAD = 0.1  # of a ticket's filters


@dataclass(frozen=True)
class Signature:
    """One finding: its `kind` (cliff, not converged, cut off, dead filters), where, and in words."""

    kind: str
    method: str
    level: float
    text: str

    def as_dict(self) -> dict[str, Any]:
        """The finding for JSON."""
        return asdict(self)


def signatures(facts: Mapping[str, Any], levels: list[dict[str, Any]], margin: float) -> list[Signature]:
    """All findings on the tickets of a ladder, from ladder.json and the levels of its summary."""
    tickets = [row for row in levels if not row["controls"]]
    return [*_cliffs(tickets, margin), *_trainings(facts)]


def _cliffs(rows: list[dict[str, Any]], margin: float) -> Iterator[Signature]:
    """Between two neighbouring levels of a method, the AUC falls by more than the margin and both intervals."""
    by_method: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_method.setdefault((row["method"], row["scope"]), []).append(row)
    for (method, _), found in by_method.items():
        found.sort(key=lambda row: float(row["target"]))
        for above, below in itertools.pairwise([{"target": 0.0, "auc": found[0]["reference"]}, *found]):
            drop = above["auc"]["mean"] - below["auc"]["mean"]
            apart = None not in (above["auc"]["low"], below["auc"]["high"]) and (
                below["auc"]["high"] < above["auc"]["low"]
            )
            if drop > margin and apart:
                text = (
                    f"{method} falls off a cliff between {100 * above['target']:g} and {100 * below['target']:g} %: "
                    f"AUC {above['auc']['mean']:.3f} to {below['auc']['mean']:.3f}, intervals apart."
                )
                yield Signature("cliff", method, float(below["target"]), text)


def _trainings(facts: Mapping[str, Any]) -> Iterator[Signature]:
    """What single runs show, over seeds."""
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for entry in facts["entries"]:
        if not entry["controls"]:
            groups.setdefault((entry["method"], entry["level"]), []).append(facts["runs"][entry["run"]])
    for (method, level), runs in sorted(groups.items()):
        where = f"{method} at {100 * level:g} %" if level else method
        rising = [run for run in runs if _unfinished(run["history"], run["best_epoch"])]
        if rising:
            text = (
                f"{where}: {len(rising)} of {len(runs)} trainings had not converged: the last epoch was the best, and "
                f"its loss still fell by more than {100 * STILL_FALLING:g} %. More --epochs may change the verdict."
            )
            yield Signature("not converged", method, level, text)
        yield from _holes(method, level, where, runs)


def _unfinished(history: list[dict[str, float]], best_epoch: int) -> bool:
    """Whether the last epoch was the best one on validation and lowered the loss much."""
    if len(history) < 2 or best_epoch != history[-1]["epoch"]:
        return False
    before, last = history[-2]["loss"], history[-1]["loss"]
    return last < (1 - STILL_FALLING) * before


def _holes(method: str, level: float, where: str, runs: list[dict[str, Any]]) -> Iterator[Signature]:
    """Layers that nothing passes, weights that no path uses, dead filters."""
    lost = sorted({name for run in runs for name in lost_layers(run["layers"], run.get("cut_off", {}))})
    if lost:
        text = f"{where}: nothing passes {', '.join(lost)}: no path is left there from the picture to the verdict."
        yield Signature("cut off", method, level, text)
    dead = [sum(run.get("dead_filters", {}).values()) / max(1, run.get("filters", 0)) for run in runs]
    if dead and max(dead) > MANY_DEAD:
        shares = " to ".join(dict.fromkeys(f"{100 * share:.0f}" for share in (min(dead), max(dead))))
        text = f"{where}: {shares} % of the filters are dead (no living weight): they can be taken out whole."
        yield Signature("dead filters", method, level, text)
