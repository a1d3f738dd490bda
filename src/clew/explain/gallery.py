"""The gallery: some test pictures, drawn by lot, with the heatmaps of dense and of every level on one scale a row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.hashing import hash_json, stable_fraction
from clew.explain.shelf import Maps, keep_bytes
from clew.explain.subject import Subject
from clew.media.overlay import COLOUR_NAME, overlaid, shown
from clew.media.pictures import Picture, encode_jpeg

FOLDER, QUALITY, THRESHOLD = "gallery", 90, 0.5
FLIPPED = "The verdict flips"
GROUPS = ((FLIPPED, 4), ("Fakes", 4), ("Reals", 4))
OWN = re.compile(r"[0-9a-f]{12}-(picture|[0-9.e+-]+)\.jpg")  # the names that this module gives
Column = tuple[float, NDArray[np.float64], Maps]  # the level (0: dense), fake probability (N,), heatmaps (N, h, w)


def gallery(out: Path, subject: Subject, seed: int, columns: Sequence[Column], shown: float | None) -> dict[str, Any]:
    """Draws the gallery of one seed below `out`, and tells what is in it; the first column is dense.

    Of the pictures whose verdict flips at any level those that do at the level `shown` come first.

    {"seed", "colours", "levels": [level], "groups": [{"name", "count" (of all pictures), "rows": [{"sample", "label",
    "method", "region" (whether its outline is drawn), "scale" (the maximum of the row's raw heatmaps), "picture"
    (file), "cells": [{"level", "probability", "fake" (the verdict at 0.5), "right", "empty" (a heatmap of zeros),
    "overlay" (file)}]}]}]}; files are named relative to `out`.
    """
    verdicts = np.stack([prob >= THRESHOLD for _, prob, _ in columns])
    changes = verdicts != verdicts[0]
    flipped = changes.any(axis=0)
    late = flipped & ~changes[[level == shown for level, _, _ in columns]].any(axis=0)
    fake = subject.samples.labels == 1
    members = [np.flatnonzero(kind) for kind in (flipped, fake & ~flipped, ~fake & ~flipped)]
    groups: list[dict[str, Any]] = [
        {
            "name": name,
            "count": len(some),
            "rows": [_row(out, subject, at, columns) for at in _drawn(subject, some, late)[:most]],
        }
        for (name, most), some in zip(GROUPS, members, strict=True)
    ]
    _sweep(out, groups)
    return {"seed": seed, "colours": COLOUR_NAME, "levels": [level for level, _, _ in columns], "groups": groups}


def _sweep(out: Path, groups: Sequence[Mapping[str, Any]]) -> None:
    """Removes what an earlier gallery left in the folder; pictures that are none of its own stay."""
    rows = [row for group in groups for row in group["rows"]]
    used = {row["picture"] for row in rows} | {cell["overlay"] for row in rows for cell in row["cells"]}
    for path in (out / FOLDER).glob("*.jpg"):
        if OWN.fullmatch(path.name) and f"{FOLDER}/{path.name}" not in used:
            path.unlink()


def _drawn(subject: Subject, members: NDArray[np.int64], late: NDArray[np.bool_]) -> list[int]:
    """Pictures in an order drawn by the hash of their names: methods, and the clusters of each, take turns.

    Those that are `late` (N,) come after the others.
    """
    rows = subject.samples.rows
    names, methods, clusters = (rows[column].to_pylist() for column in ("sample", "method", "cluster"))
    order = sorted(members.tolist(), key=lambda at: stable_fraction("explained", str(names[at])))
    order = _in_turns(order, {at: (methods[at], clusters[at] or names[at]) for at in order})
    order = _in_turns(order, {at: methods[at] for at in order})
    return sorted(order, key=lambda at: bool(late[at]))


def _in_turns(order: Sequence[int], groups: Mapping[int, Any]) -> list[int]:
    """The first of every group, then the second of every group, ..., each time in the given order."""
    turns: Counter[Any] = Counter()
    placed = []
    for place, at in enumerate(order):
        placed.append((turns[groups[at]], place, at))
        turns[groups[at]] += 1
    return [at for _, _, at in sorted(placed)]


def _row(out: Path, subject: Subject, at: int, columns: Sequence[Column]) -> dict[str, Any]:
    samples = subject.samples
    row = samples.rows.slice(at, 1).to_pylist()[0]
    position = int(samples.places[at, 1])
    crop = np.array(subject.store.crop(position))
    region = subject.store.region(position) if subject.known[at] else None
    scale = max(float(maps[at].max()) for _, _, maps in columns)
    name = hash_json([subject.store.hash, row["sample"]])[:12]
    cells = []
    for level, prob, maps in columns:
        cell = _cell(level, float(prob[at]), int(samples.labels[at]), maps[at])
        drawn = overlaid(crop, maps[at], scale, region)
        cells.append({**cell, "overlay": _kept(out, f"{name}-{100 * level:g}", drawn)})
    return {
        "sample": row["sample"],
        "label": int(samples.labels[at]),
        "method": row["method"] or "",
        "region": region is not None,
        "scale": scale,
        "picture": _kept(out, f"{name}-picture", shown(crop, region)),
        "cells": cells,
    }


def _cell(level: float, probability: float, label: int, heat: NDArray[np.float32]) -> dict[str, Any]:
    fake = probability >= THRESHOLD
    return {
        "level": level,
        "probability": probability,
        "fake": bool(fake),
        "right": bool(fake == (label == 1)),
        "empty": not bool(np.any(heat > 0)),
    }


def _kept(out: Path, name: str, picture: Picture) -> str:
    """Writes a picture, and tells its file relative to `out`."""
    file = f"{FOLDER}/{name}.jpg"
    keep_bytes(out / file, encode_jpeg(picture, QUALITY))
    return file
