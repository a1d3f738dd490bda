"""From a dataset on disk to a crop store: one shard after the other, resumed where it stopped."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.files import atomic_path, read_json, sweep_temporaries, write_json
from clew.base.hashing import hash_file, hash_json
from clew.base.progress import SILENT, Progress
from clew.datasets.groups import clusters
from clew.datasets.index import SCHEMA, index_table, read_table, write_table
from clew.datasets.items import Item
from clew.datasets.layouts import layouts
from clew.datasets.splits import crossing, split_items
from clew.datasets.store import SCHEMA_VERSION, CropStore, open_store
from clew.media.pictures import read_picture, square

SHARD_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Protocol:
    """How crops are made; it stands beside every number measured on them."""

    name: str = "as-given"
    version: int = 1
    size: int = 256


def crop_dataset(
    root: Path | str,
    layout: str,
    out: Path | str,
    *,
    size: int | None = None,
    limit: int | None = None,
    progress: Progress = SILENT,
) -> CropStore:
    """Writes the pictures of a dataset, as they are given, into a crop store, and opens it.

    `size` in pixels (None: the usual size of its pictures, at most 512); `limit`: at most so many of each split
    and class. A store that is already there with the same content plan is opened as it is; an unfinished one is
    gone on with. Raises ClewError for a wrong layout, for a store made otherwise, or when nothing is readable.
    """
    root, out = Path(root), Path(out)
    items = layouts.get(layout)(root)
    if size is not None and not 16 <= size <= 4096:
        raise ClewError(f"--size {size}: expected 16 to 4096 pixels.")
    items, cluster_of, split = _plan(items, limit)
    protocol = Protocol(size=size or usual_size(root, items))
    plan = {"schema": SCHEMA_VERSION, "layout": layout, "protocol": asdict(protocol)}
    plan["plan"] = hash_json([[asdict(i), c, s] for i, c, s in zip(items, cluster_of, split, strict=True)])
    if (out / "store.json").exists():
        return _same_store(out, plan)
    _prepare(out, plan)
    with progress.task(f"cropping {root.name}", len(items)) as task:
        for number, piece in enumerate(_pieces(len(items), protocol.size)):
            if not (out / _part(number)).exists():
                rows = [_row(items[i], cluster_of[i], split[i]) for i in piece]
                _write_shard(root, out, number, rows, [items[i].region for i in piece], protocol.size)
            task.advance(len(piece))
    return _finish(out, plan)


def usual_size(root: Path, items: Sequence[Item]) -> int:
    """The median short side of up to 32 of the pictures, at most 512 pixels."""
    sides = []
    for item in items[:: max(1, len(items) // 32)]:
        try:
            sides.append(min(read_picture(root / item.source).shape[:2]))
        except ClewError:
            continue
    return int(np.clip(np.median(sides), 16, 512)) if sides else 256


def _plan(items: list[Item], limit: int | None) -> tuple[list[Item], list[str], list[str]]:
    cluster_of = clusters(items)
    split = split_items(items, cluster_of)
    leaks = crossing(split, cluster_of)
    if leaks:
        name, parts = next(iter(sorted(leaks.items())))
        raise ClewError(
            f"{len(leaks)} groups stand in more than one split, the first '{name}' in {' and '.join(sorted(parts))}: "
            "a detector would be tested on what it was trained on. Mend the folders or the groups.csv."
        )
    if limit is not None:
        kept = _first_of_each([(s, i.label) for i, s in zip(items, split, strict=True)], limit)
        items, cluster_of, split = [[part[i] for i in kept] for part in (items, cluster_of, split)]  # type: ignore
    return items, cluster_of, split


def _first_of_each(keys: Sequence[tuple[str, int]], limit: int) -> list[int]:
    """Positions of an even choice of at most `limit` of each key (spread over the whole list, not its head)."""
    kept: list[int] = []
    for key in sorted(set(keys)):
        members = [i for i, k in enumerate(keys) if k == key]
        count = min(limit, len(members))
        kept += [members[i * len(members) // count] for i in range(count)]
    return sorted(kept)


def _prepare(out: Path, plan: dict[str, Any]) -> None:
    started = out / "unfinished.json"
    if started.exists():
        if read_json(started) != plan:
            raise ClewError(f"{out} holds an unfinished store made from other data or settings: choose another --out.")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ClewError(f"{out} exists and is not a crop store: choose another --out.")
    else:
        write_json(started, plan)
    sweep_temporaries(out)


def _same_store(out: Path, plan: dict[str, Any]) -> CropStore:
    store = open_store(out)
    differing = [key for key in plan if store.facts.get(key) != plan[key]]
    if "protocol" in differing:
        raise ClewError(
            f"{out} was made with the crop protocol {store.facts['protocol']}, this run asks for {plan['protocol']}: "
            "crops of two protocols do not go into one store. Choose another --out."
        )
    if differing:
        raise ClewError(f"{out} already holds crops of other data (or of a changed folder): choose another --out.")
    _tidy(out)
    return store


def _pieces(count: int, size: int) -> Iterator[range]:
    step = max(1, SHARD_BYTES // (size * size * 3))
    for start in range(0, count, step):
        yield range(start, min(start + step, count))


def _part(number: int) -> str:
    return f"part-{number:05d}.parquet"


def _row(item: Item, cluster: str, split: str) -> dict[str, Any]:
    return {
        "sample": item.source,
        "source": item.source,
        "frame": 0,
        "time_s": 0.0,
        "video": item.video,
        "cluster": cluster,
        "label": item.label,
        "method": item.method,
        "compression": item.compression,
        "split": split,
        "box": None,
        "track": 0,
        "status": "ok",
        "detail": "",
        "crop": -1,
        "region": False,
    }


def _write_shard(root: Path, out: Path, number: int, rows: list[dict[str, Any]], regions: list[str], size: int) -> None:
    """Writes crops and regions of `rows`, then their part of the index: a part that is there is whole."""
    kept = 0
    areas: list[tuple[int, NDArray[np.uint8]]] = []
    with atomic_path(out / f"crops-{number:05d}.npy") as temporary, ThreadPoolExecutor(2) as pool:
        shard = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(rows), size, size, 3))
        for row, region, result in zip(
            rows, regions, pool.map(lambda r: _crop(root / r["source"], size), rows), strict=True
        ):
            if isinstance(result, ClewError):
                row.update(status="unreadable", detail=str(result))
                continue
            shard[kept] = result
            row["crop"] = kept
            area = _region(root / region, size) if region else None
            if area is not None:
                row["region"] = True
                areas.append((kept, area))
            kept += 1
        shard.flush()
        if kept < len(rows):
            whole = np.array(shard[:kept])
            del shard
            with temporary.open("wb") as handle:
                np.save(handle, whole)
    if areas:
        mask = np.zeros((kept, size, size), np.uint8)
        for position, area in areas:
            mask[position] = area
        with atomic_path(out / f"regions-{number:05d}.npy") as temporary, temporary.open("wb") as handle:
            np.save(handle, mask)
    write_table(out / _part(number), index_table(rows))


def _crop(path: Path, size: int) -> NDArray[np.uint8] | ClewError:
    try:
        return square(read_picture(path), size)
    except ClewError as error:
        return error


def _region(path: Path, size: int) -> NDArray[np.uint8] | None:
    try:
        area = square(read_picture(path), size)[..., 0]
    except ClewError:
        return None
    return (area > 127).astype(np.uint8)


def _finish(out: Path, plan: dict[str, Any]) -> CropStore:
    """Joins the parts into the index and writes store.json, which makes the store whole."""
    parts = sorted(out.glob("part-*.parquet"))
    tables, shards, start = [], [], 0
    for number, path in enumerate(parts):
        table = read_table(path, SCHEMA)
        crops = table["crop"].to_numpy()
        count = int((crops >= 0).sum())
        tables.append(
            table.set_column(
                table.schema.get_field_index("crop"),
                SCHEMA.field("crop"),
                pa.array(np.where(crops >= 0, crops + start, -1)),
            )
        )
        start += count
        crops_file, regions_file = f"crops-{number:05d}.npy", f"regions-{number:05d}.npy"
        shards.append(
            {
                "crops": crops_file,
                "regions": regions_file if (out / regions_file).exists() else "",
                "count": count,
                "sha256": hash_file(out / crops_file),
            }
        )
    index = pa.concat_tables(tables).combine_chunks()
    if start == 0:
        first = index["detail"][0].as_py()
        raise ClewError(f"none of the {index.num_rows} pictures can be read; the first: {first}")
    content = index.select(["sample", "video", "cluster", "label", "method", "compression", "split", "status"])
    facts = {**plan, "shards": shards, "counts": _counts(index)}
    facts["hash"] = hashlib.sha256(
        hash_json([content.to_pydict(), [shard["sha256"] for shard in shards]]).encode()
    ).hexdigest()
    write_table(out / "index.parquet", index)
    write_json(out / "store.json", facts)
    _tidy(out)
    return open_store(out)


def _tidy(out: Path) -> None:
    """Removes what only an unfinished store needs."""
    for path in [*out.glob("part-*.parquet"), out / "unfinished.json"]:
        path.unlink(missing_ok=True)


def _counts(index: pa.Table) -> dict[str, int]:
    """Rows by "split/method/status": the drop report."""
    keys = zip(*(index[name].to_pylist() for name in ("split", "method", "status")), strict=True)
    return dict(sorted(Counter("/".join(key) for key in keys).items()))


def dropped(store: CropStore) -> list[dict[str, str]]:
    """The samples that gave no crop: sample, status and detail."""
    rows = store.index.filter(pc.not_equal(store.index["status"], "ok"))
    return rows.select(["sample", "status", "detail"]).to_pylist()
