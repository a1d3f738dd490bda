"""Given weights that a search starts from: a training run, a ticket, or somebody's file of weights."""

from __future__ import annotations

from pathlib import Path

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import network
from clew.tickets.file import TicketFile, parse_ticket
from clew.tickets.ladder import TICKETS
from clew.tickets.ticket import state_in
from clew.training.weights import State, fit_state, load_weights


def given_file(path: Path) -> Path:
    """The file of weights that `path` (a folder of `clew train`, a ticket, or weights) stands for."""
    dense = sorted((path / TICKETS).glob("dense-s*.safetensors")) if path.is_dir() else []
    if len(dense) > 1:
        raise ClewError(f"{path} holds {len(dense)} dense nets: name one of them, such as {dense[0]}.")
    found = dense[0] if dense else path
    if not found.is_file():
        raise ClewError(
            f"{path} holds no weights: name a run of 'clew train', a ticket, or a .safetensors or .pth file."
        )
    return found


def given_state(path: Path, config: Config) -> State:
    """The state in given weights, checked against the detector; raises ClewError when it does not fit."""
    module = network(config)
    ticket = _as_ticket(path)
    if ticket is None:
        return fit_state(module, load_weights(path), str(path))
    if ticket.header["detector"]["name"] != config.name:
        raise ClewError(f"{path} is a ticket of {ticket.header['detector']['name']}, the search is for {config.name}.")
    return fit_state(module, state_in(ticket), str(path))


def _as_ticket(path: Path) -> TicketFile | None:
    """The ticket in a .safetensors file, None when it holds plain weights; a damaged ticket is an error."""
    if path.suffix != ".safetensors" or b'"clew"' not in path.read_bytes()[:4096]:
        return None
    try:
        return parse_ticket(path.read_bytes())
    except (ValueError, KeyError, TypeError) as error:
        raise ClewError(f"{path} is not a whole ticket ({error}).") from None
