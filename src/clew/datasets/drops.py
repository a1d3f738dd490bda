"""What cropping lost: by class and method, by video, and sample by sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pyarrow.compute as pc

from clew.datasets.store import CropStore


def drop_report(store: CropStore) -> list[dict[str, Any]]:
    """For each class and method: crops asked for, kept, and lost by status; reals first."""
    counts: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    grouped = store.index.group_by(["label", "method", "status"]).aggregate([([], "count_all")]).to_pylist()
    for row in grouped:
        counts[row["label"], row["method"]][row["status"]] += row["count_all"]
    report = []
    for (label, method), found in sorted(counts.items()):
        asked, kept = sum(found.values()), found["ok"]
        lost = {status: count for status, count in sorted(found.items()) if status != "ok"}
        report.append({"label": label, "method": method, "asked": asked, "kept": kept, "lost": lost})
    return report


def worst_videos(store: CropStore, most: int = 10) -> list[dict[str, Any]]:
    """The videos that lost most of what was asked of them: video, asked, lost, why (its first row's detail)."""
    rows = store.index.filter(pc.not_equal(store.index["video"], ""))
    lost = rows.filter(pc.not_equal(rows["status"], "ok"))
    asked = {r["video"]: r["count_all"] for r in rows.group_by("video").aggregate([([], "count_all")]).to_pylist()}
    found = lost.group_by("video").aggregate([([], "count_all"), ("detail", "min")]).to_pylist()
    found.sort(key=lambda r: (-r["count_all"] / asked[r["video"]], r["video"]))
    return [
        {"video": r["video"], "asked": asked[r["video"]], "lost": r["count_all"], "why": r["detail_min"]}
        for r in found[:most]
    ]


def damaged_videos(store: CropStore) -> list[str]:
    """What is wrong with the videos that gave crops though they are damaged: a sentence each."""
    rows = store.index.filter(pc.and_(pc.equal(store.index["status"], "ok"), pc.not_equal(store.index["detail"], "")))
    return sorted(set(rows["detail"].to_pylist()))


def dropped(store: CropStore, most: int | None = None) -> list[dict[str, str]]:
    """The samples that gave no crop, at most so many: sample, status and detail."""
    rows = store.index.filter(pc.not_equal(store.index["status"], "ok"))
    return rows.select(["sample", "status", "detail"]).slice(0, most).to_pylist()
