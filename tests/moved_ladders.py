"""Two small ladders of one store, each on the fakes of one method, and the tickets of each brought to the other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from clew.tickets.ladder import Ladder
from clew.tickets.transfer import transfer_tickets
from clew.training.settings import TrainSettings
from method_stores import Inline, once, small_search, write_store


class Moved(NamedTuple):
    """The store `both`, its ladders `grid` and `stripes`, and `there`: the tickets of `grid` trained on Stripes."""

    store: Path
    grid: Ladder
    stripes: Ladder
    there: Ladder


def moved_ladders(folders: pytest.TempPathFactory) -> Moved:
    """Made once for all test files of this process; read only."""

    def make() -> Moved:
        base = folders.mktemp("moved")
        store = write_store(base / "both", videos={"train": 6, "val": 4, "test": 6})
        training = TrainSettings(epochs=2, batch_size=12, lr=3e-3)
        grid, stripes = (
            small_search(
                store, base / name.lower(), methods=("imp", "random"), fakes=(name,), seeds=1, training=training
            )
            for name in ("Grid", "Stripes")
        )
        shutil.copytree(stripes.path, base / "there")
        there = transfer_tickets(
            grid.path, store.path, base / "there", fakes=("Stripes",), weights=("rewound",), executor=Inline()
        )
        return Moved(store.path, grid, stripes, there)

    return once("moved", make)
