"""Ladders and stores made up in a moment: their scores are drawn, their formats are those of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import save

from clew.base.files import write_json
from clew.datasets.index import index_table, write_table
from clew.datasets.store import SCHEMA_VERSION
from clew.detectors.base import Config
from clew.tickets.ladder import FORMAT, LADDER, SCHEMA, SCORES, TICKETS, Ladder, open_ladder
from clew.tickets.plan import plan
from clew.tickets.runs import Run
from clew.tickets.settings import SearchSettings
from clew.training.settings import TrainSettings

EPOCHS = 3
PICTURES_PER_EPOCH = 96
REST = 40  # numbers of the dense net that cannot be pruned


@dataclass(frozen=True)
class Recipe:
    """What ladder to make up; `strength` by method: how far fakes lie from reals, minus what sparsity costs."""

    seeds: int = 3
    levels: Sequence[float] = (0.4, 0.8)
    methods: Sequence[str] = ("imp", "one-shot", "random")
    rewind: str = "init"
    layers: int = 5
    clusters: int = 48
    store: str = "faces"
    store_hash: str = "ab12cd34" * 8
    odd_sample: str = ""
    forgeries: Sequence[str] = ("Deepfakes", "Face2Face")
    by_method: bool = False  # a class for every forgery
    unclear: str = ""  # the forgery that is told worst, and forgotten first
    cost: Mapping[str, float] = field(
        default_factory=lambda: {"imp": 0.0, "one-shot": 0.9, "random": 1.2, "dense": 0.0}
    )


def samples(recipe: Recipe) -> list[dict[str, Any]]:
    """The test samples: per cluster a real picture and a fake of each forgery."""
    rows: list[dict[str, Any]] = []
    for number in range(recipe.clusters):
        for forgery in ("real", *recipe.forgeries):
            name = f"{forgery}/{number:03}.jpg"
            if recipe.odd_sample and not rows:
                name = recipe.odd_sample
            rows.append(
                {"sample": name, "label": int(forgery != "real"), "cluster": f"c{number:03}", "forgery": forgery}
            )
    return rows


def simulate(folder: Path, recipe: Recipe = Recipe()) -> Ladder:
    """Writes a whole ladder of made-up scores and opens it."""
    settings = SearchSettings(
        Config("cnn5", 32, classes=len(classes_of(recipe)) or 2),
        classes=classes_of(recipe),
        methods=tuple(recipe.methods),
        rewind=recipe.rewind,
        levels=tuple(recipe.levels),
        seeds=tuple(range(recipe.seeds)),
        training=TrainSettings(epochs=EPOCHS),
    )
    if not recipe.methods:
        runs, entries = plan_dense(settings)
    else:
        runs, entries = plan(settings)
    rows = [
        {"method": e.method, "scope": "" if e.level == 0 else "global", "rewind": "" if e.level == 0 else recipe.rewind}
        | {"level": e.level, "seed": e.seed, "controls": e.controls, "run": e.run}
        | {"ticket": f"{TICKETS}/{e.run}.safetensors"}
        for e in entries
    ]
    rows.sort(key=lambda r: (r["method"] != "dense", r["method"], r["controls"], r["level"], r["seed"]))
    pictures = samples(recipe)
    logits = {run.id: _logits(run, recipe, pictures) for run in runs}
    write_table(folder / SCORES, pa.concat_tables([_scores(row, recipe, pictures, logits[row["run"]]) for row in rows]))
    for run in runs:
        path = folder / TICKETS / f"{run.id}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_ticket(run))
    data = [{"name": recipe.store, "hash": recipe.store_hash, "protocol": "as-given-v1, 32 px"}]
    facts = {"format": FORMAT, "complete": True, "settings": settings.as_dict(), "data": data, "entries": rows}
    write_json(folder / LADDER, {**facts, "runs": {run.id: _facts(run, recipe) for run in runs}})
    return open_ladder(folder)


def _ticket(run: Run) -> bytes:
    """Bytes as long as a ticket of that sparsity would be; the dense one names its tensors that are not pruned."""
    rest = {"rest/bias": np.zeros(REST, np.float32), "rest/batches": np.zeros(1, np.int64)}
    return save(rest) if run.method == "dense" else bytes(2000 + round(100_000 * (1 - run.level)))


def plan_dense(settings: SearchSettings) -> tuple[list[Run], list[Any]]:
    """The dense runs alone."""
    runs, entries = plan(SearchSettings(settings.detector, methods=("imp",), seeds=settings.seeds))
    return [r for r in runs if r.method == "dense"], [e for e in entries if e.method == "dense"]


def classes_of(recipe: Recipe) -> tuple[str, ...]:
    """The names of the classes of a ladder that tells the forgeries apart; none for real against fake."""
    return ("real", *recipe.forgeries) if recipe.by_method else ()


def _class_logits(run: Run, recipe: Recipe, pictures: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Logits (N, K): noise that all runs share, and a sign of the class that fades as weights go."""
    names = classes_of(recipe)
    truth = np.array([names.index(row["forgery"]) for row in pictures])
    shared = np.random.default_rng(0).normal(size=(len(truth), len(names)))
    own = np.random.default_rng([*run.id.encode()]).normal(size=shared.shape)
    clear = np.array([0.4 if name == recipe.unclear else 1.5 for name in names])
    loss = np.array([2.0 if name == recipe.unclear else 1.0 for name in names])
    strength = clear - loss * recipe.cost.get(run.method, 0.0) * run.level**2
    return (strength[truth][:, None] * np.eye(len(names))[truth] + 0.7 * shared + 0.15 * own).astype(np.float32)


def _logits(run: Run, recipe: Recipe, pictures: Sequence[Mapping[str, Any]]) -> np.ndarray:
    if recipe.by_method:
        return _class_logits(run, recipe, pictures)
    labels = np.array([row["label"] for row in pictures])
    shared = np.random.default_rng(0).normal(size=len(labels))
    own = np.random.default_rng([*run.id.encode()]).normal(size=len(labels))
    strength = 1.0 - recipe.cost.get(run.method, 0.0) * run.level**2
    margin = strength * (2 * labels - 1) + shared + 0.15 * own
    return np.stack([-margin / 2, margin / 2], axis=1).astype(np.float32)


def _scores(
    row: Mapping[str, Any], recipe: Recipe, pictures: Sequence[Mapping[str, Any]], logits: np.ndarray
) -> pa.Table:
    fixed = {k: row[k] for k in ("run", "seed", "method", "scope", "rewind", "level", "controls")}
    fixed |= {"store": recipe.store, "split": "test", "video": "", "compression": ""}
    rows = [{**fixed, **one, "logits": values} for one, values in zip(pictures, logits.tolist(), strict=True)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _facts(run: Run, recipe: Recipe) -> dict[str, Any]:
    sizes = [200 * (at + 1) for at in range(recipe.layers)]
    left = [max(1, round(size * (1 - run.level) ** (0.5 + at / recipe.layers))) for at, size in enumerate(sizes)]
    history = [
        {"epoch": epoch, "loss": 0.7 / epoch, "val_auc": 0.9 - 0.2 / epoch - 0.01 * run.seed, "val_loss": 0.6 / epoch}
        for epoch in range(1, EPOCHS + 1)
    ]
    return {
        "method": run.method,
        "seed": run.seed,
        "level": run.level,
        "mask_from": run.mask_from,
        "weights_from": run.weights_from or ("" if run.method == "dense" else f"rewind/seed-{run.seed}.safetensors"),
        "sparsity": 1 - sum(left) / sum(sizes),
        "macs_sparsity": 0.6 * run.level,
        "remaining": sum(left),
        "prunable": sum(sizes),
        "macs": 4_792_672,
        "layers": {
            f"blocks.{at}.0.weight": [kept, size] for at, (kept, size) in enumerate(zip(left, sizes, strict=True))
        },
        "order": [f"blocks.{at}.0.weight" for at in range(recipe.layers)],
        "history": history,
        "best_epoch": EPOCHS,
        "pictures": EPOCHS * PICTURES_PER_EPOCH,
        "ticket_sha256": "0" * 64,
    }


def store_for(folder: Path, recipe: Recipe = Recipe(), size: int = 16) -> Path:
    """A crop store that holds the recipe's test samples, as coloured noise; `folder` is named as the store."""
    rows = samples(recipe)
    crops = np.random.default_rng(1).integers(0, 256, (len(rows), size, size, 3), np.uint8)
    folder.mkdir(parents=True)
    np.save(folder / "crops-00000.npy", crops)
    rest = {"frame": 0, "time_s": 0.0, "video": "", "compression": "", "split": "test", "box": None, "track": 0}
    rest |= {"status": "ok", "detail": "", "region": False}
    table = index_table(
        [
            {**rest, **{k: row[k] for k in ("sample", "cluster", "label")}, "source": row["sample"]}
            | {"method": row["forgery"], "crop": at}
            for at, row in enumerate(rows)
        ]
    )
    write_table(folder / "index.parquet", table)
    protocol = {"name": "as-given", "version": 1, "size": size}
    shards = [{"crops": "crops-00000.npy", "count": len(rows), "regions": "", "sha256": "0" * 64}]
    facts = {
        "schema": SCHEMA_VERSION,
        "protocol": protocol,
        "layout": "folder",
        "hash": recipe.store_hash,
        "shards": shards,
    }
    write_json(folder / "store.json", facts)
    return folder
