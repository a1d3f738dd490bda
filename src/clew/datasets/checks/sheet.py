"""What the store looks like: crops of every class and method, drawn by lot."""

from __future__ import annotations

import numpy as np

from clew.base.hashing import stable_seed
from clew.datasets.checks.base import CLASSES, NOTE, OK, Finding, Result, Strip, Subject, check, plural
from clew.datasets.items import SPLITS

EACH = 8  # crops of each class and method
METHODS = 12  # strips


@check("sheet", order=60)
def sheet(subject: Subject) -> Result:
    """Crops drawn by lot from every class and method, one of a video at most while others are left."""
    method, names = subject.coded("method")
    video = subject.coded("video")[0].astype(np.int64)
    strips = []
    cells = sorted({(int(label), int(one)) for label, one in zip(subject.labels, method, strict=True)})
    for label, one in cells[:METHODS]:
        rows = np.flatnonzero((subject.labels == label) & (method == one))
        lot = np.random.default_rng(stable_seed("sheet", subject.store.hash, label, names[one]))
        rows = lot.permutation(rows)
        _, first = np.unique(video[rows], return_index=True)
        order = np.r_[np.sort(first), np.setdiff1d(np.arange(len(rows)), first)]
        pictures = tuple(subject.picture(row, SPLITS[subject.splits[row]]) for row in rows[order[:EACH]].tolist())
        kind = "" if names[one] in ("", CLASSES[label]) else f", {names[one]}"
        strips.append(Strip(f"{CLASSES[label]}{kind}: {len(rows):,}", pictures))
    known = sum(picture.region for strip in strips for picture in strip.pictures)
    text = (
        f"{plural(sum(len(strip.pictures) for strip in strips), 'crop')} drawn by lot; look for what no number tells."
    )
    findings = [Finding(OK, text)]
    if len(cells) > METHODS:
        findings.append(Finding(NOTE, f"{METHODS} of {len(cells)} methods are shown."))
    numbers = {strip.caption: [picture.sample for picture in strip.pictures] for strip in strips}
    return Result(
        "sheet",
        "A look at the crops",
        "Drawn by lot from every class and method, nothing picked by eye"
        + ("; the line is the edge of the forged region." if known else "."),
        tuple(findings),
        {"samples": numbers},
        strips=tuple(strips),
    )
