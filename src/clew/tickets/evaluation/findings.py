"""What an evaluation found, in plain words, and what its reader must be warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clew.datasets.store import CropStore
from clew.tickets.evaluation.models import Model


def headline(model: Model, stores: Sequence[Mapping[str, Any]]) -> str:
    """One sentence: whether the model tells fakes from reals on each store, with AUC and interval."""
    trained = "" if imported(model) else "+".join(one["name"] for one in model.data if one.get("name"))
    suffix = f", trained on {trained}" if trained else ""
    return f"{_called(model)} {'; '.join(_on_store(store) for store in stores)}{suffix}."


def imported(model: Model) -> bool:
    """Whether the weights are somebody's, of which the training is not known."""
    return bool(model.header.get("source"))


def _called(model: Model) -> str:
    count = len(model.seeds)
    seeds = f"{count} seed" + ("" if count == 1 else "s")
    kept = f"{model.method} at {100 * model.level:g} %, " if model.level else ""
    return f"{model.detector} ({kept}{seeds})"


def _on_store(store: Mapping[str, Any]) -> str:
    unit = "video" if store["video"] is not None else "picture"
    auc = store[unit]["auc"]
    if auc is None:
        return _one_class(store, unit)
    return f"{_verb(auc)} on {store['name']}: AUC {short(auc)} per {unit}"


def _verb(auc: Mapping[str, Any]) -> str:
    if auc["low"] is None:
        return "scores fakes against reals"
    if auc["low"] > 0.5:
        return "tells fakes from reals"
    return "takes fakes for reals" if auc["high"] < 0.5 else "is not shown to tell fakes from reals"


def _one_class(store: Mapping[str, Any], unit: str) -> str:
    name = "real" if store["reals"] else "fake"
    share = store["called_fake"][name]
    return f"calls {short(share)} of the {name} {unit}s of {store['name']} fake ({name}s only, so no AUC)"


def short(found: Mapping[str, Any]) -> str:
    """An interval in two decimals: 0.83 [0.80, 0.86]."""
    if found["low"] is None:
        return f"{found['mean']:.2f} (interval unknown)"
    return f"{found['mean']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def warnings_of(model: Model, store: CropStore, split: str) -> list[str]:
    """What stands in the way of taking the figures on a store at their face value."""
    found = []
    protocols = [part.strip() for part in str(model.header["protocol"]).split(";")]
    if imported(model):
        found.append(f"{model.name} was imported: on which data and which crops it was trained is not known here.")
    elif store.protocol not in protocols:
        found.append(
            f"{store.name} was cropped as '{store.protocol}', the model was trained on '{'; '.join(protocols)}': "
            "part of any difference may come from the crops."
        )
    if store.hash in [one.get("hash") for one in model.data] and split != "test":
        what = "trained on these samples" if split == "train" else "selected and calibrated on these samples"
        found.append(f"{store.name}, {split}: the model was {what}; the figures say nothing about others.")
    return found
