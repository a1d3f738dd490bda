"""A program: the kernels that a folded graph takes, in their order, with where in the arena everything lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from clew.runtime.compiled import Key
from clew.runtime.memory import Span, arranged


@dataclass(frozen=True)
class At:
    """A place in the arena: so many vectors into a tensor."""

    tensor: str
    vectors: int = 0


@dataclass(frozen=True)
class Picture:
    """The address of the picture, known when the program runs."""


Arg = int | At | Picture | NDArray[Any]


@dataclass(frozen=True)
class Call:
    """A kernel and its arguments; `label` is the value that it makes."""

    kind: ModuleType
    shape: Any
    half: bool
    args: tuple[Arg, ...]
    label: str

    @property
    def key(self) -> Key:
        """What is to be compiled."""
        return self.kind, self.shape, self.half


@dataclass
class Program:
    """Calls in their order; `sizes` of the tensors in bytes; `output` where the K logits of fp32 lie.

    Tensors in `own` share their room with no other: what no call writes stays zero.
    `vector` bytes of a vector of this processor.
    """

    vector: int
    calls: list[Call] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    output: str = ""
    count: int = 0

    def tensor(self, name: str, size: int) -> At:
        """Room for `size` bytes."""
        self.sizes[name] = size
        return At(name)

    def call(self, kind: ModuleType, shape: Any, half: bool, args: Sequence[Arg], label: str) -> None:
        """Adds a call."""
        self.calls.append(Call(kind, shape, half, tuple(args), label))

    @property
    def kernels(self) -> dict[Key, str]:
        """All that is to be compiled, each once, with its name."""
        return {key: f"kernel{at}" for at, key in enumerate(dict.fromkeys(call.key for call in self.calls))}

    def arranged(self, gap: int = 0) -> tuple[dict[str, int], int]:
        """The offset of each tensor, and the size of the arena, in bytes."""
        spans: dict[str, Span] = {}
        for step, call in enumerate(self.calls):
            for arg in call.args:
                if isinstance(arg, At):
                    spans.setdefault(arg.tensor, Span(self.sizes[arg.tensor], step, step)).last = step
        for name in self.own & set(spans):
            spans[name].first, spans[name].last = 0, len(self.calls)
        return arranged(spans, gap)

    def number(self, arg: Arg, offsets: dict[str, int]) -> int:
        """An argument as a number; 0 for what is an address, which is known when the program runs."""
        if isinstance(arg, At):
            return offsets[arg.tensor] + arg.vectors * self.vector
        return arg if isinstance(arg, int) else 0
