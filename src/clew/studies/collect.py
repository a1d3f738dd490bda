"""What a study found, gathered from its ladders into one small JSON: every table and figure of its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.files import write_json
from clew.base.progress import SILENT, Progress
from clew.studies.cells import LADDERS, TRANSFERS, Cell, as_dict, cells, pairs, transfer_name
from clew.studies.claims import claims
from clew.studies.run import STUDY, read_choices
from clew.studies.study import Study
from clew.tickets.compare import compare
from clew.tickets.ladder import Ladder, open_ladder, read_facts
from clew.training.choices import Choices

RESULTS = "results.json"
FORMAT = 1


def collect(study: Study, out: Path | str, progress: Progress = SILENT) -> dict[str, Any]:
    """The results of a study's finished ladders, written to `results.json` in its folder; raises ClewError for none.

        format, name, about, complete, missing: [cell], margin, seeds
        cells: [{name, dataset, detector, scope, rewind, score, from: "", search: {size, levels, seeds, training,
                choices, data: [{name, hash, protocol}], pictures: {train, val, test}}, summary: as `clew tickets show
                --json`}]
        transfers: the same, `from` the dataset whose tickets are brought along
        comparisons: [{dataset, detector, rewind, score, ...: see `compare`}] between scopes
        claims: see `claims`

    There are no paths in it, and nothing that differs from one run of the study to the next.
    """
    out = Path(out)
    if not (out / STUDY).exists():
        raise ClewError(f"{out} holds no study: clew study run STUDY.yaml --out {out}.")
    kept = read_choices(out)
    grid = cells(study, out, {one.name: kept.get(one.name, Choices()) for one in study.detectors})
    moved = [(transfer_name(a, b), a, b) for _, a, b in pairs(study, grid)]
    places = [(cell.name, out / LADDERS / cell.name) for cell in grid]
    places += [(name, out / TRANSFERS / name) for name, _, _ in moved]
    whole = {name: open_ladder(path) for name, path in places if is_whole(path)}
    if not whole:
        raise ClewError(f"{out}: no search of this study is finished yet; the same 'clew study run' goes on.")
    with progress.task("measuring", len(whole) + 1) as task:
        found: dict[str, Any] = {"cells": [], "transfers": []}
        for cell in grid:
            if cell.name in whole:
                found["cells"].append(_told(cell, whole[cell.name]))
                task.advance(1, cell.name)
        for name, source, target in moved:
            if name in whole:
                cell = Cell(name, target.dataset, target.detector, target.place, target.settings, source.dataset)
                found["transfers"].append(_told(cell, whole[name]))
                task.advance(1, name)
        found["comparisons"] = _comparisons(grid, whole)
        task.advance(1, "scopes")
    missing = [name for name, _ in places if name not in whole]
    result = {
        "format": FORMAT,
        "name": study.name,
        "about": study.about,
        "complete": not missing,
        "missing": missing,
        "margin": study.margin,
        "seeds": study.seeds,
        **found,
        "claims": claims(found["cells"], found["transfers"], found["comparisons"]),
    }
    write_json(out / RESULTS, result)
    return result


def is_whole(ladder: Path) -> bool:
    """Whether a search is finished; raises ClewError for a damaged ladder."""
    return (ladder / "ladder.json").exists() and bool(read_facts(ladder).get("complete"))


def _told(cell: Cell, ladder: Ladder) -> dict[str, Any]:
    settings = ladder.settings
    return {
        **as_dict(cell),
        "search": {
            "detector": settings["detector"],
            "levels": settings["levels"],
            "seeds": settings["seeds"],
            "methods": settings["methods"],
            "training": settings["training"],
            "choices": settings["choices"],
            "data": ladder.facts["data"],
            "pictures": _pictures(ladder),
        },
        "summary": ladder.summary(),
    }


def _pictures(ladder: Ladder) -> dict[str, int]:
    """How many pictures of validation and test were scored by each run, and how many one training saw."""
    scores = ladder.scores
    first = scores.filter([run == scores["run"][0].as_py() for run in scores["run"].to_pylist()])
    splits = first["split"].to_pylist()
    dense = next(run for run in ladder.facts["runs"].values() if run["method"] == "dense")
    return {"val": splits.count("val"), "test": splits.count("test"), "seen": dense["pictures"]}


def _comparisons(grid: Sequence[Cell], whole: dict[str, Ladder]) -> list[dict[str, Any]]:
    """Scopes held against each other, wherever a study has both."""
    groups: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in grid:
        dataset, detector, _, rewind, score = cell.key
        if cell.name in whole:
            groups.setdefault((dataset, detector, rewind, score), []).append(cell)
    return [
        {"dataset": key[0], "detector": key[1], "rewind": key[2], "score": key[3]}
        | compare([whole[cell.name] for cell in group])
        for key, group in groups.items()
        if len(group) > 1
    ]
