"""Which Keras layer is which of ours, for every detector that there are Keras weights of: one entry each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from clew.base.registry import Registry


@dataclass(frozen=True)
class KerasLayout:
    """The layers with weights, kind by kind, in the order in which the original's code makes them.

    `flat` is the dense layer that sees the flattened maps. `by_depth` gives the convolutions in the order in which
    Keras lists a model's layers (by depth) where that is another one: files without numbered names have only that.
    """

    convs: tuple[str, ...]
    norms: tuple[str, ...]
    denses: tuple[str, ...]
    flat: str = ""
    by_depth: tuple[str, ...] = ()


keras_layouts: Registry[Callable[[nn.Module], KerasLayout]] = Registry("detector with a Keras layout")


@keras_layouts.register("meso4")
def _meso4(module: nn.Module) -> KerasLayout:
    numbers = range(4)
    return KerasLayout(
        convs=tuple(f"blocks.{n}.0" for n in numbers),
        norms=tuple(f"blocks.{n}.2" for n in numbers),
        denses=("hidden", "head"),
        flat="hidden",
    )


@keras_layouts.register("mesoinception4")
def _mesoinception4(module: nn.Module) -> KerasLayout:
    first = [tuple(f"inceptions.{n}.branches.{branch}.0" for branch in range(4)) for n in range(2)]
    second = [tuple(f"inceptions.{n}.branches.{branch}.2" for branch in (1, 2, 3)) for n in range(2)]
    ends = ("blocks.0.0", "blocks.1.0")
    made = [name for n in range(2) for name in _branch_by_branch(first[n], second[n])]
    # By depth the short first branch joins late: its 1x1 convolution stands beside the others' 3x3 ones.
    deep = [name for n in range(2) for name in (*first[n][1:], first[n][0], *second[n])]
    return KerasLayout(
        convs=(*made, *ends),
        norms=("inceptions.0.norm", "inceptions.1.norm", "blocks.0.2", "blocks.1.2"),
        denses=("hidden", "head"),
        flat="hidden",
        by_depth=(*deep, *ends),
    )


def _branch_by_branch(first: tuple[str, ...], second: tuple[str, ...]) -> list[str]:
    """The 1x1 convolution of the first branch, then each other branch's 1x1 and 3x3 ones."""
    pairs = zip(first[1:], second, strict=True)
    return [first[0], *(name for pair in pairs for name in pair)]
