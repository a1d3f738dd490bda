"""Given weights that a search starts from: a training run, a ticket, or somebody's file of weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import initial_state, network
from clew.tickets.file import read_ticket
from clew.tickets.ladder import TICKETS
from clew.tickets.ticket import state_in
from clew.training.importing import Foreign, read_weights
from clew.training.importing.fitting import fit_foreign
from clew.training.importing.reading import classes_in, classifier_of
from clew.training.weights import State

LONGEST_HEADER = 100 * 2**20  # bytes; safetensors itself reads no longer one


@dataclass(frozen=True)
class Given:
    """Weights to start from: the whole `state`, and a `note` for the user, "" where there is nothing to say."""

    state: State
    note: str


def given_file(path: Path) -> Path:
    """The file of weights that `path` (a folder of `clew train`, a ticket, or weights) stands for."""
    dense = sorted((path / TICKETS).glob("dense-s*.safetensors")) if path.is_dir() else []
    if len(dense) > 1:
        raise ClewError(f"{path} holds {len(dense)} dense nets: name one of them, such as {dense[0]}.")
    found = dense[0] if dense else path
    if not found.is_file():
        raise ClewError(
            f"{path} holds no weights: name a run of 'clew train', a ticket, or a .safetensors, .pth or .h5 file."
        )
    return found


def given_start(path: Path, config: Config, seed: int = 0) -> Given:
    """The state in given weights, checked against the detector; raises ClewError when it does not fit.

    Where the weights tell another number of classes apart, their classifier is left out, and the fresh one of
    `initial_state(config, seed)` takes its place.
    """
    found = _foreign(path, config)
    if found.classes == config.classes:
        return Given(found.state, "")
    fresh = initial_state(config, seed)
    classifier = classifier_of(config, network(config))
    replaced = {name: value for name, value in fresh.items() if name.startswith(f"{classifier}.")}
    note = (
        f"{path}: its classifier of {_classes(found.classes)} is replaced by a fresh one of {_classes(config.classes)}"
    )
    return Given({**found.state, **replaced}, note)


def given_state(path: Path, config: Config, seed: int = 0) -> State:
    """The state of `given_start`."""
    return given_start(path, config, seed).state


def given_note(path: Path, config: Config) -> str:
    """What the user should know of a start from given weights, "" for nothing; raises ClewError as `given_start`."""
    return given_start(path, config).note


def is_ticket(path: Path) -> bool:
    """Whether a file is a Clew ticket, whole or not, by its header; plain weights are none."""
    try:
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if not 0 < length <= min(LONGEST_HEADER, path.stat().st_size - 8):
                return False
            metadata: Any = json.loads(handle.read(length)).get("__metadata__") or {}
        return "seal" in json.loads(metadata.get("clew", "{}"))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return False


def _foreign(path: Path, config: Config) -> Foreign:
    if not is_ticket(path):
        return read_weights(path, config)
    ticket = read_ticket(path)
    theirs = ticket.header["detector"]
    if theirs["name"] != config.name:
        raise ClewError(f"{path} is a ticket of {theirs['name']}, the search is for {config.name}.")
    module = network(config)
    classifier = classifier_of(config, module)
    state = fit_foreign(module, state_in(ticket), str(path), classifier)
    return Foreign(state, classes_in(state, classifier, config), "ticket")


def _classes(number: int) -> str:
    return "one logit" if number == 1 else f"{number:,} classes"
