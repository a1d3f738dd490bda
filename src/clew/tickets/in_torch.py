"""A ticket's network in PyTorch, as functions from images to logits: masked, and compact."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from clew.runtime.compact import compacted
from clew.runtime.forms import Logits
from clew.runtime.graph import IMAGE, Graph, Node
from clew.runtime.opened import Opened
from clew.tickets.ticket import Ticket
from clew.training.choices import thread_count

Tensors = Mapping[str, Tensor]


def masked(ticket: Opened, threads: int) -> Logits:
    """The network of the ticket with its mask applied, channels last: every multiplication by zero is done."""
    module = Ticket(ticket.content, str(ticket.path)).detector()
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return _function(module, threads)


def compact(ticket: Opened, threads: int) -> Logits:
    """The network of the ticket's graph without its dead channels."""
    small = compacted(ticket.graph, ticket.tensors)
    tensors = {name: torch.from_numpy(np.array(tensor)) for name, tensor in small.tensors.items()}
    for name, tensor in tensors.items():
        if tensor.ndim == 4:
            tensors[name] = tensor.to(memory_format=torch.channels_last)
    return _function(lambda images: run_graph(small.graph, tensors, images), threads)


def _function(module: Callable[[Tensor], Tensor], threads: int) -> Logits:
    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with thread_count(threads), torch.inference_mode():
            found = module(torch.from_numpy(images).to(memory_format=torch.channels_last))
        return found.numpy()

    return logits


def run_graph(graph: Graph, tensors: Tensors, images: Tensor) -> Tensor:
    """Logits (B, K) of images (B, 3, H, W) by a graph whose tensors are these."""
    values = {IMAGE: images}
    for node in graph.nodes:
        values[node.output] = RUN[node.op](node, tensors, *(values[name] for name in node.inputs))
    out = values[graph.output]
    return out.expand(len(images), -1)


def _tensor(node: Node, tensors: Tensors, key: str) -> Tensor | None:
    return None if node[key] is None else tensors[node[key]]


def _padded(node: Node, x: Tensor, value: float) -> Tensor:
    top, left, bottom, right = node["padding"]
    return F.pad(x, (left, right, top, bottom), value=value) if any(node["padding"]) else x


def _conv2d(node: Node, tensors: Tensors, x: Tensor) -> Tensor:
    top, left, bottom, right = node["padding"]
    even = (top, left) == (bottom, right)
    x = x if even else _padded(node, x, 0.0)
    padding = (top, left) if even else (0, 0)
    weight, bias = tensors[node["weight"]], _tensor(node, tensors, "bias")
    return F.conv2d(x, weight, bias, tuple(node["stride"]), padding, tuple(node["dilation"]), node["groups"])


def _linear(node: Node, tensors: Tensors, x: Tensor) -> Tensor:
    return F.linear(x, tensors[node["weight"]], _tensor(node, tensors, "bias"))


def _batch_norm(node: Node, tensors: Tensors, x: Tensor) -> Tensor:
    mean, var, weight, bias = (_tensor(node, tensors, key) for key in ("mean", "var", "weight", "bias"))
    return F.batch_norm(x, mean, var, weight, bias, eps=node["eps"])


def _affine(node: Node, tensors: Tensors, x: Tensor) -> Tensor:
    shape = (-1, 1, 1) if x.ndim == 4 else (-1,)
    scale, shift = (torch.tensor(node[key], dtype=x.dtype).view(shape) for key in ("scale", "shift"))
    return x * scale + shift


def _max_pool(node: Node, tensors: Tensors, x: Tensor) -> Tensor:
    return F.max_pool2d(_padded(node, x, -torch.inf), node["kernel"], node["stride"])


def _avg_pool(node: Node, tensors: Tensors, x: Tensor) -> Tensor:
    found = F.avg_pool2d(_padded(node, x, 0.0), node["kernel"], node["stride"])
    if node["count_padding"] or not any(node["padding"]):
        return found
    counted = F.avg_pool2d(_padded(node, torch.ones_like(x[:1, :1]), 0.0), node["kernel"], node["stride"])
    return found / counted


def _mul(node: Node, tensors: Tensors, x: Tensor, y: Tensor) -> Tensor:
    return x * (y if y.ndim == x.ndim else y[:, :, None, None])


def _constant(node: Node, tensors: Tensors) -> Tensor:
    return torch.tensor(node["values"], dtype=torch.float32)[None]


def _concat(node: Node, tensors: Tensors, *parts: Tensor) -> Tensor:
    rows = max(len(part) for part in parts)
    return torch.cat([part.expand(rows, *part.shape[1:]) for part in parts], 1)


def _plain(function: Callable[..., Tensor], *keys: str) -> Callable[..., Tensor]:
    return lambda node, tensors, x: function(x, *(node[key] for key in keys))


RUN: dict[str, Callable[..., Tensor]] = {
    "affine": _affine,
    "conv2d": _conv2d,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "max_pool2d": _max_pool,
    "avg_pool2d": _avg_pool,
    "global_mean": _plain(lambda x: x.mean((2, 3))),
    "flatten": _plain(lambda x: x.flatten(1)),
    "add": lambda node, tensors, x, y: x + y,
    "mul": _mul,
    "concat": _concat,
    "constant": _constant,
    "relu": _plain(F.relu),
    "leaky_relu": _plain(F.leaky_relu, "slope"),
    "clip": _plain(torch.clamp, "low", "high"),
    "sigmoid": _plain(torch.sigmoid),
    "silu": _plain(F.silu),
    "gelu": _plain(F.gelu),
    "hardswish": _plain(F.hardswish),
    "hardsigmoid": _plain(F.hardsigmoid),
}
