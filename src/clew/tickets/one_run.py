"""One training of a search: from the finished runs that it needs to its ticket, its scores and its facts."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa

from clew.base.files import read_json, write_json
from clew.datasets.index import write_table
from clew.datasets.store import open_store
from clew.detectors.build import network
from clew.detectors.layers import uses_per_weight
from clew.tickets import masks
from clew.tickets.connectivity import cut_off, dead_filters
from clew.tickets.file import TicketFile, write_ticket
from clew.tickets.ladder import REWIND
from clew.tickets.masks import Mask
from clew.tickets.place import Place
from clew.tickets.runs import DENSE, Run
from clew.tickets.settings import SearchSettings
from clew.tickets.starting import leave_mask, rewind_savers, start_of
from clew.tickets.tracing import graph_facts
from clew.tickets.verdict import kind_of
from clew.training import metrics
from clew.training.blended import load_part
from clew.training.board import board
from clew.training.calibration import calibrate
from clew.training.choices import thread_count
from clew.training.data import Samples
from clew.training.fabric import spread
from clew.training.loop import Start, Trained, train
from clew.training.operating import operating_points
from clew.training.score import fake_probability, logits_of
from clew.training.selection import score_of
from clew.training.weights import State

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SCORED = ("val", "test")
CHECKPOINT = ".checkpoint"


def do_run(
    place: Place,
    settings: SearchSettings,
    run: Run,
    data: list[dict[str, str]],
    report: Callable[[float, str], None],
) -> dict[str, float]:
    """Trains one run and writes its ticket, scores and facts; returns what only this time cost (seconds)."""
    started = time.monotonic()
    spread(settings.choices, _in_process, place, settings, run, data, report=report)
    return {"seconds": round(time.monotonic() - started, 3)}


def _in_process(
    fabric: Fabric,
    place: Place,
    settings: SearchSettings,
    run: Run,
    data: list[dict[str, str]],
    report: Callable[[float, str], None],
) -> None:
    """What each of the processes of a run does; the first one writes."""
    cv2.setNumThreads(1)
    first = fabric.is_global_zero
    with thread_count(settings.choices.threads), board(place.board if first else None, run.id) as each_epoch:
        stores = [open_store(path) for path in place.stores]
        splits = {
            split: load_part(stores, split, settings.training.blend, settings.classes, settings.fakes)
            for split in ("train", *SCORED)
        }
        start = start_of(place, settings, run, splits["train"], first)
        trained = (
            _untrained(start)
            if not run.trains
            else train(
                settings.detector,
                settings.training,
                settings.choices,
                start,
                splits["train"],
                splits["val"],
                run.seed,
                at_steps=rewind_savers(place, settings, run),
                checkpoint=place.part(run.id, CHECKPOINT),
                keep=True,
                report=report if first else lambda steps, note: None,
                each_epoch=each_epoch,
                fabric=fabric,
            )
        )
        if not first:
            return
        if run.finds:
            _leave_found(place, settings, run, start, trained)
            return
        report(0, "scoring")
        logits = _logits(settings, trained.state, splits)
    mask = {name: kept.numpy() for name, kept in trained.mask.items()}
    facts = _facts(settings, run, mask, trained)
    write_table(place.part(run.id, ".parquet"), _scores(splits, logits))
    header = _header(settings, run, facts, data, _measured(settings, splits, logits))
    write_ticket(place.ticket(run.id), _content(header, mask, trained.state))
    write_json(place.part(run.id, ".json"), facts)
    place.part(run.id, CHECKPOINT).unlink(missing_ok=True)  # whoever is killed before this need not train again


def _leave_found(place: Place, settings: SearchSettings, run: Run, start: Start, trained: Trained) -> None:
    """Writes what a run that finds a mask leaves: the mask, for as long as the search goes on, and its facts."""
    facts = _facts(settings, run, leave_mask(place, run, start, trained), trained)
    write_json(place.part(run.id, ".json"), {**facts, "settled": trained.settled is not None, "looks": trained.looks})
    place.part(run.id, CHECKPOINT).unlink(missing_ok=True)


def _untrained(start: Start) -> Trained:
    """What is only scored, as it starts."""
    return Trained(start.state, start.mask, [], 0, 0)


def _logits(settings: SearchSettings, state: State, splits: dict[str, Samples]) -> dict[str, np.ndarray[Any, Any]]:
    config = settings.detector
    module = network(config)
    module.load_state_dict(state)
    module = settings.choices.place(module).to(settings.choices.device)
    return {s: logits_of(module, splits[s], config.input_size, settings.choices) for s in SCORED}


def _scores(splits: dict[str, Samples], logits: dict[str, np.ndarray[Any, Any]]) -> pa.Table:
    """The scores of a run, without the columns that its entries add."""
    parts = []
    for split in SCORED:
        rows = splits[split].rows.select(
            ["store", "split", "sample", "label", "video", "cluster", "method", "compression"]
        )
        rows = rows.rename_columns([n if n != "method" else "forgery" for n in rows.column_names])
        values = pa.array(list(logits[split]), pa.list_(pa.float32()))
        parts.append(rows.append_column("logits", values))
    return pa.concat_tables(parts).combine_chunks()


def _facts(settings: SearchSettings, run: Run, mask: Mask, trained: Trained) -> dict[str, Any]:
    config = settings.detector
    uses = uses_per_weight(network(config), config.input_size)
    return {
        "method": run.method,
        "seed": run.seed,
        "level": run.level,
        "mask_from": run.mask_from,
        "origin": run.origin,
        "finds": run.finds,
        "found_by": run.found_by,
        "begins": run.begins,
        "weights_from": run.weights_from or (f"{REWIND}/seed-{run.seed}.safetensors" if run.method != DENSE else ""),
        "sparsity": masks.sparsity(mask),
        "macs_sparsity": masks.macs_sparsity(mask, uses),
        "remaining": masks.remaining(mask),
        "prunable": masks.prunable_count(mask),
        "macs": sum(uses[name] * kept.size for name, kept in mask.items()),
        "layers": masks.layer_counts(mask),
        "cut_off": cut_off(network(config), mask, config.input_size),
        "dead_filters": dead_filters(mask),
        "filters": sum(len(kept) for kept in mask.values()),
        "order": list(mask),  # the layers from input to output: JSON objects keep no order here
        "history": trained.history,
        "best_epoch": trained.best_epoch,
        "pictures": trained.pictures,
    }


def _measured(
    settings: SearchSettings, splits: dict[str, Samples], logits: dict[str, np.ndarray[Any, Any]]
) -> dict[str, Any]:
    """What the ticket states of itself: figures that it must reproduce, its calibration and operating point."""
    calibration = calibrate(logits["val"], splits["val"].targets)
    val = splits["val"]
    names, clusters = (val.rows[column].to_pylist() for column in ("video", "cluster"))
    points = operating_points(val.labels, calibration.fake(logits["val"]), names, clusters, settings.fpr)
    return {
        "metrics": {split: ticket_metrics(splits[split], logits[split]) for split in SCORED},
        "calibration": calibration.as_dict(),
        "operating_point": points,
    }


def ticket_metrics(split: Samples, logits: np.ndarray[Any, Any]) -> dict[str, float]:
    """The figures of logits (N, K) over a split that a ticket states and must reproduce: per video."""
    names, clusters = (split.rows[column].to_pylist() for column in ("video", "cluster"))
    videos = metrics.per_video(split.labels, fake_probability(logits), names, clusters)
    found = {
        "auc": metrics.auc(videos.labels, videos.scores),
        "accuracy": metrics.accuracy(videos.labels, videos.scores),
    }
    return {**found, "macro_auc": score_of(split, logits)} if split.classes else found


def _header(
    settings: SearchSettings,
    run: Run,
    facts: dict[str, Any],
    data: list[dict[str, str]],
    measured: dict[str, Any],
) -> dict[str, Any]:
    return {
        "detector": settings.detector.as_dict(),
        "classes": list(settings.names),
        "protocol": "; ".join(dict.fromkeys(d["protocol"] for d in data)),
        "data": data,
        "search": search_facts(settings, run),
        "training": settings.training.as_dict(),
        "choices": settings.choices.as_dict(),
        "sparsity": {k: facts[k] for k in ("sparsity", "macs_sparsity", "remaining", "prunable", "macs", "layers")},
        "best_epoch": facts["best_epoch"],
        **measured,
        **graph_facts(settings.detector),
    }


def search_facts(settings: SearchSettings, run: Run) -> dict[str, Any]:
    """What a ticket's header says of the search that it comes from."""
    return {
        "run": run.id,
        "method": run.method,
        "seed": run.seed,
        "scope": settings.scope,
        "score": settings.score,
        "rewind": settings.rewind,
        "kind": kind_of(settings.rewind, run.method),
        "level": run.level,
        "levels": list(settings.levels),
        "start": settings.start,
        "fakes": list(settings.fakes),
    }


def _content(header: dict[str, Any], mask: Mask, state: State) -> TicketFile:
    values = {name: np.where(kept, state[name].numpy(), np.float32(0)) for name, kept in mask.items()}
    rest = {name: tensor.numpy() for name, tensor in state.items() if name not in mask}
    return TicketFile(header, mask, values, rest)


def is_whole(place: Place, run: str) -> bool:
    """Whether a run of an unfinished search is done: its facts come last, after its ticket or its mask."""
    left = place.ticket(run).exists() or place.found(run).exists()
    return place.part(run, ".json").exists() and left


def run_facts(place: Place, run: str) -> dict[str, Any]:
    """The facts of a finished run, with its ticket's checksum where it leaves one."""
    facts = read_json(place.part(run, ".json"))
    if facts.get("finds"):
        return dict(facts)
    return {**facts, "ticket_sha256": hashlib.sha256(place.ticket(run).read_bytes()).hexdigest()}
