"""`clew tickets calibrate`: what a ticket's scores mean, learned from validation parts, kept in a new ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError, unknown_name
from clew.base.hashing import stable_fraction
from clew.base.progress import SILENT, Progress
from clew.datasets.store import CropStore, open_store
from clew.media.familiarity import Familiarity, descriptor
from clew.tickets.evaluation.kept import subject_of
from clew.tickets.evaluation.models import choose_model
from clew.tickets.evaluation.samples import usable, video_names
from clew.tickets.evaluation.scoring import score
from clew.tickets.file import write_ticket
from clew.tickets.header import WIDEST
from clew.tickets.ticket import Ticket, load_ticket
from clew.training.calibration import calibrate
from clew.training.data import Samples
from clew.training.operating import RATE
from clew.training.real_points import all_points

FPR = FNR = 0.05
MOST_CROPS, LEAST = 2000, 200  # of a store, and of all together, that familiarity is learned from
FINDERS = ("dlib", "opencv", "yunet", "none")


@dataclass(frozen=True)
class ScanCrops:
    """How a scan is to cut faces for a ticket: the detector, and the side of a crop in face boxes."""

    faces: str = "dlib"
    scale: float = 1.3

    def __post_init__(self) -> None:
        if self.faces not in FINDERS:
            raise unknown_name("--faces", self.faces, FINDERS)
        if not 1 <= self.scale <= WIDEST:
            raise ClewError(f"--scale {self.scale}: expected 1 to {WIDEST:g} face boxes.")


def calibrate_ticket(
    ticket: Path | str,
    stores: Sequence[Path | str],
    out: Path | str,
    *,
    fpr: float = FPR,
    fnr: float = FNR,
    scan: ScanCrops | None = None,
    progress: Progress = SILENT,
) -> Ticket:
    """Writes a ticket again with a temperature, two operating points and what is familiar to it, and returns it.

    Temperature and points are chosen on the validation parts of the stores: from the higher one on a picture is
    fake, at a false positive rate of at most `fpr`; down to the lower one it is real, at most `fnr` of the fakes with
    it. Every store weighs the same among the reals and among the fakes, however large it is; rates are means over
    stores. What is familiar is learned from equally many crops of each training part. `scan`: how faces are to be cut
    for it, kept in the header. Weights and mask stay bit for bit. Raises ClewError before any work for what cannot be
    opened, and when `out` is there already.
    """
    out = Path(out)
    _check(out, stores, fpr, fnr)
    source = load_ticket(ticket)
    members = choose_model(ticket).members
    opened = [open_store(path) for path in stores]
    classes = source.classes if len(source.classes) > 2 else ()
    val = [usable(store, "val", classes) for store in opened]
    with progress.task("scoring", sum(map(len, val))) as task:
        logits = np.concatenate([score(members, part, subject_of(part), None, task)[0] for part in val])
    header = {**source.header, **_measured(val, logits, fpr, fnr)}
    size = max(store.size for store in opened)
    header["familiarity"] = _familiar(opened, size, progress)
    header["calibrated_on"] = [{"name": s.name, "hash": s.hash, "protocol": s.protocol} for s in opened]
    if scan is not None:
        header["scan"] = {"faces": scan.faces, "scale": scan.scale, "size": size}
    write_ticket(out, replace(source.content, header=header))
    return load_ticket(out)


def _check(out: Path, stores: Sequence[Path | str], fpr: float, fnr: float) -> None:
    if not stores:
        raise ClewError("expected at least one crop store to calibrate on.")
    for flag, rate in (("--fpr", fpr), ("--fnr", fnr)):
        if not RATE.fits(rate) or rate >= 0.5:
            raise ClewError(f"{flag} {rate}: expected a rate between 0 and 0.5.")
    if out.exists() or out.is_symlink():
        raise ClewError(f"{out} exists: choose another --out, or remove it first.")


def _measured(val: Sequence[Samples], logits: NDArray[np.float32], fpr: float, fnr: float) -> dict[str, Any]:
    """Calibration and operating points of logits (N, K) over the validation parts, one after the other."""
    targets, labels = (np.concatenate([getattr(part, key) for part in val]) for key in ("targets", "labels"))
    told = [_names(part, f"{number}:{part.stores[0].name}") for number, part in enumerate(val)]
    sources, videos, clusters = ([name for part in told for name in part[at]] for at in range(3))
    calibration = calibrate(logits, targets, sources=np.asarray(sources))
    points = all_points(labels, calibration.fake(logits), videos, clusters, sources, fpr, fnr)
    return {"calibration": calibration.as_dict(), "operating_point": points}


def _names(samples: Samples, source: str) -> tuple[list[str], list[str], list[str]]:
    """Source, video ("" for a lone picture) and cluster of each sample; those of two sources never meet."""
    names, videos = samples.rows["sample"].to_pylist(), video_names(samples)
    clusters = [c or v or s for c, v, s in zip(samples.rows["cluster"].to_pylist(), videos, names, strict=True)]
    apart = [f"{source}\n{video}" if video else "" for video in videos]
    return [source] * len(names), apart, [f"{source}\n{cluster}" for cluster in clusters]


def _familiar(stores: Sequence[CropStore], size: int, progress: Progress) -> dict[str, Any] | None:
    """What is learned from the training parts, the same number of crops of each; None where they are too few."""
    parts = [usable(store, "train") for store in stores]
    count = min(MOST_CROPS, *map(len, parts))
    with progress.task("what is familiar", count * len(parts)) as task:
        found = []
        for part in parts:
            for at in _chosen(part, count):
                found.append(descriptor(part.crops([at], size)[0]))
                task.advance()
    return Familiarity.fit(np.stack(found)).as_dict() if len(found) >= LEAST else None


def _chosen(samples: Samples, count: int) -> list[int]:
    """`count` samples, always the same, in an order that hangs on their names alone."""
    names = samples.rows["sample"].to_pylist()
    return sorted(range(len(names)), key=lambda at: (stable_fraction("familiar", names[at]), at))[:count]
