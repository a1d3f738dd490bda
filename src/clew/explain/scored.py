"""All runs of a ladder on the same test pictures, with the dense nets that each level is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clew.base.errors import ClewError
from clew.tickets.estimates import RUN, Cell
from clew.training.metrics import Array
from clew.training.score import fake_probability

DENSE = Cell("dense", "", "", "", 0.0)
Place = tuple[Cell, int]  # a cell and a seed: one run


@dataclass(frozen=True)
class Pairs:
    """The S seeds of a level, and the rows of its runs and of the dense nets that these are compared with."""

    seeds: tuple[int, ...]
    tickets: list[int]
    dense: list[int]


@dataclass(frozen=True)
class Scored:
    """All M runs of a ladder on the same N test pictures: fake probability (M, N), and what each picture is."""

    prob: Array
    places: tuple[Place, ...]
    labels: Array
    samples: list[str]
    forgeries: list[str]
    compressions: list[str]
    videos: list[str]
    clusters: list[str]

    @property
    def cells(self) -> list[Cell]:
        """What is compared with dense: the levels of the methods and their controls."""
        return sorted({cell for cell, _ in self.places if cell.method != DENSE.method})

    def pairs(self, cell: Cell) -> Pairs:
        """The runs of a cell with the dense nets of their seeds.

        These are the dense nets trained on for as many steps where there are such, else those of level 0. Raises
        ClewError for a seed without a dense net.
        """
        rows = {place: at for at, place in enumerate(self.places)}
        seeds = sorted(seed for other, seed in self.places if other == cell)
        longer = Cell(DENSE.method, cell.scope, cell.rewind, cell.controls or cell.method, cell.level)
        known = [one for one in (longer, replace(longer, scope=""), DENSE) if any((one, s) in rows for s in seeds)]
        missing = [seed for seed in seeds if not known or (known[0], seed) not in rows]
        if missing:
            raise ClewError(f"{cell} of seed {missing[0]} has no dense net of its seed. Let the search finish.")
        return Pairs(tuple(seeds), [rows[cell, seed] for seed in seeds], [rows[known[0], seed] for seed in seeds])


def read_scores(scores: pa.Table) -> Scored:
    """The test rows of a table of scores, arranged by run and picture; raises ClewError when they do not fit."""
    rows = scores.filter(pc.equal(scores["split"], "test"))
    run, sample = np.zeros(len(rows), np.int64), _codes(rows["sample"])
    for column in RUN:
        codes = _codes(rows[column])
        _, run = np.unique(run * (codes.max(initial=0) + 1) + codes, return_inverse=True)
    count = int(run.max(initial=-1)) + 1
    order = np.lexsort((sample, run))
    known = np.unique(sample)
    if not count or not np.array_equal(sample[order], np.tile(known, count)):
        raise ClewError("expected test scores in which all runs score the same samples once; found others.")
    order = order.reshape(count, -1)
    places = tuple(_place(one) for one in rows.select(RUN).take(pa.array(order[:, 0])).to_pylist())
    if len(set(places)) < len(places):
        raise ClewError("the scores hold two runs of one seed for one level. Keep one of each.")
    first = rows.take(pa.array(order[0]))
    samples, forgeries, compressions, videos, clusters = (
        [str(value or "") for value in first[name].to_pylist()]
        for name in ("sample", "forgery", "compression", "video", "cluster")
    )
    own = zip(clusters, videos, samples, strict=True)
    whole = [cluster or video or name for cluster, video, name in own]
    prob = _probabilities(rows["logits"])[order]
    labels = np.asarray(first["label"].to_numpy(), np.int64)
    return Scored(prob, places, labels, samples, forgeries, compressions, videos, whole)


def _codes(column: pa.ChunkedArray) -> Array:
    """Each row's place among the distinct values, in the order of their first row."""
    return np.asarray(column.combine_chunks().dictionary_encode("encode").indices.to_numpy(zero_copy_only=False))


def _place(run: Mapping[str, Any]) -> Place:
    names = (run["method"], run["scope"] or "", run["rewind"] or "", run["controls"] or "")
    return Cell(*names, round(run["level"], 6)), int(run["seed"])


def _probabilities(logits: pa.ChunkedArray) -> Array:
    """Probability of fake of a list of K logits for each row."""
    lengths = pc.fill_null(pc.list_value_length(logits), 0).to_numpy()
    if len(np.unique(lengths)) != 1 or lengths[0] < 2:
        raise ClewError("expected as many logits for every sample, 2 or more; found others.")
    flat = pc.list_flatten(logits).to_numpy().reshape(-1, lengths[0])
    if not np.isfinite(flat).all():
        raise ClewError("the scores hold logits that are NaN or infinite. Train that run again.")
    return fake_probability(flat)
