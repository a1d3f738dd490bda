"""The table of samples: one row for every requested crop, dropped ones too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clew.base.errors import ClewError
from clew.base.files import atomic_path

SCHEMA = pa.schema(
    [
        ("sample", pa.string()),  # unique in the store: the source, and #frame:track for videos
        ("source", pa.string()),  # file, relative to the root, with slashes
        ("frame", pa.int32()),
        ("time_s", pa.float64()),
        ("video", pa.string()),  # the whole identity of a video; "" for pictures
        ("cluster", pa.string()),
        ("label", pa.int8()),  # 0 real, 1 fake
        ("method", pa.string()),  # "real" for reals
        ("compression", pa.string()),
        ("split", pa.string()),  # train, val or test
        (
            "box",
            pa.list_(pa.float32(), 4),
        ),  # x, y, width, height in pixels of the source; null for ready crops
        ("track", pa.int32()),
        ("status", pa.string()),  # ok, no-face, unreadable, ...
        ("detail", pa.string()),  # why it was dropped
        ("crop", pa.int64()),  # position in the shards; -1 when dropped
        ("region", pa.bool_()),  # whether the forged region is known
        ("groups", pa.list_(pa.string())),  # identities or source groups, as far as the layout tells them
        ("width", pa.int32()),  # of the source picture or frame, in pixels; 0 unknown
        ("height", pa.int32()),
        ("bytes", pa.int64()),  # of the source file; of all its pictures for a folder of frames
        ("quality", pa.float32()),  # JPEG quality 1-100 told by the source's tables; null where there are none
    ]
)


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a table as Parquet, atomically; equal tables give equal bytes."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Reads a Parquet table; raises ClewError when it is missing, damaged or has another schema."""
    try:
        table = pq.read_table(path, memory_map=False)
    except FileNotFoundError:
        raise ClewError(f"{path} does not exist.") from None
    except (pa.ArrowException, OSError) as error:
        raise ClewError(f"{path} is not a readable Parquet file ({error}).") from None
    if schema is not None and not set(schema.names) <= set(table.column_names):
        lacking = sorted(set(schema.names) - set(table.column_names))
        raise ClewError(f"{path} has another schema: it lacks the columns {', '.join(lacking)}.")
    return table


def index_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows (dicts with the keys of SCHEMA) as a table."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)
