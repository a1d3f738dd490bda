"""How many samples, videos and clusters there are of what, and what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc

from clew.datasets.checks.base import (
    CLASSES,
    FAULT,
    NOTE,
    OK,
    WARNING,
    Finding,
    Result,
    Subject,
    Table,
    check,
    plural,
    said,
)
from clew.datasets.items import SPLITS

LOPSIDED = 3.0  # samples of the larger class for each of the smaller
TEST_CLUSTERS = 40  # fewer give no verdict on a ticket
KEYS = ("split", "label", "method", "compression")
WEIGH = "Training draws both classes equally often by default; read AUC, not accuracy, and add to the smaller class."


@check("balance", order=40)
def balance(subject: Subject) -> Result:
    """Samples, videos and clusters per split, class, method and compression."""
    cells = _cells(subject)
    classes = {
        split: [sum(c["samples"] for c in cells if (c["split"], c["label"]) == (split, name)) for name in CLASSES]
        for split in SPLITS
    }
    clusters = {split: _clusters(subject, at) for at, split in enumerate(SPLITS)}
    findings = [*_missing(subject, classes), *_lopsided(classes), *_strangers(cells), *_few(clusters)]
    counts = ", ".join(f"{split} {real:,} + {fake:,}" for split, (real, fake) in classes.items())
    return Result(
        "balance",
        "Balance",
        "What the store holds of each kind. A part needs both classes; the test part needs enough clusters to be sure.",
        (Finding(OK, f"Reals and fakes: {counts}."), *findings),
        {
            "cells": cells,
            "classes": {split: dict(zip(CLASSES, some, strict=True)) for split, some in classes.items()},
            "clusters": clusters,
        },
        (_table(cells),),
    )


def _cells(subject: Subject) -> list[dict[str, Any]]:
    """One entry for every split, class, method and compression that occurs."""
    table = subject.kept.select([*KEYS, "video", "cluster"])
    named = table.set_column(4, "video", pc.if_else(pc.equal(table["video"], ""), None, table["video"]))
    grouped = named.group_by(list(KEYS)).aggregate(
        [("cluster", "count"), ("video", "count_distinct"), ("cluster", "count_distinct")]
    )
    cells = [
        {
            "split": row["split"],
            "label": CLASSES[row["label"]],
            "method": row["method"],
            "compression": row["compression"],
            "samples": row["cluster_count"],
            "videos": row["video_count_distinct"],
            "clusters": row["cluster_count_distinct"],
        }
        for row in grouped.to_pylist()
    ]
    return sorted(cells, key=lambda c: (SPLITS.index(c["split"]), c["label"] != "real", c["method"], c["compression"]))


def _clusters(subject: Subject, split: int) -> int:
    return len(np.unique(subject.coded("cluster")[0][subject.splits == split]))


def _missing(subject: Subject, classes: dict[str, list[int]]) -> list[Finding]:
    asked = set(subject.store.index["split"].to_pylist())
    found = []
    for split, counts in classes.items():
        lacking = [name for name, count in zip(CLASSES, counts, strict=True) if not count]
        if split in asked and lacking:
            text = f"The {split} part holds no {' and no '.join(f'{name}s' for name in lacking)}: it cannot be used."
            found.append(Finding(FAULT, text, "Both classes are needed in every part: add what is missing."))
    if "train" in asked and "test" not in asked:
        text = "There is no test part: nothing trained on this store can be judged on it."
        found.append(Finding(WARNING, text, "Name a test part, or evaluate on another store."))
    if "test" in asked and "train" not in asked:
        found.append(Finding(NOTE, "There is no train part: the store can be evaluated on, not trained on."))
    return found


def _lopsided(classes: dict[str, list[int]]) -> list[Finding]:
    ratios = {split: max(some) / min(some) for split, some in classes.items() if min(some)}
    heavy = {split: ratio for split, ratio in ratios.items() if ratio >= LOPSIDED}
    if not heavy:
        return []
    parts = ", ".join(
        f"{split} {ratio:.1f} {'fakes' if classes[split][1] > classes[split][0] else 'reals'} to one"
        for split, ratio in heavy.items()
    )
    return [Finding(WARNING, f"The classes are far from equal: {parts}.", WEIGH)]


def _strangers(cells: list[dict[str, Any]]) -> list[Finding]:
    """Methods and compressions that are tested without having been trained on."""
    found = []
    for key, noun in (("method", "method"), ("compression", "compression")):
        names = {split: {cell[key] for cell in cells if cell["split"] == split} for split in SPLITS}
        new = sorted(names["test"] - names["train"]) if names["train"] else []
        if new:
            text = f"The test part holds {plural(len(new), noun)} that training never shows: {said(new)}."
            found.append(Finding(NOTE, text, "That measures how a detector generalises; report it apart."))
    return found


def _few(clusters: dict[str, int]) -> list[Finding]:
    if not 0 < clusters["test"] < TEST_CLUSTERS:
        return []
    count = plural(clusters["test"], "cluster")
    text = f"The test part has {count}: fewer than {TEST_CLUSTERS} give no verdict on a ticket."
    return [Finding(NOTE, text, "Add people or videos to the test part; more frames of the same ones don't help.")]


def _table(cells: list[dict[str, Any]]) -> Table:
    columns = ("split", "label", "method", "compression", "samples", "videos", "clusters")
    rows = tuple(tuple(f"{c[k]:,}" if isinstance(c[k], int) else c[k] or "-" for k in columns) for c in cells)
    return Table("What the store holds", ("split", "class", *columns[2:]), rows)
