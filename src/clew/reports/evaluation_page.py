"""The page of an evaluation: one HTML file that holds all it shows and opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.base.files import write_text
from clew.base.progress import SILENT, Progress
from clew.reports import words
from clew.reports.cells import COLUMNS, class_rows, confusion
from clew.reports.evaluation_charts import bars, falls, figure_of, reliability_chart, robustness_panels
from clew.reports.evaluation_tables import headers, matrix, unit_of
from clew.reports.figures import Figure
from clew.reports.pages import page_text

PAGE = "evaluation.html"
PARTS = {
    "methods": "By method",
    "compressions": "By compression",
    "methods_by_compression": "By method and compression",
}
Facts = list[tuple[str, str]]


def write_evaluation_page(result: Mapping[str, Any], out: Path, progress: Progress = SILENT) -> Path:
    """Writes the page of what `evaluate` returned to `out` and returns where it is; equal results, equal bytes."""
    with progress.task("writing the page", 1) as task:
        write_text(out, render(page_content(result)))
        task.advance(1, out.name)
    return out


def page_content(result: Mapping[str, Any]) -> dict[str, Any]:
    """All that the template shows, by section."""
    stores = result["stores"]
    return {
        "model": result["model"],
        "headline": result["headline"],
        "warnings": result["warnings"],
        "figures": [_figure(store) for store in stores],
        "headers": headers(stores),
        "rows": matrix(stores),
        "stores": [_store(store) for store in stores],
        "facts": [("Model", _model(result)), *((f"Store {store['name']}", _data(store, result)) for store in stores)],
        "calibrated": any(store["calibration"]["after"] for store in stores),
        "words": words,
    }


def _figure(store: Mapping[str, Any]) -> Figure:
    unit = unit_of(store)
    auc = store[unit]["auc"]
    if auc is None:
        name = "real" if store["reals"] else "fake"
        share = store["called_fake"][name]
        note = f"n = {words.counted(share['n'], 'seed')}"
        return Figure(f"{name}s of {store['name']} called fake", words.number(share["mean"]), words.limits(share), note)
    tone = "open" if auc["low"] is None or auc["low"] <= 0.5 else "good"
    note = f"n = {words.counted(auc['n'], 'seed')}, {words.counted(store[unit]['clusters'], 'cluster')}"
    return Figure(f"AUC per {unit}, {store['name']}", words.number(auc["mean"]), words.limits(auc), note, tone)


def _store(store: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of one store."""
    unit, found, classes = unit_of(store), store["robustness"], store["classes"]
    parts = [(title, bars(store[name], unit)) for name, title in PARTS.items() if store[name]]
    return {
        "name": store["name"],
        "unit": unit,
        "parts": [] if store[unit]["auc"] is None else parts,
        "calibration": store["calibration"],
        "reliability": reliability_chart(store["calibration"]),
        "classes": classes,
        "class_rows": class_rows(classes["classes"]) if classes else [],
        "confusion": confusion(classes["names"], classes["confusion"]) if classes else None,
        "robustness": found,
        "panels": robustness_panels(found, unit) if found else [],
        "falls": falls(found, unit) if found else [],
        "fallen": COLUMNS[figure_of(found, unit)] if found else "",
    }


def _model(result: Mapping[str, Any]) -> Facts:
    model = result["model"]
    kept = [one["sparsity"] for one in model["tickets"] if one["sparsity"]]
    trained = [(f"Trained on {one.get('name', '')}", str(one.get("hash", ""))) for one in model["data"]]
    return [
        ("Detector", f"{model['detector']}, {model['input_size']} px, classes {', '.join(model['classes'])}"),
        ("Chosen", f"{model['name']}: {model['method'] or 'one ticket'} {words.percent(model['level'])}".strip()),
        *([("Sparsity, by seed", ", ".join(words.exactly(share) for share in kept))] if kept else []),
        ("Crop protocol in training", model["protocol"]),
        *trained,
        *((f"Ticket of seed {one['seed']}", f"{one['file']}, seal {one['seal']}") for one in model["tickets"]),
        ("Split and resamples", f"{result['split']}; at most {words.whole(result['resamples'])} of whole clusters"),
    ]


def _data(store: Mapping[str, Any], result: Mapping[str, Any]) -> Facts:
    point: Sequence[float] = (store["operating_point"] or {}).get(unit_of(store), {}).get("thresholds", [])
    told = f"{words.counted(store['pictures'], 'picture')} ({words.whole(store['reals'])} real)"
    return [
        ("Content hash", store["hash"]),
        ("Crop protocol", store["protocol"]),
        (
            f"Split {result['split']}",
            f"{told}, {words.counted(store['videos'], 'video')}, {words.counted(store['clusters'], 'cluster')}",
        ),
        *([("Thresholds by seed", ", ".join(f"{value:.4g}" for value in point))] if point else []),
    ]


def render(content: Mapping[str, Any]) -> str:
    """The HTML text; whatever is not markup made here is escaped, and nothing on the page may run."""
    return page_text("evaluation.html", **content)
