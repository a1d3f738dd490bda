"""One operation of PyTorch (ATen) as a network called it, and the register of what each is in an inference graph.

Versions of PyTorch break networks up into different operations (`batch_norm` or `native_batch_norm`), hence the several
names of some; one that works in place, such as `relu_`, goes by the other's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from clew.base.registry import Registry
from clew.tickets.tracing.values import Making, Padded, Refused, Sides, Tensor, Value


@dataclass(frozen=True)
class Call:
    """One operation: arguments by name, `shape` of its (first) result for one picture.

    Tensors among the arguments are what they stand for in the graph, or torch tensors where they are constants;
    `batch` is the number of pictures.
    """

    arguments: dict[str, Any]
    shape: Sides
    batch: int

    def get(self, key: str, usual: Any = None) -> Any:
        """An argument, or `usual` where the operation has none or None."""
        found = self.arguments.get(key)
        return usual if found is None else found

    def value(self, *keys: str) -> Value:
        """The value of the graph under the first of these names that is there; raises Refused for anything else."""
        found = next(self.arguments[key] for key in keys if key in self.arguments)
        if isinstance(found, Padded):
            raise Refused("it works on a border, which graphs know of convolutions and pooling alone")
        if not isinstance(found, Value):
            raise Refused("it works on weights or constants")
        return found

    def maps(self, *keys: str) -> Value:
        """As `value`, for maps alone."""
        found = self.value(*keys)
        if not found.maps:
            raise Refused(f"it works on {found.shape}, which are no maps (C, H, W)")
        return found

    def tensor(self, key: str, transposed: bool = False) -> str | None:
        """The name of a tensor of the state; None for None."""
        found = self.arguments.get(key)
        if found is None:
            return None
        if not isinstance(found, Tensor) or found.transposed != transposed:
            raise Refused(f"its {key} is no tensor of the network's state, as it stands there")
        return found.name


Counterpart = Callable[[Making, Call], Value | Padded | Tensor]
counterparts: Registry[Counterpart] = Registry("operation")


def counterpart(*names: str) -> Callable[[Counterpart], Counterpart]:
    """Registers what operations of these names are in a graph; the function raises Refused where they are nothing."""

    def add(function: Counterpart) -> Counterpart:
        for name in names:
            counterparts.register(name)(function)
        return function

    return add


def pair(found: Any) -> list[int]:
    """Two whole numbers, down and across, of what may be one for both."""
    numbers = [int(n) for n in (found if isinstance(found, Sequence) else [found])]
    if len(numbers) not in (1, 2):
        raise Refused("it does not work on maps (C, H, W)")
    return numbers * 2 if len(numbers) == 1 else numbers


def one_picture(call: Call, constant: torch.Tensor) -> torch.Tensor:
    """The part for one picture of a constant (batch, ...) that is the same for each."""
    if constant.shape[0] not in (1, call.batch) or not bool((constant == constant[:1]).all()):
        raise Refused("it works on a constant that is not the same for each picture")
    return constant[0].detach().double().cpu()
