"""The page of a data check: one HTML file with every finding, the pictures it speaks of, and a look at the store."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.compute as pc

from clew.base.crops import resize
from clew.base.files import write_text
from clew.base.progress import SILENT, Progress
from clew.datasets.checks import Picture, Report
from clew.datasets.store import CropStore
from clew.media.pictures import Picture as Pixels
from clew.media.pictures import encode_jpeg
from clew.reports import words
from clew.reports.pages import page_text

SIDE, QUALITY = 112, 85
LINE = (255, 64, 160)  # of a region's outline, in RGB
BADGES = {"ok": "holds", "note": "open", "warning": "warns", "fault": "fails"}
NAMES = {"ok": "Fine", "note": "Note", "warning": "Warning", "fault": "Fault"}


@dataclass(frozen=True)
class Figure:
    """A number with its name, at the head of the page."""

    label: str
    value: str
    detail: str = ""


def check_page_path(store: Path) -> Path:
    """Where the page of a store is written by default: beside it."""
    whole = store.resolve()
    return store.parent / f"{whole.name}-check.html"


def write_check_page(report: Report, out: Path, progress: Progress = SILENT) -> Path:
    """Writes the page of a report to `out` and returns where it is; equal reports give equal bytes."""
    with progress.task("writing the page", 1) as task:
        write_text(out, render(page_content(report)))
        task.advance(1, out.name)
    return out


def page_content(report: Report) -> dict[str, Any]:
    """All that the template shows."""
    return {
        "report": report,
        "store": report.store,
        "headline": headline(report),
        "figures": _figures(report),
        "thumb": lambda picture: thumbnail(report.store, picture),
        "badges": BADGES,
        "names": NAMES,
        "layout": report.store.facts.get("layout", ""),
        "official": bool(report.store.facts.get("official")),
        "notes": [str(note) for note in report.store.facts.get("notes") or []],
    }


def headline(report: Report) -> str:
    """The report in a sentence: what is gravest, or that nothing is wrong."""
    counts = {name: report.count(name) for name in ("fault", "warning")}
    found = [words.counted(count, name) for name, count in counts.items() if count]
    if not found:
        return "No fault and no warning."
    worst = "fault" if counts["fault"] else "warning"
    first = next(one for result in report.results for one in result.findings if one.severity == worst)
    return f"{' and '.join(found)}. {first.text}"


def _figures(report: Report) -> list[Figure]:
    kept = report.store.index.filter(pc.equal(report.store.index["status"], "ok"))
    fakes = int(pc.sum(pc.greater(kept["label"], 0)).as_py() or 0)
    videos = pc.count_distinct(pc.if_else(pc.equal(kept["video"], ""), None, kept["video"]), mode="only_valid").as_py()
    clusters = pc.count_distinct(kept["cluster"]).as_py()
    asked = report.store.index.num_rows
    return [
        Figure("Crops", words.whole(kept.num_rows), f"of {words.whole(asked)} requested"),
        Figure("Reals and fakes", f"{words.whole(kept.num_rows - fakes)} + {words.whole(fakes)}"),
        Figure("Videos", words.whole(videos) if videos else words.NONE, "" if videos else "pictures only"),
        Figure("Clusters", words.whole(clusters), "of samples that belong together"),
    ]


def thumbnail(store: CropStore, picture: Picture) -> str:
    """A crop as a small JPEG in a data URI, the edge of its forged region drawn where it is known."""
    crop: Pixels = np.array(store.crop(picture.crop))
    side = min(SIDE, crop.shape[0])
    small = resize(crop, side)
    if picture.region:
        area = resize(store.region(picture.crop).astype(np.float32), side) > 0.5
        edges, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        small = np.ascontiguousarray(small)
        cv2.drawContours(small, edges, -1, LINE, 1)
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(small, QUALITY)).decode()


def render(content: Mapping[str, Any]) -> str:
    """The HTML text; whatever is not markup made here is escaped, and nothing on the page may run."""
    return page_text("check.html", **content)
