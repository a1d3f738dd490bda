"""Somebody's tensors as the state of a network: every name, shape and number looked at before it is used."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.training.importing.names import renamed
from clew.training.weights import State

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
MOST_CLASSES = 10_000


def fit_foreign(module: nn.Module, state: State, where: str, classifier: str) -> State:
    """`state` under the network's names and in its types; only the classifier may have another number of rows.

    `classifier` is the name of the last layer, "" where it must fit too. Raises ClewError naming the file and the
    first tensor that is missing, of another shape, left over, of a strange type, or not finite.
    """
    own = module.state_dict()
    named = renamed(state, own, classifier)
    shapes = _expected(own, named, classifier)
    for name, shape in shapes.items():
        if name not in named:
            raise ClewError(f"{where} lacks '{name}' (it holds {_some(state)}): it belongs to another detector.")
        if not _fits(named[name], shape):
            raise ClewError(
                f"{where}: '{name}' has shape {tuple(named[name].shape)}, expected {shape}: "
                "it belongs to another detector, input size or options."
            )
    surplus = sorted(set(named) - set(own))
    if surplus:
        raise ClewError(f"{where} holds {_quoted(surplus[0])}, which this detector does not have.")
    return {name: _plain(named[name], own[name], shapes[name], f"{where}: '{name}'") for name in own}


def _expected(own: State, named: State, classifier: str) -> dict[str, tuple[int, ...]]:
    """The shape that each tensor must have; the classifier's rows are as many as the file's."""
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    found = named.get(f"{classifier}.weight")
    if classifier and found is not None and found.ndim and 1 <= found.shape[0] <= MOST_CLASSES:
        for name in (f"{classifier}.weight", f"{classifier}.bias"):
            if name in shapes:
                shapes[name] = (found.shape[0], *shapes[name][1:])
    return shapes


def _fits(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether a tensor has a shape; old files keep a 1x1 convolution's (O, I, 1, 1) as (O, I)."""
    found = tuple(tensor.shape)
    return found == shape or (len(found) == 2 and (*found, 1, 1) == shape)


def _plain(tensor: Tensor, own: Tensor, shape: tuple[int, ...], what: str) -> Tensor:
    """A dense tensor of the network's type; raises ClewError when that would change what it says."""
    floating = own.dtype.is_floating_point
    if (
        tensor.layout != torch.strided
        or tensor.device.type != "cpu"
        or tensor.dtype not in (FLOATS if floating else INTEGERS)
    ):
        raise ClewError(f"{what} is {tensor.dtype}, {tensor.layout}: expected {'floats' if floating else 'integers'}.")
    plain = tensor.detach().to(own.dtype).reshape(shape).clone(memory_format=torch.contiguous_format)
    if floating and not bool(torch.isfinite(plain).all()):
        raise ClewError(f"{what} holds numbers that are not finite (NaN or infinity): these weights are spoiled.")
    if what.endswith("running_var'") and bool((plain < 0).any()):
        raise ClewError(f"{what} holds negative variances: these weights are spoiled or in another order.")
    return plain


def _some(state: State) -> str:
    names = [_quoted(name) for name in list(state)[:2]]
    return ", ".join([*names, "..."]) if len(state) > 2 else ", ".join(names)


def _quoted(name: str) -> str:
    """Somebody's name for a tensor, on one line and not too long."""
    return repr(name[:80])
