"""Ladders explained in a moment: few pictures, a forged region in the middle of each fake, a short sanity check."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest

from clew.base.files import read_json, write_json
from clew.datasets.index import read_table, write_table
from clew.explain import trust
from clew.explain.ladder import explain_ladder
from clew.explain.sanity import sanity
from clew.tickets.ladder import Ladder
from method_stores import forged_ladder, once, store_of

SMALL: dict[str, Any] = {"limit": 24, "slow_limit": 6, "resamples": 100}


class Explained(NamedTuple):
    """A ladder, the store that it was explained on, the folder of the explanation and what was found."""

    ladder: Ladder
    store: Path
    out: Path
    found: dict[str, Any]


def with_regions(store: Path, out: Path) -> Path:
    """A copy of a store in which the middle of every fake is its forged region."""
    shutil.copytree(store, out)
    index, facts = read_table(out / "index.parquet"), read_json(out / "store.json")
    labels = index["label"].to_numpy()
    regions = np.zeros((len(labels), *[facts["protocol"]["size"]] * 2), np.uint8)
    middle = slice(regions.shape[1] // 4, 3 * regions.shape[1] // 4)
    regions[labels == 1, middle, middle] = 1
    np.save(out / "regions-00000.npy", regions)
    facts["shards"][0]["regions"] = "regions-00000.npy"
    write_json(out / "store.json", facts)
    place = index.schema.get_field_index("region")
    write_table(out / "index.parquet", index.set_column(place, "region", pa.array(labels == 1)))
    return out


def explained(folders: pytest.TempPathFactory) -> Explained:
    """The ladder of `forged_ladder` explained on its store with regions; read only."""

    def make() -> Explained:
        ladder, base = forged_ladder(folders), folders.mktemp("explained")
        store, out = with_regions(store_of(ladder), base / "forged"), base / "out"
        with short_sanity():
            return Explained(ladder, store, out, explain_ladder(ladder.path, store, out, **SMALL))

    return once("explained", make)


def short_sanity() -> Any:
    """The sanity check with as few steps as it can have."""
    return patch.object(trust, "sanity", partial(sanity, stages=2, draws=2))
