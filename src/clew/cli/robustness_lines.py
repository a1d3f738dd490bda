"""Robustness against sparsity for the terminal: what was found in words, then a table for each method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clew.cli.tables import interval
from clew.datasets.disk import counted

Nets = Sequence[Mapping[str, Any]]


def robustness_lines(found: Mapping[str, Any]) -> list[str]:
    """All of it, for people: every mean with its 90 % interval."""
    lines = [found["headline"], *(f"warning: {text}" for text in found["warnings"])]
    for store in found["stores"]:
        lines += ["", _about(store, found)]
        for finding in store["findings"]:
            levels = [one for one in store["levels"] if one["method"] == finding["method"]]
            lines += ["", *_table(finding["method"], store["dense"], levels)]
            lines += [finding[key] for key in ("average", "single", "attack") if finding[key]]
    return lines


def _about(store: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    attacked = "" if store["attacked"] is None else f"; attacked {counted(store['attacked']['pictures'], 'picture')}"
    return (
        f"{store['name']} ({store['protocol']}), split {found['split']}: {counted(store['pictures'], 'picture')} "
        f"({store['reals']} real, {store['fakes']} fake), {counted(store['clusters'], 'cluster')}{attacked}; AUC per "
        f"{store['unit']}, {counted(len(found['ladder']['seeds']), 'seed')}, intervals 90 %"
    )


def _table(method: str, dense: Mapping[str, Any], levels: Nets) -> list[str]:
    """A line per condition: AUC of dense, what it loses, and what each level loses more."""
    heads = " ".join(f"{_percent(one['level']) + ': lost more':37}" for one in levels)
    nets = [dense, *levels]
    lines = [f"{method:14} {'dense: AUC':22} {'lost':25} {heads}".rstrip()]
    lines.append(_line("mean of all", [one["mean"] for one in nets]))
    for at, one in enumerate(dense["corruptions"]):
        lines += _levels(one["name"], [net["corruptions"][at] for net in nets])
    if dense["attack"] is not None:
        lines += _levels(dense["attack"]["name"], [net["attack"] for net in nets])
    return lines


def _levels(name: str, found: Nets) -> Iterator[str]:
    for at, one in enumerate(found[0]["levels"]):
        yield _line(f"{name} {one['level']:g}", [each["levels"][at] for each in found])


def _line(name: str, costs: Nets) -> str:
    dense, *levels = costs
    cells = " ".join(f"{interval(one['lost_more'], True):25} {one['verdict']:11}" for one in levels)
    return f"  {name:12} {interval(dense['auc']):22} {interval(dense['lost'], True):25} {cells}".rstrip()


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
