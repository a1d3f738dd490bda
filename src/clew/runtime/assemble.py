"""From a folded graph to a program: each layer becomes calls of kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.fold import After, Folded, Layer
from clew.runtime.graph import ACTIVATIONS, IMAGE
from clew.runtime.kernels.epilogue import ACTIVATIONS as KNOWN
from clew.runtime.kernels.epilogue import Act, Factor, Finish, Other, Scale, Step
from clew.runtime.layout import Layout
from clew.runtime.planning import planned
from clew.runtime.program import Arg, At, Program
from clew.runtime.target import Target
from clew.runtime.values import Values
from clew.runtime.versions import FULL, LOWEST, Need, Version


class Unsupported(ValueError):
    """A layer for which there is no sparse kernel."""


def assemble(folded: Folded, target: Target, half: bool) -> Program:
    """The program; raises Unsupported for a layer that no kernel does."""
    from clew.runtime.layers import EMIT  # each of them needs this module

    _refuse(folded)
    assembly = Assembly(_with_picture(folded), target, half)
    from clew.runtime.moving import complete

    for layer in assembly.folded.layers:
        EMIT[layer.kind](assembly, layer)
        complete(assembly, layer.output)
    return assembly.ended()


def _with_picture(folded: Folded) -> Folded:
    """The picture itself is read by one kind of layer only, which lays it out."""
    unready = [
        one for one in folded.layers if IMAGE in one.needs and (one.kind != "elementwise" or IMAGE in _others(one))
    ]
    if not unready:
        return folded
    name = f"{IMAGE}#laid"

    def renamed(layer: Layer) -> Layer:
        afters = tuple(replace(one, other=name) if one.other == IMAGE else one for one in layer.afters)
        return replace(layer, inputs=tuple(name if one == IMAGE else one for one in layer.inputs), afters=afters)

    layers = (Layer("elementwise", (IMAGE,), name), *map(renamed, folded.layers))
    return Folded(layers, {**folded.shapes, name: folded.shapes[IMAGE]}, folded.input, folded.output)


def _others(layer: Layer) -> list[str]:
    return [after.other for after in layer.afters]


def _refuse(folded: Folded) -> None:
    """Raises Unsupported for the first layer that no kernel does."""
    for layer in folded.layers:
        for after in layer.afters:
            if after.kind in ACTIVATIONS and after.kind not in KNOWN:
                raise Unsupported(f"{after.kind} ({layer.output}) has no sparse kernel")


class Assembly(Values):
    """A program under construction, for a processor, in fp16 (`half`) or fp32; numbers are of `kind`."""

    def __init__(self, folded: Folded, target: Target, half: bool) -> None:
        self.target, self.half = target, half
        self.kind = np.dtype(np.float16 if half else np.float32)
        self.lanes, self.floats = target.lanes(half), target.lanes(False)
        super().__init__(*planned(folded, self.lanes), Program(target.bytes))

    def finish(self, afters: tuple[After, ...], version: Version) -> tuple[Finish, list[Arg]]:
        """The end of a kernel that writes a form of a value, and the arguments of it."""
        steps: list[Step] = []
        args: list[Arg] = []
        for after in afters:
            if after.kind == "scale":
                steps.append(Scale())
                args += [self.ready(after.scale), self.ready(after.shift)]
            elif after.other and not self.is_maps(after.other):
                steps.append(Factor())
                args.append(self.vector(after.other))
            elif after.other:
                layout, place = self._other(after, version)
                steps.append(Other(layout.pitch, layout.plane, after.kind == "mul"))
                args.append(place)
            elif after.kind != "pool":
                steps.append(Act(after.kind, after.numbers))
        layout = self.layout(version)
        if layout.full:
            return Finish(tuple(steps)), args
        return Finish(tuple(steps), layout.pieces.columns, version.around == LOWEST), [*args, self._masks(layout)]

    def _other(self, after: After, version: Version) -> tuple[Layout, At]:
        full = self.chosen.get(version.value + FULL, version.pieces)
        other = self.version(after.other, Need(full))
        layout = self.layout(other)
        return layout, self.place(other, layout.origin)

    def ready(self, values: Any) -> NDArray[Any]:
        """Numbers of the kernels' kind, with room for a vector more."""
        return aligned(np.concatenate([np.ravel(values), np.zeros(self.lanes)]).astype(self.kind))

    def _masks(self, layout: Layout) -> NDArray[Any]:
        _, _, inside = layout.places()
        return aligned(np.where(inside, -1, 0).astype(np.int16 if self.half else np.int32))

    # Layers

    def ended(self) -> Program:
        """The program, its output named; raises Unsupported where the graph does not end in a vector."""
        name = self.folded.output
        if name == IMAGE or self.is_maps(name):
            raise Unsupported("the graph ends in maps, not in a vector of logits")
        self.program.output, self.program.count = name, self.shapes[name][0]
        return self.program


def aligned(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers at an address that vectors can be loaded from."""
    values = np.ascontiguousarray(values)
    memory = np.empty(values.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    found = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    found[...] = values
    return found
