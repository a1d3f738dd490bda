"""Robustness against sparsity: does pruning cost robustness? A ladder's tickets and its dense nets under stress."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clew.base.errors import ClewError
from clew.base.files import read_json, write_json
from clew.base.progress import SILENT, Progress
from clew.datasets.store import CropStore, open_store
from clew.tickets.evaluation.attacked import Attack
from clew.tickets.evaluation.evaluate import check_request
from clew.tickets.evaluation.findings import warnings_of
from clew.tickets.evaluation.ladder_models import Side, side_by_side
from clew.tickets.evaluation.robustness import has_videos
from clew.tickets.evaluation.robustness_facts import nets
from clew.tickets.evaluation.robustness_words import findings, headline
from clew.tickets.evaluation.samples import usable
from clew.tickets.evaluation.stressed import Stressed, stress
from clew.tickets.ladder import VOLATILE, Ladder, open_ladder
from clew.training.data import Samples

RESULT, FOLDER = "robustness.json", "robustness"
FORMAT = 1
RESAMPLES, LIMIT = 1000, 1000
SPLIT = "test"


def ladder_robustness(
    ladder: Path | str,
    stores: Sequence[Path | str] = (),
    *,
    methods: Sequence[str] = (),
    levels: Sequence[float] = (),
    limit: int = LIMIT,
    attack: Attack | None = None,
    resamples: int = RESAMPLES,
    out: Path | str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Scores a ladder's nets under every registered corruption and a gradient attack, and tells what pruning costs.

    `stores` none: those that the ladder was made of, where its run.json says they lie. `methods` (imp, random-of-imp,
    ...; none: all but controls) and `levels` (none: all) choose; the dense nets and all seeds are scored beside them,
    on about `limit` pictures (0: all) of each store's test split, by whole videos. `attack` None leaves the attack out.
    Scores are kept below `out` (default: `robustness` in the ladder), so that the same call goes on where it was
    stopped, and `robustness.json` is written there. Raises ClewError before any work for what cannot be opened.

    The result, as it stands in JSON; an INTERVAL is {"mean","low","high","n"}:

        format, headline, split, resamples, margin, limit, warnings: [text]
        attack: {name, steps, epsilons, limit} or null
        ladder: {name, path, detector, input_size, scope, rewind, seeds, tickets, data: [{name, hash, protocol}]}
        stores: [{name, hash, protocol, layout, own (whether it is data of the ladder), unit (video or picture),
            pictures, reals, fakes, rows, clusters, attacked: {pictures, rows, clusters} or null,
            dense: NETS, levels: [NETS], findings: [{method, up_to, text}]}]

    NETS: {method, level, sparsity, control, seeds, clean: {auc, minus_dense}, mean: COST, corruptions: [{name, title,
    unit, levels: [{level, ...COST}]}], attack: the same with its own `clean`, or null}; `mean` is the average over all
    corruptions and levels. COST: {auc, lost, lost_more, minus_dense: INTERVAL, verdict, reason}, see `losses.loss`; of
    dense nets auc and lost alone.
    """
    check_request(limit, resamples, out)
    source = open_ladder(ladder)
    side = side_by_side(source, methods, levels)
    opened = [open_store(path) for path in stores or _own_stores(source)]
    loaded = [_both_classes(store) for store in opened]
    folder = source.path / FOLDER if out is None else Path(out)
    margin = float(source.settings["margin"])
    stressed = stress(side, loaded, limit, attack, resamples, folder, progress)
    found = []
    for store, one in zip(opened, stressed, strict=True):
        told = nets(side, one, attack, margin)
        facts = _store_facts(source, store, one)
        found.append({**facts, **told, "findings": findings(told["dense"], told["levels"], margin)})
    result = {
        "format": FORMAT,
        "headline": headline(found),
        "split": SPLIT,
        "resamples": resamples,
        "margin": margin,
        "limit": limit,
        "warnings": list(dict.fromkeys(text for store in opened for text in _warnings(source, side, store))),
        "attack": None if attack is None else attack.as_dict(),
        "ladder": _ladder_facts(source, side, Path(ladder)),
        "stores": found,
    }
    write_json(folder / RESULT, result)
    return result


def _own_stores(ladder: Ladder) -> list[Path]:
    """Where the ladder's crop stores lay when it was made; raises ClewError where they are not there."""
    path = ladder.path / VOLATILE
    found = read_json(path) if path.exists() else {}
    names = found.get("stores") if isinstance(found, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ClewError(f"{path} does not say where the ladder's crop stores lie: name them after the ladder.")
    gone = [name for name in names if not Path(name).is_dir()]
    if gone:
        raise ClewError(f"the ladder's crop store {gone[0]} is not there: name it after the ladder where it lies now.")
    return [Path(name) for name in names]


def _both_classes(store: CropStore) -> Samples:
    samples = usable(store, SPLIT)
    if len(np.unique(samples.labels)) < 2:
        only = "fakes" if samples.labels[0] else "reals"
        raise ClewError(f"{store.path}: its test split holds {only} only; robustness is told by AUC, which needs both.")
    return samples


def _warnings(ladder: Ladder, side: Side, store: CropStore) -> list[str]:
    """That a store is none of the ladder's, and what else stands against its figures."""
    found = warnings_of(side.dense, store, SPLIT)
    if not _is_own(ladder, store):
        names = "+".join(one["name"] for one in ladder.facts["data"])
        found.insert(0, f"{store.name} is not the data of this ladder ({names}): the losses are those on other data.")
    return found


def _is_own(ladder: Ladder, store: CropStore) -> bool:
    return store.hash in [one["hash"] for one in ladder.facts["data"]]


def _store_facts(ladder: Ladder, store: CropStore, found: Stressed) -> dict[str, Any]:
    few, budgets = found.attacked_samples, found.attacked
    reals = int((found.samples.labels == 0).sum())
    return {
        "name": store.name,
        "hash": store.hash,
        "protocol": store.protocol,
        "layout": str(store.facts.get("layout", "")),
        "own": _is_own(ladder, store),
        "unit": "video" if has_videos(found.samples) else "picture",
        "pictures": len(found.samples),
        "reals": reals,
        "fakes": len(found.samples) - reals,
        "rows": found.clean.rows,
        "clusters": found.clean.clusters,
        "attacked": {"pictures": len(few), "rows": budgets[0.0].rows, "clusters": budgets[0.0].clusters}
        if budgets
        else None,
    }


def _ladder_facts(ladder: Ladder, side: Side, path: Path) -> dict[str, Any]:
    settings = ladder.settings
    return {
        "name": side.dense.name,
        "path": str(path),
        "detector": side.dense.detector,
        "input_size": side.dense.input_size,
        "scope": settings["scope"],
        "rewind": settings["rewind"],
        "seeds": list(side.dense.seeds),
        "tickets": len(side.members),
        "data": [dict(one) for one in ladder.facts["data"]],
    }
