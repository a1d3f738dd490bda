"""A small set of portraits read back from its folder."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PEOPLE, PER_PERSON, SIZE = 18, 6, 128


@dataclass(frozen=True)
class Drawn:
    """A folder of portraits with its summary, the rows of groups.csv and the pictures in their order."""

    root: Path
    summary: dict[str, Any]
    rows: list[dict[str, str]]
    pictures: list[np.ndarray]

    @property
    def fake(self) -> np.ndarray:
        """(N,) 1 where a picture is forged."""
        return np.array([row["method"] != "real" for row in self.rows], int)


def read_rows(root: Path) -> list[dict[str, str]]:
    with (root / "groups.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))
