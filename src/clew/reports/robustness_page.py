"""The page of robustness against sparsity: one HTML file that holds all it shows and opens without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.base.files import write_text
from clew.base.progress import SILENT, Progress
from clew.reports import words
from clew.reports.figures import Figure
from clew.reports.pages import page_text
from clew.reports.robustness_charts import panels
from clew.reports.robustness_tables import heads, rows, starts

PAGE = "robustness.html"
Facts = list[tuple[str, str]]


def write_robustness_page(result: Mapping[str, Any], out: Path, progress: Progress = SILENT) -> Path:
    """Writes the page of what `ladder_robustness` returned to `out`, and returns it; equal results, equal bytes."""
    with progress.task("writing the page", 1) as task:
        write_text(out, render(page_content(result)))
        task.advance(1, out.name)
    return out


def page_content(result: Mapping[str, Any]) -> dict[str, Any]:
    """All that the template shows, by section."""
    return {
        "ladder": result["ladder"],
        "headline": result["headline"],
        "warnings": result["warnings"],
        "margin": f"{result['margin']:g}",
        "figures": [figure for store in result["stores"] for figure in _figures(store)],
        "stores": [_store(store) for store in result["stores"]],
        "attack": result["attack"],
        "facts": [("Ladder", _ladder(result)), *((f"Store {one['name']}", _data(one)) for one in result["stores"])],
        "words": words,
    }


def _figures(store: Mapping[str, Any]) -> list[Figure]:
    """What dense and the sparsest level of the first method lose on average over the corruptions."""
    dense = store["dense"]
    first = min(store["findings"], key=lambda one: one["method"] != "imp")
    last = [one for one in store["levels"] if one["method"] == first["method"]][-1]
    name, label = _name(first["method"]), f"Highest {first['method']} level losing no more, {store['name']}"
    more, tone = last["mean"]["lost_more"], "good" if last["mean"]["verdict"] in ("no more", "less") else "open"
    reach = "none shown" if first["up_to"] is None else words.percent(first["up_to"])
    return [
        _figure(f"Dense AUC left alone, {store['name']}", dense["clean"]["auc"]),
        _figure("Dense loses, mean of all corruptions", dense["mean"]["lost"]),
        _figure(f"{name} at {words.percent(last['level'])} loses more, mean", more, True, tone),
        Figure(label, reach, "mean of all corruptions, unbroken run", "", "good" if first["up_to"] else "open"),
    ]


def _figure(label: str, found: Mapping[str, Any], signed: bool = False, tone: str = "") -> Figure:
    seeds = f"n = {words.counted(found['n'], 'seed')}"
    return Figure(label, words.number(found["mean"], signed=signed), words.limits(found, signed=signed), seeds, tone)


def _store(store: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of one store: one for each method."""
    methods = dict.fromkeys(one["method"] for one in store["levels"])
    return {
        "name": store["name"],
        "unit": store["unit"],
        "pictures": store["pictures"],
        "clusters": store["clusters"],
        "attacked": store["attacked"],
        "methods": [_method(store, method) for method in sorted(methods, key=lambda name: name != "imp")],
    }


def _method(store: Mapping[str, Any], method: str) -> dict[str, Any]:
    dense, levels = store["dense"], [one for one in store["levels"] if one["method"] == method]
    return {
        "name": _name(method),
        "finding": next(one for one in store["findings"] if one["method"] == method),
        "panels": panels(dense, levels),
        "heads": heads(levels),
        "starts": starts(dense, levels),
        "rows": rows(dense, levels),
    }


def _name(method: str) -> str:
    """A method as people write it: random-of-imp is Random (for IMP)."""
    name, _, owner = method.partition("-of-")
    return words.method_name(name, owner or None)


def _ladder(result: Mapping[str, Any]) -> Facts:
    ladder, attack = result["ladder"], result["attack"]
    told = [
        ("Detector", f"{ladder['detector']}, {ladder['input_size']} px"),
        ("Search", f"{ladder['scope']}, rewind {ladder['rewind']}"),
        ("Seeds", ", ".join(map(str, ladder["seeds"]))),
        ("Tickets scored", words.whole(ladder["tickets"])),
        *((f"Made of {one['name']}", f"{one['protocol']}; {one['hash']}") for one in ladder["data"]),
        ("Split and resamples", f"{result['split']}; at most {words.whole(result['resamples'])} of whole clusters"),
    ]
    if attack is None:
        return told
    budgets = ", ".join(f"{value:g}" for value in attack["epsilons"])
    return [*told, ("Attack", f"L-infinity PGD, {words.counted(attack['steps'], 'step')}, budgets {budgets} of 255")]


def _data(store: Mapping[str, Any]) -> Facts:
    counts = f"{words.counted(store['pictures'], 'picture')} ({words.whole(store['reals'])} real)"
    told = [
        ("Data of the ladder", "yes" if store["own"] else "no, other data"),
        ("Content hash", store["hash"]),
        ("Crop protocol", store["protocol"]),
        ("Corrupted", f"{counts}, {words.counted(store['clusters'], 'cluster')} that count, per {store['unit']}"),
    ]
    few = store["attacked"]
    if few is None:
        return told
    counted = f"{words.counted(few['pictures'], 'picture')}, {words.counted(few['clusters'], 'cluster')} that count"
    return [*told, ("Attacked", counted)]


def render(content: Mapping[str, Any]) -> str:
    """The HTML text; whatever is not markup made here is escaped, and nothing on the page may run."""
    return page_text("robustness.html", **content)
