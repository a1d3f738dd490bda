"""The fake probability of every test picture: dense and at each level of one method, by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.tickets.ladder import Ladder
from clew.training.score import fake_probability

PICTURE = ("store", "sample", "label", "forgery")


@dataclass(frozen=True)
class Probabilities:
    """N pictures (in the order of their stores and names), and for each of L levels (S, N) by seed."""

    pictures: list[Mapping[str, Any]] = field(repr=False)
    levels: list[float] = field(repr=False)  # the first is dense, 0
    values: list[NDArray[np.float64]] = field(repr=False)

    def mean(self, level: float) -> NDArray[np.float64]:
        """The mean over seeds at a level: (N,)."""
        at = next(i for i, other in enumerate(self.levels) if abs(other - level) < 1e-9)
        return np.asarray(self.values[at].mean(axis=0))


def probabilities(ladder: Ladder, method: str, levels: Sequence[float]) -> Probabilities:
    """The probabilities of the dense net and of the tickets of a method at rising levels, on the test split."""
    rows = test_rows(ladder.scores)
    parts = [_of(rows, "dense", 0.0), *(_of(rows, method, level) for level in levels)]
    return Probabilities(parts[0][0], [0.0, *levels], [values for _, values in parts])


def test_rows(scores: pa.Table) -> pa.Table:
    """The scores of the test split."""
    return scores.filter(pc.equal(scores["split"], "test"))


def _of(rows: pa.Table, method: str, level: float) -> tuple[list[Mapping[str, Any]], NDArray[np.float64]]:
    """The pictures, and (S, N) their probabilities by rising seed."""
    near = pc.less(pc.abs(pc.subtract(rows["level"], level)), 1e-6)
    chosen = pc.and_(pc.and_(pc.equal(rows["method"], method), pc.equal(rows["controls"], "")), near)
    own = rows.filter(chosen).sort_by([(name, "ascending") for name in ("seed", "store", "sample")])
    seeds = len(pc.unique(own["seed"]))
    logits = np.asarray(own["logits"].to_pylist(), np.float64)
    values = fake_probability(logits).reshape(seeds, -1)
    return own.slice(0, values.shape[1]).select(PICTURE).to_pylist(), values
