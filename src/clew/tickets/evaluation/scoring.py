"""Logits of a model's tickets over samples: each is computed once, and kept where a folder is given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch import nn

from clew.base.errors import ClewError
from clew.base.hashing import hash_json
from clew.base.progress import Task
from clew.datasets.index import read_table, write_table
from clew.tickets.evaluation.models import Member
from clew.tickets.evaluation.samples import Corrupted, take
from clew.training.choices import Choices, thread_count
from clew.training.data import Samples
from clew.training.score import BATCH, logits_of

Logits = NDArray[np.float32]
CHUNK = 4 * BATCH  # crops held at once; a multiple of the batch, so that chunks change no bit
LARGE = 512  # pixels of a side
VERSION = 1  # of how scores are made: kept ones of another version are made again
SCORES = "scores"


@dataclass(frozen=True)
class Subject:
    """What was scored, by what decides it: the store's hash, its split, the corruption, and how many of how many."""

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


@dataclass(frozen=True)
class _Held(Samples):
    """A few samples whose crops (B, H, W, 3) are in memory, so that several nets read them once."""

    held: NDArray[np.uint8] | None = None

    def crops(self, positions: Sequence[int] | NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        assert self.held is not None
        return self.held[np.asarray(positions, np.int64)]


def subject_of(samples: Samples, limit: int = 0) -> Subject:
    """The subject that samples of one store stand for."""
    change = (samples.corruption, samples.level) if isinstance(samples, Corrupted) else ("", 0.0)
    return Subject(samples.stores[0].hash, samples.split, *change, limit)


def score(members: Sequence[Member], samples: Samples, subject: Subject, out: Path | None, task: Task) -> list[Logits]:
    """Logits (N, K) of all samples by each member, in their order.

    With `out` they are kept below it, and read from there when they were made before by the same ticket on the same
    store. `task` advances by a step for each sample and member. Raises ClewError for logits that are not finite.
    """
    found = {member.seal: _kept(member, samples, subject, out) for member in members}
    missing = [member for member in members if found[member.seal] is None]
    task.advance(len(samples) * (len(members) - len(missing)))
    if missing:
        for member, made in zip(missing, _computed(missing, samples, task), strict=True):
            check_finite(member, made)
            found[member.seal] = made
            if out is not None:
                write_table(_place(out, member, subject), _table(samples, made, _key(member, subject)))
    return [logits for member in members if (logits := found[member.seal]) is not None]


def _computed(members: Sequence[Member], samples: Samples, task: Task) -> list[Logits]:
    nets = [_network(member) for member in members]
    parts: list[list[Logits]] = [[] for _ in members]
    step = min(_chunk(size) for _, size in nets)
    for start in range(0, len(samples), step):
        chunk = take(samples, np.arange(start, min(start + step, len(samples))))
        held: dict[int, Samples] = {}
        for member, (net, size), done in zip(members, nets, parts, strict=True):
            if size not in held:
                held[size] = _read(chunk, size)
            with thread_count(member.choices.threads):
                done.append(logits_of(net, held[size], size, member.choices))
            task.advance(len(chunk), member.path.stem)
    return [np.concatenate(done) for done in parts]


def _network(member: Member) -> tuple[nn.Module, int]:
    ticket = member.ticket()
    return placed(ticket.detector(), member.choices), ticket.config.input_size


def placed(module: nn.Module, choices: Choices) -> nn.Module:
    """A network where, and in the memory format in which, it is to run."""
    return choices.place(module).to(choices.device)


def _chunk(size: int) -> int:
    """Crops held at once: fewer where they are large, and always whole batches."""
    return CHUNK if size <= LARGE else BATCH


def _read(chunk: Samples, size: int) -> Samples:
    crops = chunk.crops(np.arange(len(chunk)), size)
    parts = (chunk.stores, chunk.split, chunk.rows, chunk.labels, chunk.places, chunk.classes)
    return _Held(*parts, held=crops)


def check_finite(member: Member, logits: Logits) -> None:
    """Raises ClewError naming the ticket whose logits (N, K) are not all finite."""
    broken = int(np.count_nonzero(~np.isfinite(logits).all(axis=1)))
    if broken:
        raise ClewError(f"{member.path} gives logits that are NaN or infinite for {broken} of {len(logits)} samples.")


def _key(member: Member, subject: Subject) -> dict[str, Any]:
    return {"version": VERSION, "ticket": member.seal, **asdict(subject)}


def _place(out: Path, member: Member, subject: Subject) -> Path:
    return out / SCORES / f"{subject.name}-s{member.seed}-{hash_json(_key(member, subject))[:16]}.parquet"


def _table(samples: Samples, logits: Logits, key: dict[str, Any]) -> pa.Table:
    """The scores with what tells the samples apart; the key stands in the file's metadata."""
    rows = samples.rows.select(["sample", "label", "video", "cluster", "method", "compression"])
    offsets = pa.array(np.arange(len(logits) + 1, dtype=np.int32) * logits.shape[1])
    values = pa.ListArray.from_arrays(offsets, pa.array(logits.reshape(-1)))
    table = rows.append_column("logits", values).combine_chunks()
    return table.replace_schema_metadata({"clew": json.dumps(key, sort_keys=True)})


def _kept(member: Member, samples: Samples, subject: Subject, out: Path | None) -> Logits | None:
    """Scores made before, None where there are none or where they are not whole."""
    place = None if out is None else _place(out, member, subject)
    if place is None or not place.exists():
        return None
    try:
        table = read_table(place, pa.schema([("sample", pa.string()), ("logits", pa.list_(pa.float32()))]))
        key = json.loads((table.schema.metadata or {})[b"clew"])
        flat = table["logits"].combine_chunks().flatten().to_numpy()
    except (ClewError, KeyError, ValueError, AttributeError):
        return None
    same = key == _key(member, subject) and table["sample"].to_pylist() == samples.rows["sample"].to_pylist()
    whole = same and len(flat) and len(flat) % len(samples) == 0 and bool(np.isfinite(flat).all())
    return flat.reshape(len(samples), -1).astype(np.float32) if whole else None
