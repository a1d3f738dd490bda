"""What a run of a search starts from: weights, step, mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.detectors.build import initial_state, network
from clew.detectors.layers import prunable, uses_per_weight
from clew.tickets import masks
from clew.tickets.file import TicketFile, read_ticket
from clew.tickets.given import given_state
from clew.tickets.ladder import open_ladder
from clew.tickets.masks import Mask
from clew.tickets.methods import methods
from clew.tickets.methods.base import Source
from clew.tickets.place import Place
from clew.tickets.runs import DENSE, Rewind, Run
from clew.tickets.settings import SearchSettings
from clew.tickets.ticket import state_in
from clew.training.blended import blend_batch
from clew.training.data import Samples, epoch_order
from clew.training.loop import Start, Trained, total_steps
from clew.training.weights import State, load_state, save_state


def start_of(place: Place, settings: SearchSettings, run: Run, train_split: Samples, writes: bool) -> Start:
    """The weights, mask and step that a run starts from; `writes` keeps the rewind point of a dense run."""
    rewind = Rewind.parse(settings.rewind)
    if run.method == DENSE:
        if run.weights_from:
            parent = read_ticket(place.ticket(run.weights_from))
            return Start(state_in(parent), mask=_torch_mask(parent.mask), flat=rewind.flat)
        return _first_start(place, settings, run, writes)
    ticket = _ticket(place, run)
    state, step = _weights(place, settings, run, rewind, ticket)
    method, source = methods.get(run.method), _source(place, settings, run, ticket, state, train_split)
    mask = method.mask(source)
    if not masks.remaining(mask):
        raise ClewError(f"{run.id}: no weight is left at {100 * run.level:g} %: choose lower levels.")
    steps = total_steps(settings.training, len(train_split))
    pruning = method.pruning(source, step, steps)
    settling = method.settling(source, steps // settings.training.epochs, steps) if run.finds else None
    return Start(state, step, _torch_mask(mask), rewind.flat and bool(run.weights_from), pruning, settling)


def _ticket(place: Place, run: Run) -> TicketFile | None:
    """The ticket that decides the mask; None where nothing is pruned yet."""
    if run.origin:
        if place.origin is None:
            raise ClewError(f"{run.id}: the ladder that its tickets come from is not told: clew tickets transfer.")
        return open_ladder(place.origin).ticket(run.origin, run.level, run.seed).content
    return read_ticket(place.ticket(run.mask_from)) if run.mask_from else None


def _weights(
    place: Place, settings: SearchSettings, run: Run, rewind: Rewind, ticket: TicketFile | None
) -> tuple[State, int]:
    """The weights of a ticket's or control's run, and the step of the schedule that it begins at."""
    if run.begins == "fresh":
        return initial_state(settings.detector, stable_seed("reinit", run.seed)), 0
    if run.begins == "trained" and ticket is not None:
        return state_in(ticket), 0
    if run.weights_from:
        return state_in(read_ticket(place.ticket(run.weights_from))), 0
    there = replace(place, ladder=place.origin) if run.origin and place.origin is not None else place
    return load_state(there.rewind(run.seed))[0], rewind.step


def _source(
    place: Place, settings: SearchSettings, run: Run, ticket: TicketFile | None, state: State, train_split: Samples
) -> Source:
    """What the run's method may look at."""
    config = settings.detector
    if ticket is not None:
        values, mask = ticket.values, ticket.mask
    else:
        values = {name: state[name].numpy() for name in prunable(network(config))}
        mask = found_mask(place, run.found_by) if run.found_by else masks.full_mask(values)

    def module() -> nn.Module:
        built = network(config)
        built.load_state_dict(state)
        return built

    def examples(count: int) -> tuple[Tensor, Tensor]:
        return _examples(settings, train_split, run.seed, count)

    uses = uses_per_weight(network(config), config.input_size)
    return Source(run, settings.scope, settings.score, values, mask, uses, config.input_size, module, examples)


def _examples(settings: SearchSettings, split: Samples, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Images (N, 3, H, W) in [0, 1] of the training split, not augmented, as many of each class; targets (N,)."""
    key = stable_seed("examples", seed)
    chosen = epoch_order(split.targets, key, 0, balance=True)[:count]
    crops, targets = split.crops(chosen, settings.detector.input_size), split.targets[chosen]
    if settings.training.blend:
        crops, targets = blend_batch(crops, targets, np.random.default_rng(key))
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(targets)


def _first_start(place: Place, settings: SearchSettings, run: Run, writes: bool) -> Start:
    """The dense net's start: fresh weights of this seed, or the given ones."""
    state = initial_point(place, settings, run.seed)
    if settings.rewind == "init" and writes:
        save_state(place.rewind(run.seed), state)
    names = prunable(network(settings.detector))
    return Start(state, mask={name: torch.ones_like(state[name], dtype=torch.bool) for name in names})


def initial_point(place: Place, settings: SearchSettings, seed: int) -> State:
    """What the dense net of a seed starts from: fresh weights, or the given ones."""
    key = stable_seed("init", seed)
    if place.weights is None:
        return initial_state(settings.detector, key)
    return given_state(place.weights, settings.detector, key)


def rewind_savers(place: Place, settings: SearchSettings, run: Run) -> dict[int, Callable[[State], None]]:
    """What keeps the rewind points of a dense run that lie on its way: at each step what to call there."""
    if run.method != DENSE or run.weights_from:
        return {}
    rewind = Rewind.parse(settings.rewind)
    points = [*place.points, *([(rewind.step, place.ladder)] if rewind.kind == "step" else [])]
    found: dict[int, list[Path]] = {}
    for step, ladder in points:
        found.setdefault(step, []).append(replace(place, ladder=ladder).rewind(run.seed))
    return {step: partial(_save_all, paths) for step, paths in found.items()}


def _save_all(paths: Sequence[Path], state: State) -> None:
    for path in paths:
        save_state(path, state)


def leave_mask(place: Place, run: Run, start: Start, trained: Trained) -> Mask:
    """Writes the mask that a run has found, for the runs that take it, and returns it.

    It is the one that settled; where none did, what pruning the weights of the best epoch gives.
    """
    if trained.settled is not None:
        mask = {name: kept.numpy() for name, kept in trained.settled.items()}
    else:
        if start.settling is None:
            raise ValueError(f"{run.id} finds no mask")
        before = {name: kept.numpy() for name, kept in start.mask.items()}
        values = {name: trained.state[name].float().numpy() for name in before}
        mask = start.settling.prune(values, before, start.settling.target)
    save_state(place.found(run.id), _torch_mask(mask))
    return mask


def found_mask(place: Place, run: str) -> Mask:
    """The mask that a run has found."""
    return {name: kept.numpy() for name, kept in load_state(place.found(run))[0].items()}


def _torch_mask(mask: Mask) -> dict[str, Tensor]:
    return {name: torch.from_numpy(kept) for name, kept in mask.items()}
