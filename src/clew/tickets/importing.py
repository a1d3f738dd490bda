"""From others' weights to a ticket: dense, unmeasured, with a word on where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.detectors.base import Config
from clew.detectors.build import network, resolve
from clew.detectors.layers import prunable, uses_per_weight
from clew.tickets import masks
from clew.tickets.file import TicketFile, write_ticket
from clew.tickets.given import is_ticket
from clew.tickets.header import FORMAT, MOST_CLASSES
from clew.tickets.masks import Mask
from clew.tickets.ticket import Ticket
from clew.tickets.tracing import graph_facts
from clew.training.importing import Foreign, read_weights
from clew.training.importing.content import content_of
from clew.training.weights import State, fit_state

IMPORTED = "imported"
PROTOCOL = "as-given"
HEADS = (nn.Linear, nn.Conv2d)


def import_weights(
    path: Path | str,
    detector: str,
    out: Path | str,
    input_size: int | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
    real: int = 0,
) -> Ticket:
    """Reads somebody's weights (Keras .h5, .safetensors, .pth) for a detector and writes them to `out` as a ticket.

    The number of classes is that of the weights' classifier; `real` says which of them is real, and of a single
    logit whether it speaks for real (0) or for fake (1): the ticket has real first. No weight is pruned, not even
    one that is zero. `input_size` in pixels (None: the detector's own) and `options` as for `build`. Raises
    ClewError when the file is damaged, unsafe to read, belongs to another network, tells other than `classes` (if
    given) apart, or when `out` is there and no ticket.
    """
    path, out = Path(path), Path(out)
    _check_out(out)
    content_of(path)
    if is_ticket(path):
        raise ClewError(f"{path} is a ticket already: use it as it is.")
    asked = resolve(detector, input_size, classes or 2, options)
    found = read_weights(path, asked)
    if classes is not None and found.classes != classes:
        raise ClewError(
            f"{path}: the weights have {_count(found.classes)}, asked for {_count(classes)}: leave --classes out, or "
            "train from them with 'clew train --from', which gives them a fresh classifier."
        )
    config = replace(asked, classes=found.classes)
    state = real_first(fit_state(network(config), found.state, str(path)), config, real, str(path))
    content = _content(config, state, path, found, real)
    write_ticket(out, content)
    return Ticket(content, str(out))


def real_first(state: State, config: Config, real: int, where: str) -> State:
    """A state whose class `real` has become class 0 in every head; a single logit for fake (1) becomes one for real.

    Raises ClewError for a class that is not there, and for a network whose classes are more than rows of its heads.
    """
    if not real:
        return state
    if not 0 <= real < config.outputs:
        raise ClewError(
            f"{where}: --real {real}: expected 0 to {config.outputs - 1}, as it has {_count(config.classes)}."
        )
    names = _by_class(config, f"{where}: --real {real}")
    if config.classes == 1:
        return {**state, **{name: -state[name] for name in names}}
    order = [real, *(row for row in range(config.classes) if row != real)]
    return {**state, **{name: state[name][order] for name in names}}


def _by_class(config: Config, what: str) -> list[str]:
    """The tensors that have a row for each class: weights and biases of every head, found by a class more or less."""
    module = network(config)
    others = network(replace(config, classes=config.classes + (-1 if config.classes == MOST_CLASSES else 1)))
    other = others.state_dict()
    names = [name for name, own in module.state_dict().items() if own.shape != other[name].shape]
    for name in names:
        own, part = module.state_dict()[name].shape, module.get_submodule(name.rpartition(".")[0])
        rows = own[0] == config.classes and own[1:] == other[name].shape[1:]
        if not rows or not isinstance(part, HEADS):
            raise ClewError(f"{what}: '{name}' of {config.name} is no plain head by class; reorder it in the file.")
    if not names:
        raise ClewError(f"{what}: {config.name} has no head with a row for each class; reorder it in the file.")
    return names


def class_names(classes: int) -> list[str]:
    """What the classes of others' weights are called: real and fake, or real and so many unnamed methods."""
    return ["real", "fake"] if classes <= 2 else ["real", *(f"method {number}" for number in range(1, classes))]


def _check_out(out: Path) -> None:
    if out.exists() and not (out.is_file() and is_ticket(out)):
        raise ClewError(f"{out} exists and is not a ticket: choose another --out.")


def _content(config: Config, state: State, path: Path, found: Foreign, real: int) -> TicketFile:
    module = network(config)
    values = {name: state[name].numpy() for name in prunable(module)}
    rest = {name: tensor.numpy() for name, tensor in state.items() if name not in values}
    mask = masks.full_mask(values)
    numbers = sum(
        array.size for name, array in (*values.items(), *rest.items()) if np.issubdtype(array.dtype, np.floating)
    )
    source = {"file": _told(path.name), "sha256": hash_file(path), "form": found.form, "parameters": numbers}
    counts = _counts(mask, uses_per_weight(module, config.input_size))
    return TicketFile(_header(config, {**source, "real": real}, counts), mask, values, rest)


def _told(name: str) -> str:
    """A file's name as text: one that is no text gets question marks."""
    return name.encode(errors="replace").decode()


def _counts(mask: Mask, uses: Mapping[str, int]) -> dict[str, Any]:
    return {
        "sparsity": 0.0,
        "macs_sparsity": 0.0,
        "remaining": masks.remaining(mask),
        "prunable": masks.prunable_count(mask),
        "macs": sum(uses[name] * kept.size for name, kept in mask.items()),
        "layers": masks.layer_counts(mask),
    }


def _header(config: Config, source: dict[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
    """The fields of any ticket's header; those of a training are empty."""
    return {
        "format": FORMAT,
        "detector": config.as_dict(),
        "classes": class_names(config.classes),
        "protocol": PROTOCOL,
        "source": source,
        "data": [{"name": source["file"], "hash": source["sha256"], "protocol": PROTOCOL}],
        "search": {
            "run": IMPORTED,
            "method": IMPORTED,
            "seed": None,
            "scope": "",
            "rewind": "",
            "kind": "",
            "level": 0.0,
            "levels": [],
            "start": source["sha256"],
        },
        "training": {},
        "choices": {},
        "sparsity": counts,
        "best_epoch": None,
        "metrics": {},
        "calibration": None,
        "operating_point": None,
        **graph_facts(config),
    }


def _count(classes: int) -> str:
    return "1 class (a single logit)" if classes == 1 else f"{classes:,} classes"
