"""The same picture twice: in two splits, or under two labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.datasets.checks.base import (
    CLASSES,
    FAULT,
    NOTE,
    OK,
    WARNING,
    Finding,
    Result,
    Strip,
    Subject,
    check,
    listed,
    plural,
)
from clew.datasets.checks.copies import Copies, Pair, find_copies
from clew.datasets.items import SPLITS

LISTED, SHOWN = 1000, 8
LEARNT = "Keep one copy, or give both files one group in groups.csv, and make the store again."
OFFICIAL = "These splits are the dataset's own: keep them to compare with others, and say that they share pictures."
WRONG = "Find out which label is right, remove the other file and make the store again."
TWINS = "If these are fakes beside their originals, give both one group in groups.csv; else one label is wrong."
UNFORGED = "Nothing was changed in these fakes: leave them out, or a detector learns that a real face is fake."
FLAT = "Look at them: black or blank crops teach nothing."


@check("duplicates", order=20)
def duplicates(subject: Subject) -> Result:
    """Crops that are the same picture, exactly or nearly, across splits or labels.

    Frames of one video, and a fake beside its original in one cluster and split, are alike by nature and don't count.
    """
    copies = find_copies(subject)
    findings = [*_over_splits(subject, copies), *_over_labels(subject, copies)]
    clean = Finding(OK, f"No picture stands in two splits or under both labels: {subject.kept.num_rows:,} compared.")
    numbers: dict[str, Any] = {"compared": subject.kept.num_rows}
    for kind, pairs in copies.pairs.items():
        numbers[kind] = {
            "samples": int(copies.hit[kind].sum()),
            "exact_pairs": sum(pair.exact for pair in pairs),
            "near_pairs": sum(not pair.exact for pair in pairs),
            "pairs": [_as_json(subject, pair) for pair in pairs[:LISTED]],
        }
    numbers |= {"flat": len(copies.flat), "looked_at": copies.looked, "left_out_of_crowds": copies.crowded}
    return Result(
        "duplicates",
        "The same picture twice",
        "A picture that was trained on tells nothing as a test picture, and one under both labels teaches nothing. "
        "Copies are found though they were compressed again, scaled a little or brightened; frames of one video and a "
        "fake beside its original in one cluster and split are alike by nature and don't count.",
        tuple(findings or [clean]) + tuple(_remarks(subject, copies)),
        numbers,
    )


def _over_splits(subject: Subject, copies: Copies) -> list[Finding]:
    pairs, hit = copies.pairs["splits"], copies.hit["splits"]
    if not pairs:
        return []
    total = np.bincount(subject.splits, minlength=len(SPLITS))
    count = np.bincount(subject.splits[hit], minlength=len(SPLITS))
    where = listed(
        [f"{count[at]:,} of {plural(int(total[at]), f'{SPLITS[at]} picture')}" for at in (2, 1, 0) if count[at]]
    )
    text = f"{where} have a copy in another split ({_kinds(pairs)}), so that scores there are too good."
    severity, advice = (WARNING, OFFICIAL) if subject.official else (FAULT, LEARNT)
    return [Finding(severity, text, advice, _strips(subject, pairs))]


def _over_labels(subject: Subject, copies: Copies) -> list[Finding]:
    exact = [pair for pair in copies.pairs["labels"] if pair.exact]
    near = [pair for pair in copies.pairs["labels"] if not pair.exact]
    unforged = copies.pairs["unforged"]
    found = []
    if exact:
        text = (
            f"{plural(len(exact), 'picture')} stand{'s' * (len(exact) == 1)} both as real and as fake, byte for byte."
        )
        found.append(Finding(FAULT, text, WRONG, _strips(subject, exact)))
    if near:
        text = f"{plural(len(near), 'pair')} of a real and a fake show nearly the same picture but share no cluster."
        found.append(Finding(WARNING, text, TWINS, _strips(subject, near)))
    if unforged:
        text = f"{plural(len(unforged), 'fake')} equal{'s' * (len(unforged) == 1)} the original byte for byte."
        found.append(Finding(WARNING, text, UNFORGED, _strips(subject, unforged)))
    return found


def _remarks(subject: Subject, copies: Copies) -> list[Finding]:
    found = []
    if len(copies.flat):
        pictures = tuple(subject.picture(row, _name(subject, row)) for row in copies.flat[: 2 * SHOWN].tolist())
        text = f"{plural(len(copies.flat), 'crop')} of one even colour could be compared byte for byte only."
        found.append(Finding(NOTE, text, FLAT, (Strip("even crops", pictures),)))
    if copies.crowded:
        text = f"{plural(copies.crowded, 'picture')} in crowds that all look alike were compared byte for byte only."
        found.append(Finding(NOTE, text))
    return found


def _kinds(pairs: list[Pair]) -> str:
    exact = sum(pair.exact for pair in pairs)
    parts = [(exact, "byte for byte"), (len(pairs) - exact, "compressed again, scaled or brightened")]
    return ", ".join(f"{plural(some, 'pair')} {how}" for some, how in parts if some)


def _name(subject: Subject, row: int) -> str:
    return f"{SPLITS[subject.splits[row]]}, {CLASSES[subject.labels[row]]}"


def _strips(subject: Subject, pairs: list[Pair]) -> tuple[Strip, ...]:
    shown = sorted(pairs, key=lambda pair: not pair.exact)[:SHOWN]
    return tuple(
        Strip(
            "byte for byte" if pair.exact else f"likeness {pair.likeness:.3f}",
            tuple(subject.picture(row, _name(subject, row)) for row in (pair.first, pair.second)),
        )
        for pair in shown
    )


def _as_json(subject: Subject, pair: Pair) -> dict[str, Any]:
    sample = subject.kept["sample"]
    rows = (pair.first, pair.second)
    return {
        "samples": [sample[row].as_py() for row in rows],
        "splits": [SPLITS[subject.splits[row]] for row in rows],
        "labels": [CLASSES[subject.labels[row]] for row in rows],
        "exact": pair.exact,
        "likeness": round(pair.likeness, 4),
    }
