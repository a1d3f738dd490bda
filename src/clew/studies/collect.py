"""What a study found, gathered from its ladders into one small JSON: every table and figure of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.base.files import write_json
from clew.base.progress import SILENT, Progress
from clew.studies.cells import LADDERS, TRANSFERS, Cell, as_dict, cells, pairs, transfer_name
from clew.studies.claims import claims
from clew.studies.run import STUDY, read_choices
from clew.studies.study import Study
from clew.tickets.compare import compare
from clew.tickets.ladder import LADDER, Ladder, open_ladder, read_facts
from clew.tickets.origin import warnings
from clew.tickets.settings import EXTENDABLE, SearchSettings
from clew.training.choices import Choices

RESULTS = "results.json"
FORMAT = 1


def collect(study: Study, out: Path | str, progress: Progress = SILENT) -> dict[str, Any]:
    """The results of a study's finished ladders, written to `results.json` in its folder; raises ClewError for none.

        format, name, about, complete, missing: [cell], margin, seeds
        cells: [{name, dataset, detector, scope, rewind, score, from: "", search: {size, levels, seeds, training,
                choices, data: [{name, hash, protocol}], pictures: {val, test, seen: by one training}}, warnings:
                [text], summary: as `clew tickets show
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
    moved = [_moved_cell(out, source, target) for _, source, target in pairs(study, grid)]
    places = [(cell, out / LADDERS / cell.name) for cell in grid] + [(cell, cell.place.ladder) for cell in moved]
    whole = {cell.name: path for cell, path in places if is_whole(path, cell)}
    if not whole:
        raise ClewError(f"{out}: no search of this study is finished yet; the same 'clew study run' goes on.")
    with progress.task("measuring", len(whole) + 1) as task:
        found: dict[str, Any] = {"cells": [], "transfers": []}
        for cell, path in places:
            if cell.name in whole:
                found["transfers" if cell.source else "cells"].append(_told(cell, path))
                task.advance(1, cell.name)
        found["comparisons"] = _comparisons(grid, whole)
        task.advance(1, "scopes")
    missing = [cell.name for cell, _ in places if cell.name not in whole]
    result = {
        "format": FORMAT,
        "name": study.name,
        "about": study.about,
        "complete": not missing,
        "missing": missing,
        "margin": study.margin,
        "seeds": min(one["summary"]["seeds"] for one in (*found["cells"], *found["transfers"])),
        **found,
        "claims": claims(found["cells"], found["transfers"], found["comparisons"]),
    }
    write_json(out / RESULTS, result)
    return result


def is_whole(ladder: Path, cell: Cell) -> bool:
    """Whether a ladder is finished and holds all that a cell asks for; raises ClewError for another search's."""
    if not (ladder / LADDER).exists():
        return False
    facts = read_facts(ladder)
    found = SearchSettings.read(facts["settings"], ladder)
    for key, asked in vars(cell.settings).items():
        if key not in (*EXTENDABLE, "choices") and getattr(found, key) != asked:
            raise ClewError(f"{cell.name}: {ladder} is of another search, its {key} differs: choose another --out.")
    enough = set(cell.settings.methods) <= set(found.methods) and set(cell.settings.seeds) <= set(found.seeds)
    return bool(facts.get("complete")) and enough


def _moved_cell(out: Path, source: Cell, target: Cell) -> Cell:
    """A transfer's place in the grid."""
    name = transfer_name(source, target)
    place = replace(target.place, ladder=out / TRANSFERS / name)
    return Cell(name, target.dataset, target.detector, place, replace(target.settings, methods=()), source.dataset)


def _told(cell: Cell, path: Path) -> dict[str, Any]:
    ladder = open_ladder(path)
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
        "warnings": warnings(ladder),
        "summary": ladder.summary(),
    }


def _pictures(ladder: Ladder) -> dict[str, int]:
    """How many pictures of validation and test were scored by each run, and how many one training saw."""
    scores = ladder.scores
    first = scores.filter(pc.equal(scores["run"], scores["run"][0]))
    splits = first["split"].to_pylist()
    dense = next(run for run in ladder.facts["runs"].values() if run["method"] == "dense")
    return {"val": splits.count("val"), "test": splits.count("test"), "seen": dense["pictures"]}


def _comparisons(grid: Sequence[Cell], whole: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Scopes held against each other, wherever a study has both."""
    groups: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in grid:
        dataset, detector, _, rewind, score = cell.key
        if cell.name in whole:
            groups.setdefault((dataset, detector, rewind, score), []).append(cell)
    return [
        {"dataset": key[0], "detector": key[1], "rewind": key[2], "score": key[3]}
        | compare([open_ladder(whole[cell.name]) for cell in group])
        for key, group in groups.items()
        if len(group) > 1
    ]
