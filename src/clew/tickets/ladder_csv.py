"""The scores of a ladder as CSV: a row for every entry and sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress, Task
from clew.datasets.csv_file import check_csv, write_csv
from clew.tickets.ladder import SCHEMA, SCORES, Ladder
from clew.training.score import fake_probability

ROWS = 16_384  # held at once


def write_ladder_csv(ladder: Ladder, path: Path, progress: Progress = SILENT) -> int:
    """Writes the columns of scores.parquet, its logits as logit_0, logit_1, ... and `probability`, that of fake.

    The classes of the logits are those of the ladder: real, then fake or the manipulation methods. Memory does not
    grow with the rows; returns their number. Raises ClewError for a folder, and for scores that cannot be read.
    """
    check_csv(path)
    scores = ladder.path / SCORES
    try:
        source = pq.ParquetFile(scores, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise ClewError(f"{scores} is not a readable Parquet file ({error}).") from None
    with source, progress.task(f"writing {path.name}", source.metadata.num_rows) as task:
        return write_csv(path, schema_of(_classes(ladder)), _parts(source, scores, _classes(ladder), task))


def schema_of(classes: int) -> pa.Schema:
    """The columns of the file for K classes."""
    fixed = [field for field in SCHEMA if field.name != "logits"]
    logits = [pa.field(f"logit_{number}", pa.float32()) for number in range(classes)]
    return pa.schema([*fixed, *logits, ("probability", pa.float64())])


def _classes(ladder: Ladder) -> int:
    return max(2, int(ladder.settings["detector"].get("classes", 2)))


def _parts(source: pq.ParquetFile, where: Path, classes: int, task: Task) -> Iterator[pa.Table]:
    if not set(SCHEMA.names) <= set(source.schema_arrow.names):
        raise ClewError(f"{where} has another schema than a ladder's scores: search again.")
    schema = schema_of(classes)
    for batch in source.iter_batches(ROWS, columns=SCHEMA.names):
        table = pa.table(batch)
        flat = table["logits"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        if len(flat) != classes * table.num_rows:
            raise ClewError(f"{where}: expected {classes} logits for each sample; search again.")
        logits = flat.reshape(-1, classes)
        made = {f"logit_{at}": np.ascontiguousarray(logits[:, at]) for at in range(classes)}
        made["probability"] = fake_probability(logits)
        kept = {name: table[name] for name in SCHEMA.names if name != "logits"}
        yield pa.table({**kept, **made}).cast(schema)
        task.advance(table.num_rows)
