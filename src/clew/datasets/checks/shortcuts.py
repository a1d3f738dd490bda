"""Whether one number alone tells the label: then a detector may learn that number and no forgery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from clew.base.hashing import stable_seed
from clew.datasets.checks.auc import Auc, clustered_auc
from clew.datasets.checks.base import NOTE, OK, WARNING, Finding, Result, Subject, Table, check, percent, plural
from clew.datasets.checks.measures import CROP_MEASURES, FILE_MEASURES, Measure, measure_crop
from clew.datasets.checks.pieces import in_turn

PIECE = 64
MOST_CROPS = 10_000  # of each class: more would not change a finding
ALARM = 0.65  # AUC
CLUSTERS = 20  # of each class: with fewer, one number tells the label by chance too easily
SURE = 0.05 / (len(FILE_MEASURES) + len(CROP_MEASURES))  # so many numbers are tried: the chance that any errs is 5 %
SURE_Z = float(norm.ppf(1 - SURE))
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """What is judged: videos, and pictures that belong to none. `row` (N,) gives the unit of each kept row."""

    row: NDArray[np.int64]
    labels: NDArray[np.int8]
    clusters: NDArray[np.int32]
    videos: bool

    def means(self, rows: NDArray[np.int64], values: Values) -> Values:
        """The mean of each unit's known values (units,), NaN where there are none."""
        known = ~np.isnan(values)
        unit = self.row[rows[known]]
        total = np.bincount(unit, values[known], minlength=len(self.labels))
        count = np.bincount(unit, minlength=len(self.labels))
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True)
class Told:
    """How well one measure tells the label, and of how many units of each class it is not known."""

    measure: Measure
    auc: Auc | None
    clusters: tuple[int, int]
    unknown: tuple[int, int]

    @property
    def alarming(self) -> bool:
        """Whether it is a shortcut for sure: strong, and not by chance."""
        sure = self.auc is not None and min(self.clusters) >= CLUSTERS and self.auc.lower(SURE_Z) > 0.5
        return self.auc is not None and sure and self.auc.strength >= ALARM


@check("shortcuts", order=30)
def shortcuts(subject: Subject) -> Result:
    """The AUC of file size, resolution, JPEG quality, sharpness and the like, each on its own, per video."""
    units = _units(subject)
    rows = np.arange(subject.kept.num_rows)
    columns = _file_values(subject)
    told = [_told(measure, units, rows, columns[measure.name]) for measure in FILE_MEASURES]
    drawn = _drawn(subject)
    values = _crop_values(subject, drawn)
    told += [_told(measure, units, drawn, values[:, at]) for at, measure in enumerate(CROP_MEASURES)]
    noun = "video" if units.videos else "picture"
    findings = [_finding(one, noun) for one in told if one.alarming]
    findings = findings or [_clean(told)]
    return Result(
        "shortcuts",
        "Shortcuts to the label",
        "How well one plain number tells fakes from reals, as an AUC: 0.5 is chance, 1 gives the label away. What a "
        f"detector can learn from such a number is no forgery, and fails on other data. A warning needs {ALARM} or "
        f"more, {CLUSTERS} clusters of each class, and an AUC that is above 0.5 for sure although {len(told)} numbers "
        "were tried.",
        tuple(findings + _gaps(told, noun)),
        {"per": noun, "crops_measured": len(drawn), "measures": {one.measure.name: _as_json(one) for one in told}},
        (_table(told, noun, len(drawn), subject.kept.num_rows),),
    )


def _units(subject: Subject) -> Units:
    codes, names = subject.coded("video")
    alone = codes == names.index("") if "" in names else np.zeros(len(codes), bool)
    own = np.where(alone, len(names) + np.arange(len(codes)), codes).astype(np.int64) * 2 + subject.labels
    _, first, row = np.unique(own, return_index=True, return_inverse=True)
    return Units(row, subject.labels[first], subject.coded("cluster")[0][first], not alone.all())


def _file_values(subject: Subject) -> dict[str, Values]:
    """Facts of the files by measure (N,), NaN where they are not known."""
    width, height = (_positive(subject.numbers(name)) for name in ("width", "height"))
    quality = subject.numbers("quality")
    size = _positive(subject.numbers("bytes"))
    jpeg = np.where(np.isnan(size) & np.isnan(quality), np.nan, (~np.isnan(quality)).astype(float))
    values = (size, width * height, width / height, quality, jpeg)
    return {measure.name: column for measure, column in zip(FILE_MEASURES, values, strict=True)}


def _positive(values: Values) -> Values:
    return np.where(values > 0, values, np.nan)


def _drawn(subject: Subject) -> NDArray[np.int64]:
    """At most MOST_CROPS rows of each class, drawn by lot from the store's hash, in index order."""
    lot = np.random.default_rng(stable_seed("shortcuts", subject.store.hash))
    parts = []
    for label in (0, 1):
        rows = np.flatnonzero(subject.labels == label)
        parts.append(rows if len(rows) <= MOST_CROPS else lot.choice(rows, MOST_CROPS, replace=False))
    return np.sort(np.concatenate(parts))


def _crop_values(subject: Subject, rows: NDArray[np.int64]) -> Values:
    positions = subject.crops[rows]

    def some(piece: slice) -> Values:
        return np.array([measure_crop(np.asarray(subject.store.crop(one))) for one in positions[piece].tolist()])

    found = [np.empty((0, len(CROP_MEASURES)))]
    with subject.progress.task("measuring crops", len(rows)) as task:
        for values in in_turn(some, len(rows), PIECE):
            found.append(values)
            task.advance(len(values))
    return np.concatenate(found)


def _told(measure: Measure, units: Units, rows: NDArray[np.int64], values: Values) -> Told:
    means = units.means(rows, values)
    asked = np.bincount(units.row[rows], minlength=len(means)) > 0
    known = asked & ~np.isnan(means)
    count = [[int((some & (units.labels == label)).sum()) for label in (0, 1)] for some in (known, asked)]
    groups = tuple(len(np.unique(units.clusters[known & (units.labels == label)])) for label in (0, 1))
    auc = clustered_auc(means[known], units.labels[known], units.clusters[known]) if known.any() else None
    return Told(measure, auc, groups, (count[1][0] - count[0][0], count[1][1] - count[0][1]))  # type: ignore[arg-type]


def _finding(one: Told, noun: str) -> Finding:
    assert one.auc is not None
    text = (
        f"Fakes {_how(one)}: {one.measure.name} alone tells them from reals with an AUC of {one.auc.strength:.2f} "
        f"(90 % interval {one.auc.lower():.2f} to {one.auc.upper():.2f}, {plural(one.auc.reals, f'real {noun}')}, "
        f"{plural(one.auc.fakes, f'fake {noun}')})."
    )
    return Finding(WARNING, text, one.measure.cure)


def _how(one: Told) -> str:
    return one.measure.larger if one.auc is not None and one.auc.larger else one.measure.smaller


def _clean(told: list[Told]) -> Finding:
    judged = [one for one in told if one.auc is not None]
    if not judged:
        return Finding(NOTE, "Shortcuts cannot be judged: both classes are needed.")
    few = min(min(one.clusters) for one in judged)
    best = max(judged, key=lambda one: one.auc.strength if one.auc else 0)
    assert best.auc is not None
    strongest = f"the strongest is {best.measure.name} with an AUC of {best.auc.strength:.2f}"
    if few < CLUSTERS:
        return Finding(NOTE, f"Too few clusters of a class ({few}; {CLUSTERS} are needed) to be sure; {strongest}.")
    return Finding(OK, f"None of {len(judged)} plain numbers tells the label; {strongest}.")


def _gaps(told: list[Told], noun: str) -> list[Finding]:
    """What is not known, and of whom."""
    found = []
    for one in told:
        known = (one.auc.reals, one.auc.fakes) if one.auc else (0, 0)
        if sum(one.unknown) and sum(known):
            shares = [
                f"{lost:,} of {plural(lost + some, f'{label} {noun}')}"
                for label, lost, some in zip(("real", "fake"), one.unknown, known, strict=True)
            ]
            text = f"'{one.measure.name}' is not known of {' and '.join(shares)}; these are left out there."
            found.append(Finding(NOTE, text))
    return found


def _table(told: list[Told], noun: str, measured: int, total: int) -> Table:
    rows = []
    for one in sorted(told, key=lambda one: -(one.auc.strength if one.auc else 0)):
        if one.auc is None:
            rows.append((one.measure.name, "-", "-", "not known of both classes", "-"))
            continue
        how = f"fakes {_how(one)}" if one.auc.lower() > 0.5 else "no sure difference"
        ends = f"{one.auc.lower():.2f} to {one.auc.upper():.2f}"
        counts = f"{one.auc.reals:,} + {one.auc.fakes:,}"
        rows.append((one.measure.name, f"{one.auc.strength:.3f}", ends, how, counts))
    share = (
        "" if measured == total else f"; crops: {measured:,} of {total:,} drawn by lot ({percent(measured / total)})"
    )
    return Table(
        f"One number alone, per {noun}{share}", ("number", "AUC", "90 % interval", "direction", "n"), tuple(rows)
    )


def _as_json(one: Told) -> dict[str, Any]:
    unknown = dict(zip(("real", "fake"), one.unknown, strict=True))
    if one.auc is None:
        return {"auc": None, "unknown": unknown, "warning": False}
    return {
        "auc": one.auc.strength,
        "low": one.auc.lower(),
        "high": one.auc.upper(),
        "fakes": "larger" if one.auc.larger else "smaller",
        "n": {"real": one.auc.reals, "fake": one.auc.fakes},
        "clusters": dict(zip(("real", "fake"), one.clusters, strict=True)),
        "unknown": unknown,
        "warning": one.alarming,
    }
