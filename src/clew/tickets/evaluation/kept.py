"""Where logits are kept, so that nothing is scored twice: a file for each ticket and subject, which says what it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.hashing import hash_json
from clew.datasets.index import read_table, write_table
from clew.tickets.evaluation.models import Member
from clew.tickets.evaluation.samples import Corrupted
from clew.training.data import Samples

Logits = NDArray[np.float32]
VERSION = 1  # of how scores are made: kept ones of another version are made again
SCORES = "scores"


@dataclass(frozen=True)
class Subject:
    """What was scored, by what decides it: the store's hash, its split, the change, and how many of how many.

    `corruption` names the change of the pictures, a corruption or an attack; "" for pictures left alone.
    """

    store: str
    split: str
    corruption: str = ""
    level: float = 0.0
    limit: int = 0

    @property
    def name(self) -> str:
        """A short name for people."""
        changed = f"{self.corruption}-{self.level:g}" if self.corruption else "clean"
        return f"{self.split}-{changed}"


def subject_of(samples: Samples, limit: int = 0) -> Subject:
    """The subject that samples of one store stand for."""
    change = (samples.corruption, samples.level) if isinstance(samples, Corrupted) else ("", 0.0)
    return Subject(samples.stores[0].hash, samples.split, *change, limit)


@dataclass(frozen=True)
class Kept:
    """The scores of samples below a folder; without a folder none are kept."""

    out: Path | None
    subject: Subject
    samples: Samples

    def write(self, member: Member, logits: Logits) -> None:
        """Keeps logits (N, K)."""
        if self.out is not None:
            write_table(self._place(self.out, member), self._table(logits, self._key(member)))

    def read(self, member: Member) -> Logits | None:
        """Logits (N, K) made before, None where there are none or where they are not whole."""
        place = None if self.out is None else self._place(self.out, member)
        if place is None or not place.exists():
            return None
        try:
            table = read_table(place, pa.schema([("sample", pa.string()), ("logits", pa.list_(pa.float32()))]))
            key = json.loads((table.schema.metadata or {})[b"clew"])
            flat = table["logits"].combine_chunks().flatten().to_numpy()
        except (ClewError, KeyError, ValueError, AttributeError):
            return None
        names = self.samples.rows["sample"].to_pylist()
        same = key == self._key(member) and table["sample"].to_pylist() == names
        whole = same and len(flat) and len(flat) % len(names) == 0 and bool(np.isfinite(flat).all())
        return flat.reshape(len(names), -1).astype(np.float32) if whole else None

    def _key(self, member: Member) -> dict[str, Any]:
        return {"version": VERSION, "ticket": member.seal, **asdict(self.subject)}

    def _place(self, out: Path, member: Member) -> Path:
        return out / SCORES / f"{self.subject.name}-s{member.seed}-{hash_json(self._key(member))[:16]}.parquet"

    def _table(self, logits: Logits, key: dict[str, Any]) -> pa.Table:
        """The scores with what tells the samples apart; the key stands in the file's metadata."""
        rows = self.samples.rows.select(["sample", "label", "video", "cluster", "method", "compression"])
        offsets = pa.array(np.arange(len(logits) + 1, dtype=np.int32) * logits.shape[1])
        values = pa.ListArray.from_arrays(offsets, pa.array(logits.reshape(-1)))
        table = rows.append_column("logits", values).combine_chunks()
        return table.replace_schema_metadata({"clew": json.dumps(key, sort_keys=True)})
