"""Ladders made of numbers alone: scores whose AUCs are known, so that a matrix can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa

from clew.detectors.base import Config
from clew.tickets.ladder import SCHEMA, Ladder
from clew.tickets.settings import SearchSettings
from clew.tickets.transfer_matrix import transfer_matrix
from method_stores import once

SEEDS, PAIRS = (0, 1, 2), 50
Key = tuple[str, str, float]  # method, controls, level


def scores_of(wins: dict[Key, int], seeds: tuple[int, ...] = SEEDS) -> pa.Table:
    """Scores of each entry on 50 reals and 50 fakes, each in a cluster of its own, the same for every seed.

    All reals score 0; `wins` of the fakes score 1, the others -1: the AUC is wins / 50.
    """
    rows = []
    for (method, controls, level), won in wins.items():
        for seed in seeds:
            same = {"run": f"{method}-{controls}-s{seed}-{level:g}", "seed": seed, "method": method, "level": level}
            shared = method == "dense"
            same |= {"scope": "" if shared else "global", "rewind": "" if shared else "init", "controls": controls}
            for number in range(2 * PAIRS):
                fake = number >= PAIRS
                logit = (1.0 if number - PAIRS < won else -1.0) if fake else 0.0
                rows.append(
                    same
                    | {"store": "x", "split": "test", "sample": f"{number:03}", "label": int(fake), "video": ""}
                    | {"cluster": "", "forgery": "fake" if fake else "real", "compression": "", "logits": [0.0, logit]}
                )
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def ladder_of(
    name: str,
    wins: dict[Key, int],
    *,
    fakes: tuple[str, ...] = (),
    origin: dict[str, Any] | None = None,
    protocol: str = "as-given-v1, 32 px",
    folder: str = "",
    seeds: tuple[int, ...] = SEEDS,
    **settings: Any,
) -> Ladder:
    """A finished ladder on the data `name`, never on a disk; `wins` as for `scores_of`."""
    asked = SearchSettings(Config("meso4", 32), ("imp", "random"), seeds=seeds, fakes=fakes, **settings).as_dict()
    entries = [
        {"method": method, "controls": controls, "level": level, "seed": seed, "run": f"{method}-{controls}-{level:g}"}
        for method, controls, level in wins
        for seed in seeds
    ]
    runs = {entry["run"]: {"sparsity": entry["level"]} for entry in entries}
    facts = {
        "settings": asked | {"origin": origin or {}},
        "data": [{"name": name, "hash": f"hash-{name}", "protocol": protocol}],
        "runs": runs,
        "entries": entries,
    }
    made = Ladder(Path(folder or f"ladders/{name}-{'-'.join(fakes)}"), facts)
    made.__dict__["scores"] = scores_of(wins, seeds)
    return made


def origin(name: str, fakes: tuple[str, ...] = (), protocol: str = "as-given-v1, 32 px") -> dict[str, Any]:
    """What a ladder keeps of the one whose tickets it brings along."""
    return {"data": name, "hash": f"hash-{name}", "fakes": list(fakes), "protocol": protocol, "ladder": "0" * 64}


OWN: dict[Key, int] = {("dense", "", 0.0): 45, ("imp", "", 0.8): 44, ("random", "imp", 0.8): 35}
MOVED: dict[Key, int] = {
    **OWN,
    ("moved-imp", "", 0.8): 40,
    ("random", "moved-imp", 0.8): 34,
    ("moved-imp-trained", "", 0.8): 46,
    ("random", "moved-imp-trained", 0.8): 34,
    ("moved-imp-fresh", "", 0.8): 44,
    ("random", "moved-imp-fresh", 0.8): 34,
    ("zero-shot", "imp", 0.8): 25,
    ("zero-shot", "dense", 0.0): 30,
}


def small_set() -> list[Ladder]:
    """Three places, of which two are methods of one store, and transfers between some of them."""
    deepfakes = ("Deepfakes",)
    return [
        ladder_of("ff-c23", OWN, fakes=deepfakes),
        ladder_of("ff-c23", OWN, fakes=("NeuralTextures",)),
        ladder_of("celeb", OWN),
        ladder_of("celeb", MOVED, origin=origin("ff-c23", deepfakes), folder="ladders/to-celeb"),
        ladder_of(
            "ff-c23", MOVED, fakes=("NeuralTextures",), origin=origin("ff-c23", deepfakes), folder="ladders/to-neural"
        ),
    ]


def small_matrix() -> dict[str, Any]:
    """The matrix of `small_set`, with few resamples; made once in this process, read only."""

    def make() -> dict[str, Any]:
        with patch("clew.tickets.transfer_matrix.RESAMPLES", 200):
            return transfer_matrix(small_set())

    return dict(once("matrix", make))
