"""The page of an explanation: one HTML file that holds all it shows, pictures too, and opens without a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.files import write_text
from clew.base.progress import SILENT, Progress
from clew.explain.means import claimed
from clew.media.overlay import colour_stops
from clew.reports import words
from clew.reports.explain_panels import band_panels, clue_panels, focus_panels, region_panels, trust_panels
from clew.reports.explain_tables import accuracy_rows, filter_rows, flip_lists, level_heads, part_rows, trust_rows
from clew.reports.figures import Figure
from clew.reports.pages import page_text

PAGE = "explanation.html"
Facts = list[tuple[str, str]]
Result = Mapping[str, Any]


def write_explain_page(result: Result, folder: Path, progress: Progress = SILENT) -> Path:
    """Writes the page of what `explain_ladder` returned and drew in `folder`; equal results, equal bytes.

    Raises ClewError when a picture of the gallery is no longer there.
    """
    out = folder / PAGE
    with progress.task("writing the page", 1) as task:
        write_text(out, render(page_content(result, folder)))
        task.advance(1, out.name)
    return out


def page_content(result: Result, folder: Path) -> dict[str, Any]:
    """All that the template shows, by section."""
    return {
        "ladder": result["ladder"],
        "store": result["store"],
        "headline": result["headline"],
        "findings": result["findings"],
        "warnings": result["warnings"],
        "figures": key_figures(result),
        "gallery": _gallery(result, folder),
        "heads": level_heads(result),
        "focus": focus_panels(result),
        "region": region_panels(result),
        "part_rows": part_rows(result),
        "parts": result["parts"],
        "trust": trust_panels(result),
        "trust_rows": trust_rows(result),
        "bands": band_panels(result),
        "filters": filter_rows(result),
        "accuracy": accuracy_rows(result),
        "flips": flip_lists(result),
        "clues": clue_panels(result),
        "slow": result["counts"]["slow"],
        "facts": [("Ladder", _ladder(result)), ("Pictures", _store(result)), ("Heatmaps", _heatmaps(result))],
        "stops": ", ".join(colour_stops()),
        "words": words,
    }


def key_figures(result: Result) -> list[Figure]:
    """The figures that a reader takes away, each with its interval and counts."""
    shown = next((one for one in result["levels"] if one["level"] == result["shown_level"]), None)
    found = []
    if shown is not None:
        at = words.percent(shown["level"])
        found.append(_figure(f"Spearman with dense, ticket at {at}", shown["focus"].get("spearman")))
        found.append(_figure(f"Brightest fifths shared with dense at {at}", shown["focus"].get("top_overlap")))
    for one in (result["dense"], shown):
        if one is not None and one["region"]:
            name = "dense" if one is result["dense"] else f"ticket at {words.percent(one['level'])}"
            found.append(_inside(name, one))
    checked = [one for one in (result["dense"], *result["levels"]) if one["trust"]]
    if checked:
        passed = sum(one["trust"]["sanity"]["passed"] for one in checked)
        tone = "good" if passed == len(checked) else "open"
        found.append(
            Figure("Pass the sanity check", f"{passed} of {len(checked)}", "dense and levels, all seeds each", "", tone)
        )
    return found


def _figure(label: str, one: Mapping[str, Any] | None) -> Figure:
    if one is None:
        return Figure(label, words.NONE, "cannot be had here")
    counts = f"n = {words.counted(one['n'], 'seed')}, {words.counted(one['pictures'], 'picture')}"
    return Figure(label, words.number(one["mean"], 2), words.limits(one), counts)


def _inside(name: str, net: Mapping[str, Any]) -> Figure:
    """The heat inside the region, green where it is shown to be more than the region's share of the picture."""
    inside, area = (net["region"][key]["value"] for key in ("energy_inside", "area_share"))
    label = f"Heat inside the forged region, {name}"
    if inside is None or area is None:
        return _figure(label, None)
    counts = f"region: {words.percent(area['mean'])} of the picture; n = {words.counted(inside['n'], 'seed')}"
    ends = claimed(net["region_gain"])
    tone = "good" if ends and ends[0] > 0 else "open"
    known = inside["low"] is not None and inside["high"] is not None
    limits = f"[{words.percent(inside['low'])}, {words.percent(inside['high'])}]" if known else words.limits(inside)
    return Figure(label, words.percent(inside["mean"]), limits, counts, tone)


def _gallery(result: Result, folder: Path) -> dict[str, Any]:
    """The gallery with its pictures as data URIs."""
    found = result["gallery"]
    groups = [
        {**group, "rows": [_row(row, folder) for row in group["rows"]]} for group in found["groups"] if group["rows"]
    ]
    return {**found, "groups": groups, "heads": level_heads(result)}


def _row(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    cells = [
        {**cell, "overlay": _uri(folder / cell["overlay"]), "said": words.number(cell["probability"], 2)}
        for cell in row["cells"]
    ]
    method = row["method"] if row["method"] not in ("", "real", "fake") else ""
    return {**row, "method": method, "picture": _uri(folder / row["picture"]), "cells": cells}


def _uri(path: Path) -> str:
    try:
        return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise ClewError(f"{path} cannot be read ({error.strerror}): run the same 'clew explain' again.") from None


def _ladder(result: Result) -> Facts:
    ladder = result["ladder"]
    return [
        ("Detector", f"{ladder['detector']}, {ladder['input_size']} px"),
        ("Search", f"{ladder['scope']}, rewind {ladder['rewind']}"),
        (
            "Tickets",
            words.method_name(*_method(ladder["method"])) if ladder["method"] else "none: dense networks alone",
        ),
        ("Seeds", ", ".join(map(str, ladder["seeds"]))),
        *((f"Made of {one['name']}", f"{one['protocol']}; {one['hash']}") for one in ladder["data"]),
    ]


def _method(name: str) -> tuple[str, str | None]:
    method, _, owner = name.partition("-of-")
    return method, owner or None


def _store(result: Result) -> Facts:
    store, counts = result["store"], result["counts"]
    regions = f"of {words.whole(store['regions'])} fakes" if store["regions"] else "of none"
    pictures = f"{words.whole(store['pictures'])} ({words.whole(store['reals'])} real)"
    pictures += "".join(f", {words.counted(store[f'{noun}s'], noun)}" for noun in ("cluster", "video"))
    told = [
        ("Store", f"{store['name']}, {'data of the ladder' if store['own'] else 'other data'}"),
        ("Content hash", store["hash"]),
        ("Crop protocol", store["protocol"]),
        (
            "Test pictures",
            pictures,
        ),
        ("Forged region known", regions),
        ("Intervals", f"90 %, over seeds and at most {words.whole(result['resamples'])} resamples of whole clusters"),
    ]
    if counts["slow"] is not None:
        told.append(
            (
                "Slow measures",
                f"on {words.counted(counts['slow'], 'picture')} of them: faithfulness, sanity check, frequencies",
            )
        )
    return told


def _heatmaps(result: Result) -> Facts:
    heat = result["heatmaps"]
    return [
        (
            "Method",
            {"grad-cam": "Grad-CAM (Selvaraju et al. 2017)", "input-gradient": "gradient of the input"}.get(
                heat["method"], heat["method"]
            ),
        ),
        ("Layer", heat["layer"]),
        ("Size", " x ".join(map(str, heat["side"]))),
        ("For the score of", heat["target"]),
        ("Precision", "single; raw values, nothing is rescaled before a comparison"),
    ]


def render(content: Mapping[str, Any]) -> str:
    """The HTML text; whatever is not markup made here is escaped, and nothing on the page may run."""
    return page_text("explain.html", **content)
