"""`clew tickets card`: what a ticket is, what it was made of, how well it does where, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.datasets.store import CropStore, open_store
from clew.tickets.evaluation import evaluate
from clew.tickets.evaluation.models import Model, choose_model
from clew.tickets.evaluation.pooled import pooled_calibration_error

FORMAT = 1
SPLITS = ("train", "val", "test")
WEAK = 0.8  # an AUC whose upper limit lies below it is told as a failure
FALL = 0.05  # so is a fall of the AUC by more, shown by its interval


def ticket_card(
    ticket: Path | str,
    stores: Sequence[Path | str],
    *,
    left_out: Sequence[Path | str] = (),
    limit: int = 500,
    resamples: int = 1000,
    scores: Path | str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """What a model card says, as it stands in JSON; the test part of every store is read, once.

    `left_out`: tickets of the same recipe, each trained without some of the stores, and measured on those alone: what
    to expect on a source that nobody has seen. `limit` pictures of each store go through the corruptions (0: all).
    `scores`: a folder where scores are kept, so that the same call goes on where it stopped. The keys are ticket,
    data, sources (as `evaluate` gives its stores), pooled (calibration error over the sources, each weighing the
    same), left_out, failures, limits. Raises ClewError for a ticket without calibration, and for what cannot be
    opened.
    """
    model = choose_model(ticket)
    header = model.header
    if not header.get("calibration") or not header.get("operating_point"):
        raise ClewError(
            f"{ticket} carries no calibration: 'clew tickets calibrate' gives it one, the card tells of it."
        )
    opened = [open_store(path) for path in stores]
    found = evaluate(ticket, stores, corrupt=True, limit=limit, resamples=resamples, out=scores, progress=progress)
    return {
        "format": FORMAT,
        "ticket": _ticket(Path(ticket), header),
        "data": _data(header),
        "sources": [_source(store, one, header) for store, one in zip(opened, found["stores"], strict=True)],
        "pooled": pooled_calibration_error(model, opened, resamples, scores, progress),
        "left_out": [row for path in left_out for row in _left_out(path, opened, resamples, progress)],
        "failures": failures(found["stores"]),
        "resamples": resamples,
        "limit": limit,
    }


def _ticket(path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("detector", "search", "training", "calibration", "operating_point", "scan", "calibrated_on", "protocol")
    counts = {key: value for key, value in header["sparsity"].items() if key != "layers"}
    known = header.get("familiarity") or {}
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "seal": header["seal"],
        "values": header.get("values", "fp32"),
        "sparsity": counts,
        "familiarity": {key: known[key] for key in ("threshold", "share", "crops", "held_out") if key in known},
        **{key: header.get(key) for key in keys},
    }


def _data(header: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{key: str(one.get(key, "")) for key in ("name", "hash", "protocol")} for one in header["data"]]


def _source(store: CropStore, found: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any]:
    """A store's figures, how many pictures its parts hold, and whether the ticket was trained on it."""
    parts = {}
    for split in SPLITS:
        labels = store.samples(split)["label"].to_numpy() > 0
        parts[split] = {"reals": int((~labels).sum()), "fakes": int(labels.sum())}
    return {**found, "parts": parts, "trained_on": store.hash in [one.get("hash") for one in header["data"]]}


def _left_out(
    path: Path | str, stores: Sequence[CropStore], resamples: int, progress: Progress
) -> list[dict[str, Any]]:
    """A ticket's figures on the stores that it was not trained on."""
    model = choose_model(path)
    seen = [one.get("hash") for one in model.data]
    unseen = [store for store in stores if store.hash not in seen]
    if not unseen:
        raise ClewError(f"{path} was trained on every store of the card: expected one that was left out.")
    found = evaluate(path, [store.path for store in unseen], resamples=resamples, progress=progress)
    return [_row(model, one) for one in found["stores"]]


def _row(model: Model, found: Mapping[str, Any]) -> dict[str, Any]:
    unit = "picture" if found["video"] is None else "video"
    return {
        "store": found["name"],
        "detector": model.detector,
        "input_size": model.input_size,
        "trained_on": [one.get("name", "") for one in model.data],
        "unit": unit,
        "auc": found[unit]["auc"],
        "rows": found[unit]["rows"],
        "clusters": found[unit]["clusters"],
    }


def failures(stores: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the figures show to go wrong: sources told badly, and corruptions under which a source's AUC falls."""
    found = []
    for store in stores:
        unit = "picture" if store["video"] is None else "video"
        auc = store[unit]["auc"]
        if auc is not None and auc["high"] is not None and auc["high"] < WEAK:
            found.append({"kind": "weak", "store": store["name"], "auc": auc})
        for one in (store["robustness"] or {"corruptions": []})["corruptions"]:
            fall = _first_fall(one, unit)
            if fall is not None:
                found.append({"kind": "falls", "store": store["name"], "corruption": one["name"], **fall})
    return found


def _first_fall(corruption: Mapping[str, Any], unit: str) -> dict[str, Any] | None:
    """The mildest level at which the AUC is shown to fall by more than FALL."""
    for level in corruption["levels"]:
        minus = (level[unit] or {}).get("auc_minus_clean")
        if minus is not None and minus["high"] is not None and minus["high"] < -FALL:
            return {"title": corruption["title"], "unit": corruption["unit"], "level": level["level"], "minus": minus}
    return None
