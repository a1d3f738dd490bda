"""The inference graph of a network, and what a ticket's header says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import network
from clew.runtime.graph import Graph, parse_graph, shapes_of
from clew.tickets.tracing import arithmetic, layers, pooling, shapes  # noqa: F401  # each registers what it knows
from clew.tickets.tracing.recorder import META, Recorder
from clew.tickets.tracing.values import Making, Missing, Tensor, Value

BATCH = 7  # pictures: a number that few networks have as a size, so that a mix-up of axes is seen


def traced(module: nn.Module, input_size: int) -> Graph:
    """The graph of a network (B, 3, H, W) -> (B, K) in evaluation mode, for pictures of `input_size` pixels a side.

    Its nodes name tensors as `module.state_dict()` does; only what the output needs is in it. The network is left as
    it was. Raises ClewError naming the operation and the module that have no counterpart in a graph.
    """
    name, make = type(module).__name__, Making((3, input_size, input_size))
    recorder = Recorder(make, BATCH)
    images = torch.empty(BATCH, *make.input, device=META)
    recorder.note(images, make.image)
    state = _state(module, recorder)
    try:
        with evaluating(module), torch.no_grad(), recorder.following(module), recorder:
            output = functional_call(module, state, (images,))
    except Exception as error:  # whatever somebody's code may raise when its tensors have no numbers
        why = str(error).partition("\n")[0].rstrip(".")
        raise ClewError(f"{name} cannot be followed in {recorder.where} ({type(error).__name__}: {why}).") from error
    entry = recorder.known.get(id(output))
    if isinstance(entry, Missing):
        why = f" ({entry.why})" if entry.why else ""
        raise ClewError(f"{name}: '{entry.op}' in {entry.where} has no counterpart in an inference graph{why}.")
    if not isinstance(entry, Value) or entry.maps or len(entry.shape) != 1:
        raise ClewError(f"{name}: expected logits (B, K) made of the picture, found {_told(output)}.")
    return _checked(make.finished(entry), module, entry.shape)


def _state(module: nn.Module, recorder: Recorder) -> dict[str, torch.Tensor]:
    """The network's state without numbers, by name, and copies of its other buffers: those are constants.

    A tensor that has two names is one here too, and goes by the first.
    """
    made: dict[int, torch.Tensor] = {}
    state: dict[str, torch.Tensor] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, torch.Tensor):
            continue
        if id(tensor) not in made:
            bare = made[id(tensor)] = torch.empty_like(tensor.detach(), device=META)
            other = Missing(f"'{name}'", "the network's state", f"it is {tensor.dtype}, graphs know float32 alone")
            recorder.note(bare, Tensor(name, tuple(bare.shape)) if bare.dtype == torch.float32 else other)
        state[name] = made[id(tensor)]
    return state | {name: t.detach().clone() for name, t in module.named_buffers() if name not in state}


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every part of the network is in its own mode again afterwards."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def _checked(graph: Graph, module: nn.Module, output: tuple[int, ...]) -> Graph:
    """The graph, as it can be read again from a file; raises ClewError where its own rules forbid it."""
    tensors = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    try:
        read = parse_graph(json.loads(json.dumps(graph.as_dict(), allow_nan=False)))
        found = shapes_of(read, tensors)[read.output]
    except ValueError as error:
        raise ClewError(f"{type(module).__name__} has no inference graph: {error}.") from error
    if found != output:
        raise ClewError(f"{type(module).__name__}: its graph ends in {found}, the network in {output}.")
    return read


def _told(output: Any) -> str:
    shape = f" {tuple(output.shape)}" if isinstance(output, torch.Tensor) else ""
    return f"{type(output).__name__}{shape}"


def graph_facts(config: Config) -> dict[str, Any]:
    """What a ticket's header says of its network's graph: `graph`, or null and the `graph_reason`."""
    graph, reason = _found(json.dumps(config.as_dict(), sort_keys=True))
    return {"graph": None, "graph_reason": reason} if graph is None else {"graph": graph.as_dict()}


@cache
def _found(config: str) -> tuple[Graph | None, str]:
    """The graph of a network, traced once in a process: a search writes dozens of tickets of one."""
    found = Config(**json.loads(config))
    try:
        return traced(network(found), found.input_size), ""
    except ClewError as error:
        return None, str(error)
