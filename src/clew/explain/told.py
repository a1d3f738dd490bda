"""What stands beside every number of an explanation: the ladder, the store, how heatmaps were made, and warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clew.datasets.store import CropStore
from clew.explain.nets import Nets
from clew.explain.seen import Seen
from clew.explain.subject import SPLIT
from clew.tickets.evaluation.findings import warnings_of
from clew.tickets.evaluation.samples import video_names


def lens_facts(seen: Seen) -> dict[str, Any]:
    """How the heatmaps were made: {"heatmaps": {method, layer, target, side: [h, w]}}."""
    side = next(iter(seen.maps.values())).shape[1:]
    lens = seen.lens
    return {"heatmaps": {"method": lens.cam, "layer": lens.layer, "target": lens.target.text, "side": list(side)}}


def ladder_facts(nets: Nets, path: Path) -> dict[str, Any]:
    """The networks and the search that they come from."""
    settings = nets.ladder.settings
    return {
        "name": nets.dense.name,
        "path": str(path),
        "detector": nets.dense.detector,
        "input_size": nets.dense.input_size,
        "scope": settings["scope"],
        "rewind": settings["rewind"],
        "method": nets.method,
        "seeds": list(nets.seeds),
        "classes": nets.dense.classes,
        "data": [dict(one) for one in nets.ladder.facts["data"]],
    }


def store_facts(seen: Seen) -> dict[str, Any]:
    """The pictures, and how many of them there are of each kind."""
    subject = seen.subject
    store, samples = subject.store, subject.samples
    reals = int((samples.labels == 0).sum())
    return {
        "name": store.name,
        "hash": store.hash,
        "protocol": store.protocol,
        "layout": str(store.facts.get("layout", "")),
        "own": is_own(seen.nets, store),
        "pictures": len(samples),
        "reals": reals,
        "fakes": len(samples) - reals,
        "regions": int(subject.known.sum()),
        "videos": len({name for name in video_names(samples) if name}),
        "clusters": len(np.unique(seen.bench.clusters)),
    }


def is_own(nets: Nets, store: CropStore) -> bool:
    """Whether a store is data of the ladder."""
    return store.hash in [one["hash"] for one in nets.ladder.facts["data"]]


def warnings_for(seen: Seen) -> list[str]:
    """What stands in the way of taking the figures at their face value."""
    nets, subject = seen.nets, seen.subject
    store, labels = subject.store, subject.samples.labels
    found = list(warnings_of(nets.dense, store, SPLIT))
    if not is_own(nets, store):
        told = ", ".join(f"{one['name']} ({one['hash'][:12]})" for one in nets.ladder.facts["data"])
        found.insert(
            0,
            f"{store.name} ({store.hash[:12]}) is not the data of this ladder, {told}: this is where the "
            "networks look on other data.",
        )
    if len(np.unique(labels)) < 2:
        only = "fakes" if labels[0] else "reals"
        found.append(f"{store.name}: its test split holds {only} only.")
    if not subject.known.any():
        found.append(f"{store.name} knows no forged regions: whether the focus is right cannot be measured on it.")
    return found
