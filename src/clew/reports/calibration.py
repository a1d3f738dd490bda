"""What the dense nets' probabilities mean: their temperature, and the threshold at a stated rate of false alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from clew.base.errors import ClewError
from clew.reports.calibration_words import at_bound, errors, rates, temperatures, unresolved
from clew.reports.words import NONE, number, percent
from clew.tickets.ladder import Ladder
from clew.training.calibration import Calibration
from clew.training.operating import OperatingPoint


@dataclass(frozen=True)
class Row:
    """One seed as a line of the table, every number as text."""

    seed: str
    temperature: str
    ece_before: str
    ece_after: str
    threshold: str
    fpr: str
    fpr_high: str
    tpr: str


@dataclass(frozen=True)
class CalibrationTable:
    """The section: what was found in words, and a line per seed; `unit` is what the threshold is for."""

    unit: str
    told: list[str]
    warnings: list[str]
    rows: list[Row]


@dataclass(frozen=True)
class _Net:
    """One dense net's calibration, and its operating point where its ticket has one."""

    seed: int
    calibration: Calibration
    point: OperatingPoint | None


def calibration(ladder: Ladder, unit: str) -> CalibrationTable | None:
    """The section, per `unit` (video or picture); None where no dense ticket carries a calibration."""
    nets = _nets(ladder, unit)
    if not nets:
        return None
    found, points = [net.calibration for net in nets], [net.point for net in nets if net.point is not None]
    told = [temperatures(found), errors(found), *([rates(points, unit)] if points else [])]
    warnings = [at_bound([net.seed for net in nets if net.calibration.at_bound])]
    if points:  # all nets see the same reals
        warnings.append(unresolved(points[0], unit))
    return CalibrationTable(unit, told, [text for text in warnings if text], [_row(net) for net in nets])


def _nets(ladder: Ladder, unit: str) -> list[_Net]:
    """What the ticket of every seed's dense net says; one whose fields cannot be right counts as without."""
    dense = {
        int(entry["seed"]): ladder.path / entry["ticket"]
        for entry in ladder.facts["entries"]
        if entry["method"] == "dense" and not entry["level"] and not entry["controls"]
    }
    found = [_net(seed, _header(path), unit) for seed, path in sorted(dense.items())]
    return [net for net in found if net is not None]


def _net(seed: int, header: Mapping[str, Any], unit: str) -> _Net | None:
    points = header.get("operating_point")
    try:
        scaled = Calibration.from_dict(header.get("calibration"))
        point = OperatingPoint.from_dict(points.get(unit)) if isinstance(points, dict) else None
    except ClewError:
        return None
    return _Net(seed, scaled, point)


def _header(path: Path) -> dict[str, Any]:
    """What a ticket file says of itself; nothing where it is missing or no ticket. Its weights are not read."""
    try:
        with safe_open(path, "numpy") as file:
            return dict(json.loads((file.metadata() or {}).get("clew", "{}")))
    except (OSError, SafetensorError, ValueError, TypeError, RecursionError):
        return {}


def _row(net: _Net) -> Row:
    scaled, point = net.calibration, net.point
    before, after = number(scaled.ece_before), number(scaled.ece_after)
    fitted = (str(net.seed), number(scaled.temperature, 2), before, after)
    if point is None:
        return Row(*fitted, *[NONE] * 4)
    return Row(*fitted, number(point.threshold), percent(point.fpr), percent(point.fpr_high), percent(point.tpr))
