"""Stores for the checks: faces that look like nobody else's, with whatever fault a test plants in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clew.datasets.index import index_table, write_table
from clew.datasets.store import SCHEMA_VERSION
from clew.media.pictures import encode_jpeg

SIDE = 64
COUNT = {"train": 60, "val": 20, "test": 44}
Crops = list[np.ndarray]
Rows = list[dict[str, Any]]


def face(seed: int, side: int = SIDE) -> np.ndarray:
    """A picture (side, side, 3) with coarse and fine structure of its own; the same for equal seeds."""
    rng = np.random.default_rng(seed)
    grains = [cv2.GaussianBlur(rng.normal(size=(side, side, 3)).astype(np.float32), (0, 0), s) * s for s in (1, 3, 8)]
    picture = np.asarray(sum(grains))
    return np.clip(128 + 40 * (picture - picture.mean()) / picture.std(), 0, 255).astype(np.uint8)


def plain() -> tuple[Crops, Rows]:
    """A clean store: as many reals as fakes in each split, each its own cluster and identity."""
    crops, rows = [], []
    rng = np.random.default_rng(5)
    for split, count in COUNT.items():
        for number in range(count):
            label = number % 2
            name = f"{split}/{('real', 'fake')[label]}/{number:03d}.jpg"
            crops.append(face(len(crops)))
            rows.append(
                {
                    "sample": name, "source": name, "frame": 0, "time_s": 0.0, "video": "", "cluster": f"{split}-{number}",
                    "label": label, "method": ("real", "fake")[label], "compression": "", "split": split, "box": None,
                    "track": 0, "status": "ok", "detail": "", "crop": len(rows), "region": False,
                    "groups": [f"{split}-{number}"], "width": SIDE, "height": SIDE,
                    "bytes": int(rng.integers(9_000, 11_000)), "quality": float(rng.integers(85, 96)),
                }
            )  # fmt: skip
    return crops, rows


def write_store(
    out: Path, crops: Crops, rows: Rows, regions: dict[int, np.ndarray] | None = None, **facts: Any
) -> Path:
    """Writes crops and rows as a finished store; rows whose status is not ok have no crop. Returns `out`."""
    out.mkdir(parents=True)
    kept = [crop for crop, row in zip(crops, rows, strict=True) if row["status"] == "ok"]
    place = 0
    for row in rows:
        row["crop"] = place if row["status"] == "ok" else -1
        place += row["status"] == "ok"
    np.save(out / "crops-00000.npy", np.stack(kept))
    shard = {"crops": "crops-00000.npy", "regions": "", "count": len(kept), "sha256": ""}
    if regions:
        areas = np.zeros((len(kept), *kept[0].shape[:2]), np.uint8)
        for at, area in regions.items():
            areas[rows[at]["crop"]] = area
            rows[at]["region"] = True
        np.save(out / "regions-00000.npy", areas)
        shard["regions"] = "regions-00000.npy"
    write_table(out / "index.parquet", index_table(rows))
    protocol = {"name": "as-given", "version": 1, "size": len(kept[0])}
    whole = {"schema": SCHEMA_VERSION, "layout": "folder", "protocol": protocol, "shards": [shard], "counts": {}}
    (out / "store.json").write_text(json.dumps({**whole, "hash": "0" * 64, "notes": [], "official": False, **facts}))
    return out


def find(rows: Rows, split: str, label: int, nth: int = 0) -> int:
    """The position of the nth row of a split and class."""
    return [at for at, row in enumerate(rows) if (row["split"], row["label"]) == (split, label)][nth]


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture as it comes back from a JPEG file."""
    data = np.frombuffer(encode_jpeg(picture, quality), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def scaled(picture: np.ndarray, factor: float) -> np.ndarray:
    """The picture made smaller and brought back to its size."""
    side = round(picture.shape[0] * factor)
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def brighter(picture: np.ndarray, by: int) -> np.ndarray:
    """The picture with every value raised."""
    return np.clip(picture.astype(int) + by, 0, 255).astype(np.uint8)


Plant = Callable[[Crops, Rows], None]
