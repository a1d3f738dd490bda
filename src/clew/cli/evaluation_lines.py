"""An evaluation for the terminal: what was found in words, then the tables."""

from __future__ import annotations

from typing import Any

from clew.cli.tables import interval, plain
from clew.datasets.disk import counted

UNITS = ("video", "picture")
NAMES = {"methods": "by method", "compressions": "by compression", "methods_by_compression": "by both"}


def evaluation_lines(found: dict[str, Any]) -> list[str]:
    """All of it, for people: every mean with its 90 % interval."""
    lines = [found["headline"], *(f"warning: {text}" for text in found["warnings"])]
    for store in found["stores"]:
        lines += ["", *_store(store, found)]
    return lines


def _store(store: dict[str, Any], found: dict[str, Any]) -> list[str]:
    seeds = len(found["model"]["seeds"])
    return [
        f"{store['name']} ({store['protocol']}), split {found['split']}: {counted(store['pictures'], 'picture')} "
        f"({store['reals']} real, {store['fakes']} fake), {counted(store['videos'], 'video')}, "
        f"{counted(store['clusters'], 'cluster')}, "
        f"{counted(seeds, 'seed')}, intervals 90 %",
        f"{'per':8} {'rows':>7} {'AUC':22} {'accuracy':22} {'EER':22} {'AP':22}",
        *(_figures(unit, store[unit]) for unit in UNITS if store[unit] is not None),
        *_point(store),
        *_parts(store),
        *_classes(store),
        *_robustness(store),
    ]


def _figures(unit: str, found: dict[str, Any]) -> str:
    cells = " ".join(f"{interval(found[name]):22}" for name in ("auc", "accuracy", "eer", "ap"))
    return f"{unit:8} {found['rows']:7} {cells} {found['reason']}".rstrip()


def _point(store: dict[str, Any]) -> list[str]:
    point, calibration = store["operating_point"], store["calibration"]
    unit = _unit(store)
    lines = []
    if point:
        rates = point[unit]
        lines.append(
            f"at the stored threshold (FPR {point['fpr']:g} on validation), per {unit}: TPR {interval(rates['tpr'])}, "
            f"FPR {interval(rates['fpr'])}"
        )
    after = "" if calibration["after"] is None else f", {interval(calibration['after']['ece'])} as calibrated"
    return [*lines, f"calibration error per picture: {interval(calibration['before']['ece'])} as trained{after}"]


def _unit(store: dict[str, Any]) -> str:
    return "video" if store["video"] is not None else "picture"


def _parts(store: dict[str, Any]) -> list[str]:
    unit, lines = _unit(store), []
    for key, title in NAMES.items():
        if store[key]:
            lines.append(f"{title + ', per ' + unit:32} {'fakes':>7} {'reals':>7} {'AUC':22} accuracy")
            lines += [_part(part, part[unit]) for part in store[key] if part[unit] is not None]
    return lines


def _part(part: dict[str, Any], found: dict[str, Any]) -> str:
    name = ", ".join(plain(text) for text in (part["method"], part["compression"]) if text)
    counts = f"{found['fakes']:7} {found['reals']:7}"
    return f"  {name:30} {counts} {interval(found['auc']):22} {interval(found['accuracy'])}"


def _classes(store: dict[str, Any]) -> list[str]:
    found = store["classes"]
    if not found:
        return []
    unknown = f"; {found['unknown']} of methods not learnt left out" if found["unknown"] else ""
    return [
        f"classes, per {_unit(store)}: macro AUC {interval(found['macro_auc'])}, "
        f"accuracy {interval(found['accuracy'])}{unknown}",
        f"  {'class':20} {'rows':>6} {'AUC':22} {'precision':22} recall",
        *(
            f"  {plain(one['name']):20} {one['count']:6} {interval(one['auc']):22} {interval(one['precision']):22} "
            f"{interval(one['recall'])}"
            for one in found["classes"]
        ),
        f"  told as{' (mean over seeds)' if found['seeds'] > 1 else ''}: " + ", ".join(map(plain, found["names"])),
        *(
            f"  {plain(name):20} " + " ".join(f"{value:8.1f}" for value in row)
            for name, row in zip(found["names"], found["confusion"], strict=True)
        ),
    ]


def _robustness(store: dict[str, Any]) -> list[str]:
    found, unit = store["robustness"], _unit(store)
    if not found:
        return []
    clean = found["clean"][unit]
    name = "accuracy" if clean["auc"] is None else "auc"
    lines = [
        f"corrupted ({counted(found['pictures'], 'picture')}), per {unit}",
        f"  {'':12} {'accuracy' if clean['auc'] is None else 'AUC':22} minus clean",
        f"  {'clean':12} {interval(clean[name])}",
    ]
    for one in found["corruptions"]:
        for level in one["levels"]:
            figures = level[unit]
            lost = interval(figures[f"{name}_minus_clean"], True)
            lines.append(f"  {one['name'] + format(level['level'], ' g'):12} {interval(figures[name]):22} {lost}")
    return lines
