"""Who stands in more than one split: identities, videos and clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from clew.datasets.checks.base import (
    FAULT,
    NOTE,
    OK,
    WARNING,
    Finding,
    Result,
    Subject,
    Table,
    check,
    coded,
    listed,
    percent,
    plural,
    said,
)
from clew.datasets.items import SPLITS

LISTED = 1000  # names in the JSON; the counts are of all
SHOWN = 20  # rows of a table
TRAIN, TEST = SPLITS.index("train"), SPLITS.index("test")
MEANING = {
    "identities": ("identity", "a detector can know these people from training and be tested on them"),
    "videos": ("video", "frames of one video are nearly the same picture, so the test repeats the training"),
    "clusters": ("cluster", "samples that belong together are on both sides, so intervals and scores are too good"),
}
OFFICIAL = "These splits are the dataset's own: keep them to compare with others, and say that they leak."
MEND = "Make the store again with whole groups in one split: mend the folders or the groups.csv, or let Clew draw them."


@dataclass(frozen=True)
class Membership:
    """Which rows belong to which names: rows (M,), codes (M,) of names; a row may belong to several, or to none."""

    rows: NDArray[np.int64]
    codes: NDArray[np.int32]
    names: list[str]

    def by_split(self, splits: NDArray[np.int8]) -> NDArray[np.int64]:
        """How many rows of each split (names, splits) belong to each name."""
        cells = self.codes.astype(np.int64) * len(SPLITS) + splits[self.rows]
        return np.bincount(cells, minlength=len(self.names) * len(SPLITS)).reshape(-1, len(SPLITS))


@check("leaks", order=10)
def leaks(subject: Subject) -> Result:
    """Identities, videos and clusters that stand in more than one split; rows without a crop don't count."""
    identities = _identities(subject)
    members = {"identities": identities, "videos": _named(subject, "video"), "clusters": _named(subject, "cluster")}
    findings, tables = [], []
    numbers: dict[str, Any] = {}
    for kind, one in members.items():
        counts = one.by_split(subject.splits)
        found = np.flatnonzero((counts > 0).sum(1) > 1)
        found = found[np.argsort(-counts[found].sum(1), kind="stable")]
        numbers[kind] = _numbers(one, found, counts)
        if len(found):
            findings.append(_finding(kind, [one.names[at] for at in found], counts[found], subject.official))
            tables.append(_table(kind, [one.names[at] for at in found], counts[found]))
    numbers["identities"] |= _graph(identities, subject.splits)
    findings += _seen(identities, subject.splits, numbers["identities"])
    return Result(
        "leaks",
        "Leaks between the splits",
        "A person, a video or a cluster that stands in two splits is tested by a network that has learnt from it.",
        tuple(findings) if tables else (_clean(members),),
        numbers,
        tuple(tables),
    )


def _identities(subject: Subject) -> Membership:
    lists = subject.column("groups")
    codes, names = coded(pc.list_flatten(lists).cast(pa.string()))
    return Membership(np.asarray(pc.list_parent_indices(lists), np.int64), codes, names)


def _named(subject: Subject, column: str) -> Membership:
    codes, names = subject.coded(column)
    rows = np.flatnonzero(codes != names.index("")) if "" in names else np.arange(len(codes))
    return Membership(rows, codes[rows], names)


def _numbers(one: Membership, found: NDArray[np.int64], counts: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "known": len(np.unique(one.codes)),
        "leaking": len(found),
        "leaks": [
            {"name": one.names[at], "samples": dict(zip(SPLITS, counts[at].tolist(), strict=True))}
            for at in found[:LISTED].tolist()
        ],
    }


def _finding(kind: str, names: list[str], counts: NDArray[np.int64], official: bool) -> Finding:
    noun, meaning = MEANING[kind]
    parts = listed([name for name, some in zip(SPLITS, counts.sum(0), strict=True) if some])
    stand = "stands" if len(names) == 1 else "stand"
    text = (
        f"{plural(len(names), noun, kind)} {stand} in more than one split ({parts}; "
        f"{plural(int(counts.sum()), 'sample')}): {said(names)}; {meaning}."
    )
    return Finding(WARNING, text, OFFICIAL) if official else Finding(FAULT, text, MEND)


def _table(kind: str, names: list[str], counts: NDArray[np.int64]) -> Table:
    more = f", the {SHOWN} largest of {len(names):,}" if len(names) > SHOWN else ""
    rows = zip(names[:SHOWN], counts[:SHOWN].tolist(), strict=True)
    return Table(
        f"Samples of {kind} in more than one split{more}",
        (MEANING[kind][0], *SPLITS),
        tuple((name, *(f"{some:,}" for some in row)) for name, row in rows),
    )


def _graph(one: Membership, splits: NDArray[np.int8]) -> dict[str, int]:
    """The connected graph of identities: how many components there are, and how many reach over several splits."""
    if not len(one.rows):
        return {"components": 0, "components_over_splits": 0, "largest_component": 0}
    rows, total = len(splits), len(splits) + len(one.names)
    edges = coo_matrix((np.ones(len(one.rows), np.int8), (one.rows, rows + one.codes)), shape=(total, total))
    _, component = connected_components(edges, directed=False)
    kept = np.unique(one.rows)
    _, place = np.unique(component[kept], return_inverse=True)
    counts = np.bincount(place * len(SPLITS) + splits[kept], minlength=(place.max() + 1) * len(SPLITS))
    counts = counts.reshape(-1, len(SPLITS))
    return {
        "components": len(counts),
        "components_over_splits": int(((counts > 0).sum(1) > 1).sum()),
        "largest_component": int(counts.sum(1).max()),
    }


def _seen(one: Membership, splits: NDArray[np.int8], numbers: dict[str, Any]) -> list[Finding]:
    """How much of the test part shows identities that training shows too."""
    trained = one.by_split(splits)[:, TRAIN] > 0
    known = np.unique(one.rows[trained[one.codes]])
    seen, total = int((splits[known] == TEST).sum()), int((splits == TEST).sum())
    numbers["test_samples"], numbers["test_samples_known_from_training"] = total, seen
    if not seen:
        return []
    text = f"{seen:,} of {plural(total, 'test sample')} ({percent(seen / total)}) show an identity known from training."
    return [Finding(NOTE, text)]


def _clean(members: dict[str, Membership]) -> Finding:
    known = {kind: len(np.unique(one.codes)) for kind, one in members.items()}
    if not known["identities"]:
        text = "No video and no cluster stands in two splits; identities are not known here, so people may still recur."
        return Finding(NOTE, text, "Where you know who is who, say so in a groups.csv (path, group).")
    counts = f"{known['identities']:,} identities, {known['videos']:,} videos and {known['clusters']:,} clusters"
    return Finding(OK, f"Nothing stands in two splits: {counts} checked.")
