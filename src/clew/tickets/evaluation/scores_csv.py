"""What an evaluation told of every sample, as CSV: a row for each ticket and sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from clew.base.progress import SILENT, Progress, Task
from clew.datasets.csv_file import check_csv, write_csv
from clew.datasets.store import open_store
from clew.tickets.evaluation.kept import Logits, subject_of
from clew.tickets.evaluation.models import Member, Model, choose_model
from clew.tickets.evaluation.samples import usable
from clew.tickets.evaluation.scoring import score
from clew.training.calibration import Calibration
from clew.training.data import Samples
from clew.training.score import fake_probability

ROWS = 16_384  # of a table made at once
SAMPLE = ("sample", "label", "video", "cluster", "method", "compression")
SCHEMA = pa.schema(
    [
        ("store", pa.string()),
        ("split", pa.string()),
        ("sample", pa.string()),
        ("label", pa.int8()),
        ("video", pa.string()),
        ("cluster", pa.string()),
        ("method", pa.string()),
        ("compression", pa.string()),
        ("seed", pa.int32()),
        ("probability", pa.float64()),  # of fake, as trained
        ("calibrated", pa.float64()),  # with the ticket's own temperature; null where it has none
    ]
)


@contextmanager
def scores_folder(out: Path | None, again: bool) -> Iterator[Path | None]:
    """Where scores are kept: `out`; without one, and where they are read `again`, a folder that goes away."""
    if out is not None or not again:
        yield out
        return
    with TemporaryDirectory(prefix="clew-scores-") as folder:
        yield Path(folder)


def write_scores_csv(
    model: Path | str,
    stores: Sequence[Path | str],
    path: Path,
    *,
    split: str = "test",
    method: str = "",
    level: float | None = None,
    scores: Path | None = None,
    progress: Progress = SILENT,
) -> int:
    """Writes the probabilities that a model's tickets give every sample, by store, seed and sample; how many rows.

    The model, `split`, `method` and `level` are as for `evaluate`; `scores` is the folder where it kept its scores,
    which are not made again. Raises ClewError as it does, and for a folder.
    """
    check_csv(path)
    chosen = choose_model(model, method, level)
    classes = chosen.classes if len(chosen.classes) > 2 else ()
    loaded = [usable(open_store(store), split, classes) for store in stores]
    with progress.task(f"writing {path.name}", sum(map(len, loaded)) * len(chosen.members)) as task:
        return write_csv(path, SCHEMA, _parts(chosen, loaded, scores, task))


def _parts(model: Model, loaded: Sequence[Samples], folder: Path | None, task: Task) -> Iterator[pa.Table]:
    for samples in loaded:
        scored = score(model.members, samples, subject_of(samples), folder, task)
        for member, logits in zip(model.members, scored, strict=True):
            for start in range(0, len(samples), ROWS):
                yield _table(member, samples, logits, slice(start, start + ROWS))


def _table(member: Member, samples: Samples, logits: Logits, part: slice) -> pa.Table:
    rows, values = samples.rows.slice(part.start, ROWS), logits[part]
    same: dict[str, Any] = {"split": samples.split, "seed": member.seed}
    found = {name: rows[name] for name in ("store", *SAMPLE)}
    found |= {name: pa.repeat(pa.scalar(value, SCHEMA.field(name).type), len(values)) for name, value in same.items()}
    found["probability"] = pa.array(fake_probability(values))
    found["calibrated"] = _calibrated(member, values)
    return pa.table({name: found[name] for name in SCHEMA.names}).cast(SCHEMA)


def _calibrated(member: Member, logits: Logits) -> pa.Array:
    stored = member.header.get("calibration")
    if not stored:
        return pa.nulls(len(logits), pa.float64())
    return pa.array(np.asarray(Calibration.from_dict(stored, str(member.path)).fake(logits), np.float64))
