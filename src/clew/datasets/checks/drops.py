"""What was asked for and gave no crop, and whether that falls on one class more than on the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import norm

from clew.datasets.checks.base import (
    CLASSES,
    NOTE,
    OK,
    WARNING,
    Finding,
    Result,
    Subject,
    Table,
    check,
    coded,
    in_one,
    percent,
    plural,
)
from clew.datasets.drops import dropped, worst_videos
from clew.datasets.store import CropStore

MUCH = 0.05  # share of a class or method that is lost
APART = 0.01  # difference of the rates of real and fake that matters
SURE_Z = float(norm.ppf(0.995))  # two-sided 1 %
COLUMNS = {"label": "class", "method": "method", "split": "split"}
ON_PURPOSE = "left-out"
SHOWN = 20
LOOK = "See which files they are (column 'detail' of index.parquet); another face detector may find more."
BIAS = (
    "What is left is a selection: a detector may learn who is easy to crop. Crop both classes alike, then check again."
)


@dataclass(frozen=True)
class Asked:
    """All rows that were asked for, those left out on purpose aside: names and codes (N,) by column."""

    columns: dict[str, tuple[NDArray[np.int32], list[str]]]
    dropped: NDArray[np.bool_]

    def where(self, column: str, name: str) -> NDArray[np.bool_]:
        """Which rows have this name in a column."""
        codes, names = self.columns[column]
        return np.asarray(codes == names.index(name))


@check("drops", order=50)
def drops(subject: Subject) -> Result:
    """The drop rate by status, per class, method and split; a difference between real and fake is a selection bias."""
    index = subject.store.index
    purpose = int(pc.sum(pc.equal(index["status"], ON_PURPOSE)).as_py() or 0)
    store = replace(subject.store, index=index.filter(pc.not_equal(index["status"], ON_PURPOSE)))
    asked = _asked(store.index)
    rates = {column: [_rate(asked, column, name) for name in asked.columns[column][1]] for column in COLUMNS}
    gap, worst = _gap(asked), _worst(store)
    findings = [*_total(asked, purpose), *_heavy(rates), *_biased(gap)]
    numbers = {"requested": len(asked.dropped), "dropped": int(asked.dropped.sum()), "left_out": purpose}
    return Result(
        "drops",
        "What gave no crop",
        "Unreadable files and frames without a face. When one class loses more than the other, what is left is biased.",
        tuple(findings),
        {**numbers, "rates": rates, "real_against_fake": gap, "worst": worst},
        _tables(rates, worst) if numbers["dropped"] else (),
    )


def _asked(table: pa.Table) -> Asked:
    whole = table.combine_chunks()
    unit = pc.if_else(pc.equal(pc.fill_null(whole["video"], ""), ""), whole["sample"], whole["video"])
    columns = {"label": pc.if_else(pc.greater(whole["label"], 0), *reversed(CLASSES)), "unit": unit}
    columns |= {name: whole[name] for name in ("method", "split", "status")}
    coded_columns = {name: coded(in_one(column)) for name, column in columns.items()}
    return Asked(coded_columns, np.asarray(pc.not_equal(whole["status"], "ok")))


def _rate(asked: Asked, column: str, name: str) -> dict[str, Any]:
    """What was asked for and lost of one class, method or split, by status."""
    rows = asked.where(column, name)
    codes, statuses = asked.columns["status"]
    count = np.bincount(codes[rows & asked.dropped], minlength=len(statuses)).tolist()
    lost, total = sum(count), int(rows.sum())
    by_status = {status: some for status, some in zip(statuses, count, strict=True) if some}
    return {"name": name, "requested": total, "dropped": lost, "rate": lost / max(total, 1), "by_status": by_status}


def _gap(asked: Asked) -> dict[str, Any] | None:
    """Drop rate of fakes minus that of reals, each video counting as one draw (ratio estimator); None: one class."""
    rates, variance = [], 0.0
    for name in CLASSES:
        if name not in asked.columns["label"][1]:
            return None
        rows = asked.where("label", name)
        _, unit = np.unique(asked.columns["unit"][0][rows], return_inverse=True)
        size, lost = np.bincount(unit), np.bincount(unit, asked.dropped[rows])
        rate = float(lost.sum() / size.sum())
        grown = len(size) / max(len(size) - 1, 1)
        variance += grown * float(((lost - rate * size) ** 2).sum()) / float(size.sum()) ** 2
        rates.append(rate)
    error, difference = math.sqrt(variance), rates[1] - rates[0]
    sure = abs(difference) >= APART and abs(difference) > SURE_Z * error
    return {"real": rates[0], "fake": rates[1], "difference": difference, "error": error, "warning": sure}


def _worst(store: CropStore) -> list[dict[str, Any]]:
    """The videos that lost most, then lost pictures that belong to no video, each with a reason."""
    videos = [
        {"name": one["video"], "requested": one["asked"], "dropped": one["lost"], "why": one["why"]}
        for one in worst_videos(store, SHOWN)
    ]
    single = pc.equal(pc.fill_null(store.index["video"], ""), "")
    pictures = [
        {"name": one["sample"], "requested": 1, "dropped": 1, "why": one["detail"] or one["status"]}
        for one in dropped(replace(store, index=store.index.filter(single)), SHOWN - len(videos))
    ]
    return videos + pictures


def _total(asked: Asked, purpose: int) -> list[Finding]:
    lost, total = int(asked.dropped.sum()), len(asked.dropped)
    text = f"{lost:,} of {plural(total, 'requested crop')} could not be had ({percent(lost / max(total, 1))})."
    found = [Finding(NOTE, text) if lost else Finding(OK, f"{plural(total, 'crop')} requested, none was lost.")]
    if purpose:
        text = f"{plural(purpose, 'file')} left out on purpose, by the rules of the layout: not counted here."
        found.append(Finding(NOTE, text))
    return found


def _heavy(rates: dict[str, list[dict[str, Any]]]) -> list[Finding]:
    found = []
    for column, noun in (("label", "class"), ("method", "method")):
        for one in rates[column]:
            same = column == "method" and one["name"] in CLASSES  # told as a class already
            if one["rate"] > MUCH and not same:
                text = (
                    f"The {noun} '{one['name']}' lost {one['dropped']:,} of {plural(one['requested'], 'crop')} "
                    f"({percent(one['rate'])})."
                )
                found.append(Finding(WARNING, text, LOOK))
    return found


def _biased(gap: dict[str, Any] | None) -> list[Finding]:
    if gap is None or not gap["warning"]:
        return []
    text = (
        f"Fakes lost {percent(gap['fake'])} and reals {percent(gap['real'])} of their crops: more than chance explains."
    )
    return [Finding(WARNING, text, BIAS)]


def _tables(rates: dict[str, list[dict[str, Any]]], worst: list[dict[str, Any]]) -> tuple[Table, ...]:
    rows = tuple(
        (COLUMNS[column], one["name"], f"{one['requested']:,}", f"{one['dropped']:,}", percent(one["rate"]),
         ", ".join(f"{status} {count:,}" for status, count in one["by_status"].items()) or "-")
        for column, some in rates.items()
        for one in some
    )  # fmt: skip
    lost = tuple((one["name"], f"{one['dropped']:,} of {one['requested']:,}", one["why"]) for one in worst)
    return (
        Table("Lost crops", ("by", "name", "requested", "lost", "rate", "why"), rows),
        Table(f"The files that lost most (at most {SHOWN})", ("file", "lost", "why"), lost),
    )
