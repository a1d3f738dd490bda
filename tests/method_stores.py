"""Small crop stores written in a moment: videos of noise, forged in several ways, each with a trace of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.base.files import write_json
from clew.base.hashing import hash_json
from clew.base.jobs import Agenda, Job, Outcome
from clew.datasets.index import index_table, write_table
from clew.datasets.store import SCHEMA_VERSION, CropStore, open_store
from clew.tickets.find import find_tickets
from clew.tickets.ladder import Ladder
from clew.training.settings import TrainSettings
from noise import noise_picture

REST = {"frame": 0, "time_s": 0.0, "box": None, "track": 0, "status": "ok", "detail": "", "region": False}


def forged(rng: np.random.Generator, method: str, size: int) -> np.ndarray:
    """A picture (size, size, 3) of noise; a method leaves a trace, now strong, now faint: a grid, or stripes."""
    picture = noise_picture(rng, False, size).astype(np.int16)
    strength, middle = int(rng.integers(5, 60)), slice(size // 4, 3 * size // 4)
    if method == "Grid":
        picture[middle, middle][::2, ::2] += strength
    elif method != "real":
        picture[middle, middle][:, ::2] -= strength
    return np.clip(picture, 0, 255).astype(np.uint8)


def write_store(
    folder: Path,
    *,
    methods: Sequence[str] = ("real", "Grid", "Stripes"),
    compressions: Sequence[str] = ("",),
    videos: dict[str, int] | None = None,
    frames: int = 2,
    size: int = 32,
    seed: int = 0,
    names: bool = True,
) -> CropStore:
    """A store of so many `videos` by split of each method and compression, `frames` pictures each (0: no videos).

    Two videos of each method share a cluster; `names` False leaves the videos out: lone pictures.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    crops = []
    for split, count in (videos or {"train": 12, "val": 6, "test": 10}).items():
        for number in range(count):
            for method in methods:
                for compression in compressions:
                    video = f"{split}/{method}/{compression or 'raw'}/{number:03}"
                    for frame in range(frames):
                        rows.append(
                            REST
                            | {"sample": f"{video}#{frame}", "source": video, "video": video if names else ""}
                            | {"cluster": f"{split}-{number // 2}", "label": int(method != "real"), "method": method}
                            | {"compression": compression, "split": split, "crop": len(rows)}
                        )
                        crops.append(forged(rng, method, size))
    folder.mkdir(parents=True)
    np.save(folder / "crops-00000.npy", np.stack(crops))
    write_table(folder / "index.parquet", index_table(rows))
    facts = {
        "schema": SCHEMA_VERSION,
        "protocol": {"name": "as-given", "version": 1, "size": size},
        "layout": "folder",
        "hash": hash_json([folder.name, seed, len(rows), size]),
        "shards": [{"crops": "crops-00000.npy", "count": len(rows), "regions": "", "sha256": "0" * 64}],
    }
    write_json(folder / "store.json", facts)
    return open_store(folder)


class Inline:
    """An executor that does its jobs here, one after the other: no process has to start. A ClewError is the job's."""

    def run(self, jobs: Sequence[Job], description: str, progress: Any, done: Any, failed: Any = None) -> Outcome:
        agenda, outcome = Agenda(jobs), Outcome()
        while (job := agenda.take()) is not None:
            try:
                result = job.function(*job.args, lambda steps, note="": None)
            except ClewError as error:
                outcome.errors[job.name] = str(error)
                outcome.skipped += agenda.failed(job.name)
                continue
            done(job.name, result)
            agenda.finished(job.name)
        return outcome


_made: dict[str, Any] = {}


def once(name: str, make: Callable[[], Any]) -> Any:
    """What `make` returns, made once in this process: trainings that several test files look at."""
    if name not in _made:
        _made[name] = make()
    return _made[name]


def small_search(store: CropStore, out: Path, **changes: Any) -> Ladder:
    """A search of a few seconds with meso4 at 32 pixels, two seeds."""
    settings = TrainSettings(epochs=6, batch_size=12, lr=3e-3)
    asked: dict[str, Any] = {"methods": (), "levels": (0.5,), "seeds": 2, "training": settings, "threads": 1}
    asked |= {"precision": "fp32", "memory_format": "contiguous", "executor": Inline()}
    return find_tickets(store.path, out, detector="meso4", input_size=32, **(asked | changes))


def forged_ladder(folders: pytest.TempPathFactory) -> Ladder:
    """Dense nets and IMP tickets at 0.5 of two seeds, on a store of two methods and two compressions; read only."""

    def make() -> Ladder:
        base = folders.mktemp("forged")
        store = write_store(base / "forged", compressions=("c23", "c40"), frames=2)
        return small_search(store, base / "ladder", methods=("imp",))

    return once("forged", make)


def method_run(folders: pytest.TempPathFactory) -> Ladder:
    """Dense nets of two seeds that tell the methods apart, beside their store; read only."""

    def make() -> Ladder:
        base = folders.mktemp("methods")
        training = TrainSettings(epochs=14, batch_size=12, lr=4e-3)
        return small_search(write_store(base / "forged-methods"), base / "run", classes="method", training=training)

    return once("methods", make)


def store_of(ladder: Ladder) -> Path:
    """The store that a ladder of this module was trained on."""
    return ladder.path.parent / str(ladder.facts["data"][0]["name"])
