"""Critical features: bands of frequency, surviving filters, what is forgotten, the clues of networks with blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.progress import Progress, Task
from clew.explain.band_table import Banded, band_table
from clew.explain.bands import Response, band_response, joined
from clew.explain.clue_table import Watched, clue_table
from clew.explain.clues import Clues, blocks_of, clues_of
from clew.explain.flips import flip_table
from clew.explain.nets import Nets
from clew.explain.seen import Seen
from clew.explain.shelf import Shelf
from clew.explain.surviving import surviving_filters
from clew.tickets.evaluation.models import Member, Model
from clew.tickets.evaluation.samples import take
from clew.tickets.evaluation.scoring import placed
from clew.tickets.ladder import SCHEMA
from clew.tickets.runs import DENSE
from clew.training.choices import thread_count

BATCH = 16


def bands(seen: Seen, shelf: Shelf, task: Task) -> dict[str, Any]:
    """The `band_table` of all nets on the slow pictures; `task` advances by a step for each of them and each ticket."""
    models = seen.nets.models
    references = {(one.model.method, one.model.level): one.reference for one in seen.nets.levels}
    found = []
    for model in models:
        reference = references.get((model.method, model.level))
        against = None if reference is None else (reference.method, reference.level)
        found.append(Banded(model.method, model.level, model.seeds, _response(seen, model, shelf, task), against))
    samples = take(seen.subject.samples, seen.subject.slow)
    return band_table(samples, seen.subject.size, found, seen.resamples)


def _response(seen: Seen, model: Model, shelf: Shelf, task: Task) -> Response:
    """The response of a model's S nets, net after net."""
    parts = [_of_ticket(seen, member, shelf, task) for member in model.members]
    logits = np.concatenate([part.logits for part in parts])
    return Response(logits, parts[0].clipped, parts[0].energy)


def _of_ticket(seen: Seen, member: Member, shelf: Shelf, task: Task) -> Response:
    slow = seen.subject.slow
    key = [member.seal, *seen.subject.key, slow.tolist()]
    found = shelf.measure(f"bands-{member.path.stem}", key, lambda: _measured(seen, member, slow))
    task.advance(len(slow), member.path.stem)
    return Response(
        np.array(found["logits"], np.float32), *(np.array(found[name], np.float64) for name in ("clipped", "energy"))
    )


def _measured(seen: Seen, member: Member, slow: NDArray[np.int64]) -> dict[str, Any]:
    net = placed(member.ticket().detector(), member.choices)
    with thread_count(member.choices.threads), torch.inference_mode():
        parts = [
            band_response([net], seen.subject.images(positions).to(member.choices.device))
            for positions in seen.subject.batches(slow, BATCH)
        ]
    whole = joined(parts)
    return {name: getattr(whole, name).tolist() for name in ("logits", "clipped", "energy")}


def has_blocks(nets: Nets) -> bool:
    """Whether the network has local blocks whose clues can be compared."""
    try:
        return bool(blocks_of(nets.dense.members[0].ticket().detector()))
    except ClewError:
        return False


def clues(seen: Seen, shelf: Shelf, task: Task) -> dict[str, Any]:
    """The `clue_table` of all nets on the slow pictures; `task` advances by a step for each of them and each ticket."""
    references = {(one.model.method, one.model.level): one.reference for one in seen.nets.levels}
    found = []
    for model in seen.nets.models:
        reference = references.get((model.method, model.level))
        against = None if reference is None else (reference.method, reference.level)
        parts = tuple(_clues_of(seen, member, shelf, task) for member in model.members)
        found.append(Watched(model.method, model.level, model.seeds, parts, against))
    return clue_table(take(seen.subject.samples, seen.subject.slow), found, seen.resamples)


def _clues_of(seen: Seen, member: Member, shelf: Shelf, task: Task) -> Clues:
    dense, slow = seen.nets.dense_of(member.seed), seen.subject.slow
    key = [member.seal, *seen.subject.key, slow.tolist(), *seen.lens.key(dense)]
    found = shelf.measure(f"clues-{member.path.stem}", key, lambda: _clues(seen, member, dense).as_dict())
    task.advance(len(slow), member.path.stem)
    return Clues.from_dict(found)


def _clues(seen: Seen, member: Member, dense: Member) -> Clues:
    """Of the network as it is: where all fakes are the target, each picture's likeliest kind by the dense net."""
    net, device = placed(member.ticket().detector(), member.choices), member.choices.device
    targets = seen.targets[member.seed]
    if seen.lens.target.joint:
        targets = 1 + seen.logits[dense.seal][:, 1:].argmax(1)
    with thread_count(member.choices.threads):
        batches = (
            (seen.subject.images(positions).to(device), torch.from_numpy(targets[positions]).to(device))
            for positions in seen.subject.batches(seen.subject.slow, BATCH)
        )
        return clues_of(net, batches)


def filters(nets: Nets, progress: Progress) -> dict[str, Any] | None:
    """The `surviving_filters` of the explained method and seeds; None of a ladder that has dense nets alone."""
    if not nets.levels:
        return None
    levels = [one.model.level for one in nets.levels]
    return surviving_filters(nets.ladder, (nets.method,), levels, progress, nets.seeds)


def flips(seen: Seen, own: bool) -> dict[str, Any] | None:
    """The `flip_table` of the explained method: of the ladder's whole test split on its own data, else of the pictures.

    {"whole" (whether it is the whole test split), ...}; None of a ladder that has dense nets alone.
    """
    if not seen.nets.levels:
        return None
    whole = own and len(seen.nets.ladder.facts["data"]) == 1
    return {"whole": whole, **flip_table(_own_scores(seen.nets) if whole else _scores(seen), seen.resamples)}


def _own_scores(nets: Nets) -> pa.Table:
    """The ladder's scores of the dense nets and of the method at its levels, of the chosen seeds."""
    scores = nets.ladder.scores
    method, _, controls = nets.method.partition("-of-")
    level = pa.array([one.model.level for one in nets.levels], pa.float64())
    own = pc.and_(pc.equal(scores["method"], method), pc.equal(scores["controls"], controls))
    own = pc.and_(own, pc.is_in(scores["level"], value_set=level))
    dense = pc.and_(
        pc.equal(scores["method"], DENSE),
        pc.is_in(scores["controls"], value_set=pa.array(["", controls or method], pa.string())),
    )
    seeds = pc.is_in(scores["seed"], value_set=pa.array(nets.seeds, pa.int32()))
    return scores.filter(pc.and_(pc.or_(own, dense), seeds))


def _scores(seen: Seen) -> pa.Table:
    """The scores of the pictures by all nets, as a ladder keeps its own."""
    rows = seen.subject.samples.rows
    names = {"sample": "sample", "label": "label", "video": "video", "cluster": "cluster", "method": "forgery"}
    about = {told: rows[name].to_pylist() for name, told in {**names, "compression": "compression"}.items()}
    budgets = {(one.reference.method, one.reference.level): seen.nets.method for one in seen.nets.levels}
    parts = []
    for model in seen.nets.models:
        method, _, controls = model.method.partition("-of-")
        if method == DENSE and model.level:  # trained on for as long as the level of a method
            controls = budgets[model.method, model.level]
        for member in model.members:
            place = {"run": member.path.stem, "seed": member.seed, "method": method, "scope": "", "rewind": ""}
            place |= {"level": model.level, "controls": controls, "store": seen.subject.store.name, "split": "test"}
            columns = {**{key: [value] * rows.num_rows for key, value in place.items()}, **about}
            parts.append(pa.table({**columns, "logits": seen.logits[member.seal].tolist()}, schema=SCHEMA))
    return pa.concat_tables(parts)
