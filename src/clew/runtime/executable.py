"""A program made ready: machine code, arguments and weights as plain arrays, which a file can hold."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from clew.runtime.compiled import module_of, object_code
from clew.runtime.memory import arena
from clew.runtime.program import Picture, Program
from clew.runtime.target import Target

ALIGNED = 64
ARRAYS = {"code": np.uint8, "data": np.uint8, "numbers": np.int64, "fixups": np.int64, "calls": np.int64}
NAME = "clew"


@dataclass(frozen=True)
class Executable:
    """Everything that running takes but memory.

    `code` the object file; `data` all tables and weights; `numbers` the kernels' arguments, places in the arena among
    them; `fixups` (N, 2) which of them are addresses, and of what in `data`; `calls` (M, 2) the kernel and its first
    argument; `pictures` which arguments are the picture's address. `arena` bytes; the logits lie `output` bytes in it,
    `count` of them; `shape` of a picture (3, H, W); `labels` the value that each call makes.
    """

    code: NDArray[np.uint8] = field(repr=False)
    data: NDArray[np.uint8] = field(repr=False)
    numbers: NDArray[np.int64] = field(repr=False)
    fixups: NDArray[np.int64] = field(repr=False)
    calls: NDArray[np.int64] = field(repr=False)
    pictures: tuple[int, ...]
    arena: int
    output: int
    count: int
    shape: tuple[int, int, int]
    labels: tuple[str, ...] = field(repr=False)

    def as_bytes(self) -> bytes:
        """A safetensors file."""
        facts = {name: getattr(self, name) for name in ("pictures", "arena", "output", "count", "shape", "labels")}
        return save({name: getattr(self, name) for name in ARRAYS}, {NAME: json.dumps(facts, sort_keys=True)})


def from_bytes(data: bytes) -> Executable:
    """What `as_bytes` wrote; raises ValueError otherwise. Whoever calls has made sure that it is nobody else's."""
    try:
        arrays = load(data)
        length = int.from_bytes(data[:8], "little")
        facts = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][NAME])
        found: dict[str, Any] = {name: arrays[name].view(kind) for name, kind in ARRAYS.items()}
        found |= {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
        return Executable(**found)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"no executable ({error})") from None


def executable(program: Program, target: Target, shape: tuple[int, int, int], gap: int = 0) -> Executable:
    """Compiles a program; `gap` bytes stay free behind each tensor."""
    kernels = program.kernels
    code = object_code(module_of(kernels, target), target)
    offsets, size = program.arranged(gap)
    data, places = _joined(program)
    numbers: list[int] = []
    fixups, pictures, calls = [], [], []
    for call in program.calls:
        calls.append((int(kernels[call.key].removeprefix("kernel")), len(numbers)))
        for arg in call.args:
            if isinstance(arg, Picture):
                pictures.append(len(numbers))
            if isinstance(arg, np.ndarray):
                fixups.append((len(numbers), places[id(arg)]))
            numbers.append(program.number(arg, offsets))
    return Executable(
        np.frombuffer(code, np.uint8),
        data,
        np.array(numbers, np.int64),
        np.array(fixups, np.int64).reshape(-1, 2),
        np.array(calls, np.int64).reshape(-1, 2),
        tuple(pictures),
        size,
        offsets[program.output],
        program.count,
        shape,
        tuple(call.label for call in program.calls),
    )


def _joined(program: Program) -> tuple[NDArray[np.uint8], dict[int, int]]:
    """All arrays one after the other, and where each begins."""
    arrays = {id(arg): arg for call in program.calls for arg in call.args if isinstance(arg, np.ndarray)}
    places, size = {}, 0
    for key, array in arrays.items():
        places[key] = size
        size += -(-array.nbytes // ALIGNED) * ALIGNED + ALIGNED  # kernels may load a vector that ends behind an array
    data = np.zeros(size, np.uint8)
    for key, array in arrays.items():
        data[places[key] : places[key] + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return data, places


def loaded(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same bytes where vectors can be loaded from."""
    found = arena(len(data))
    found[:] = data
    return found
