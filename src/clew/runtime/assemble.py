"""From a folded graph to a program: pieces are chosen, forms of values made, each layer becomes calls of kernels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.runtime.fold import After, Folded, Layer, unpooled
from clew.runtime.graph import ACTIVATIONS, IMAGE
from clew.runtime.kernels import convolution, copy, elementwise, gather, halo, linear, mean, pooling
from clew.runtime.kernels.epilogue import ACTIVATIONS as KNOWN
from clew.runtime.kernels.epilogue import Act, Add, Finish, Scale, Step
from clew.runtime.layout import NONE, Layout, Pieces
from clew.runtime.nonzeros import Steps, stream
from clew.runtime.pieces import Edge, Plan
from clew.runtime.program import Arg, At, Picture, Program
from clew.runtime.target import Target
from clew.runtime.tiling import Tiling, Work, tiling
from clew.runtime.versions import (
    ANY,
    FULL,
    LOWEST,
    ZERO,
    Need,
    Version,
    needs,
    never_negative,
    window_of,
)

GROUPS = (1, 2, 4)
SPARSE_LINEAR = 0.25  # share of nonzeros below which a linear layer runs by them
EDGE_OF_TILE = 2.0  # cycles of each vector of an output beside its multiply-adds


class Unsupported(ValueError):
    """A layer for which there is no sparse kernel."""


def assemble(folded: Folded, target: Target, half: bool) -> Program:
    """The program; raises Unsupported for a layer that no kernel does."""
    return _Assembly(_with_picture(folded), target, half).program


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


def refuse(folded: Folded) -> None:
    """Raises Unsupported for the first layer that no kernel does."""
    for layer in folded.layers:
        for after in layer.afters:
            if after.kind in ACTIVATIONS and after.kind not in KNOWN:
                raise Unsupported(f"{after.kind} ({layer.output}) has no sparse kernel")


class _Assembly:
    def __init__(self, folded: Folded, target: Target, half: bool) -> None:
        refuse(folded)
        self.folded, self.target, self.half = folded, target, half
        self.kind = np.dtype(np.float16 if half else np.float32)
        self.lanes = target.lanes(half)
        self.program = Program(target.bytes)
        self.shapes = dict(folded.shapes)
        plan, self.chosen = self._pieces()
        if broken := plan.broken(self.chosen):
            self.folded = folded = unpooled(folded, broken)
            self.shapes = dict(folded.shapes)
            _, self.chosen = self._pieces()
        self.versions = self._versions()
        self.slices: dict[str, tuple[str, int]] = self._slices()
        self.scratch = 0
        for layer in folded.layers:
            getattr(self, f"_{layer.kind}")(layer)
            self._completed(layer.output)
        self._output()

    # What forms values have

    def _maps(self, name: str) -> bool:
        return name != IMAGE and len(self.shapes[name]) == 3

    def _pieces(self) -> tuple[Plan, dict[str, Pieces]]:
        plan = Plan()
        for layer in self.folded.layers:
            if self._maps(layer.output):
                _, height, width = self.shapes[layer.output]
                plan.value(layer.output, height, width)
                if layer.afters and layer.afters[-1].kind == "pool":
                    plan.value(layer.output + FULL, 2 * height, 2 * width)
        for layer in self.folded.layers:
            if self._maps(layer.output):
                self._planned(plan, layer)
        return plan, plan.chosen(self.lanes)

    def _planned(self, plan: Plan, layer: Layer) -> None:
        """A layer's part in the plan."""
        out = layer.output
        pooled = bool(layer.afters) and layer.afters[-1].kind == "pool"
        full = out + FULL if pooled else out
        channels, height, width = self.shapes[out]
        if pooled:
            plan.edge(Edge(full, out, (2, 2), (2 * height, 2 * width), 0))
            height, width = 2 * height, 2 * width
        if layer.kind in ("conv", "max_pool", "avg_pool"):
            self._windowed(plan, layer, full, (height, width))
        else:
            for name in layer.inputs:
                if name != IMAGE:
                    plan.join(out, name)
        for other in filter(None, _others(layer)):
            plan.join(full, other)
        work = channels * 9 if layer.weight is None else 0.5 * np.count_nonzero(layer.weight)
        plan.work(full, float(work) + EDGE_OF_TILE * channels)

    def _windowed(self, plan: Plan, layer: Layer, full: str, size: tuple[int, int]) -> None:
        (source,) = layer.inputs
        window, stride, dilation, padding = window_of(layer)
        channels, *before = self.shapes[source]
        if stride == (1, 1):
            plan.join(full, source)
            return
        down, across = (
            min(before[at], stride[at] * (size[at] - 1) + dilation[at] * (window[at] - 1) + 1 - padding[at])
            for at in (0, 1)
        )
        plan.edge(Edge(source, full, stride, (down, across), channels))

    def _versions(self) -> dict[str, list[Version]]:
        """The forms of each value, the one in which it is made first."""
        positive = never_negative(self.folded)
        found = {
            layer.output: [Version(layer.output, self.chosen[layer.output], shape=self.shapes[layer.output])]
            for layer in self.folded.layers
            if self._maps(layer.output)
        }
        for layer in self.folded.layers:
            for name, need in needs(layer, self.chosen, positive):
                if name != IMAGE:
                    self._provide(found[name], need)
        return found

    def _provide(self, versions: list[Version], need: Need) -> None:
        for one in versions:
            if self._same(one, need):
                one.widen(need)
                return
        versions.append(Version(versions[0].value, need.pieces, need.around, need.halo, versions[0].shape))

    def _same(self, one: Version, need: Need) -> bool:
        return one.pieces == need.pieces and (one.around == need.around or ANY in (one.around, need.around))

    def _version(self, name: str, need: Need) -> Version:
        """The form of a value that answers a need."""
        for one in self.versions[name]:
            wide = all(have >= wanted for have, wanted in zip(one.halo, need.halo, strict=True))
            if one.pieces == need.pieces and wide and need.around in (ANY, one.around):
                return one
        raise AssertionError(f"no form of {name} answers {need}")

    def _slices(self) -> dict[str, tuple[str, int]]:
        """Maps that are written where their concatenation lies: value -> the whole, channels before it."""
        uses = Counter(name for layer in self.folded.layers for name in layer.needs)
        found = {}
        for layer in self.folded.layers:
            if layer.kind == "concat" and self._maps(layer.output):
                before = 0
                for name in layer.inputs:
                    if uses[name] == 1 and name != self.folded.output:
                        found[name] = (layer.output, before)
                    before += self.shapes[name][0]
        return found

    # Where values lie

    def _layout(self, version: Version) -> Layout:
        home = self.slices.get(version.value)
        return version.layout if home is None else self._layout(self.versions[home[0]][0])

    def _place(self, version: Version, vectors: int = 0) -> At:
        """Where a form of a value lies."""
        home = self.slices.get(version.value)
        if home is not None:
            whole = self.versions[home[0]][0]
            return self._place(whole, vectors + home[1] * self._layout(whole).plane)
        if version.name not in self.program.sizes:
            self.program.tensor(version.name, version.shape[0] * version.layout.plane * self.target.bytes)
        return At(version.name, vectors)

    def _vector(self, name: str) -> At:
        """Where a vector lies: of fp32, with room up to the next multiple of many."""
        if name not in self.program.sizes:
            self.program.tensor(name, -(-self.shapes[name][0] // 64) * 64 * 4)
            self.program.own.add(name)
        return At(name)

    def _home(self, name: str) -> Version:
        return self.versions[name][0]

    def _completed(self, name: str) -> None:
        """A value is made: its halo, and its other forms."""
        if not self._maps(name) or name in self.slices:
            return
        home, *others = self.versions[name]
        self._halo(home)
        for other in others:
            if other.pieces == home.pieces:
                self._moved(home, other)
            else:
                self._laid_anew(home, other)
            self._halo(other)

    def _halo(self, version: Version) -> None:
        shifts = version.layout.shifts()
        if not shifts:
            return
        shape = halo.Halo(version.pieces.grid, tuple(shifts), version.around == LOWEST)
        args: list[Arg] = [self._place(version), version.shape[0], version.layout.plane]
        for pairs in shifts.values():
            args += [pairs, len(pairs)]
        self.program.call(halo, shape, self.half, args, version.name)

    def _moved(self, home: Version, other: Version) -> None:
        """A form with the same pieces and other surroundings."""
        source, target = home.layout, other.layout
        finish, extra = self._finish((), other)
        shape = elementwise.Elementwise(
            other.pieces.rows, other.pieces.columns, source.pitch, source.plane, target.pitch, target.plane, finish
        )
        args = [self._place(home, source.origin), self._place(other, target.origin), other.shape[0], *extra]
        self.program.call(elementwise, shape, self.half, args, other.name)

    def _laid_anew(self, home: Version, other: Version) -> None:
        source = home.layout
        self._gathered(
            self._place(home), source.numbers(), source.plane * self.lanes, other, gather.Gather(), other.name, ()
        )

    def _gathered(
        self,
        source: Arg,
        numbers: NDArray[np.int64],
        plane: int,
        version: Version,
        shape: gather.Gather,
        label: str,
        afters: tuple[After, ...],
    ) -> None:
        """Numbers that lie (height, width) at `numbers` of each channel, into a form of a value."""
        layout = self._layout(version)
        y, x, inside = layout.places()
        places = numbers[np.where(inside, y, 0), np.where(inside, x, 0)].astype(np.int32).reshape(-1, self.lanes)
        spots = layout.vectors().astype(np.int32).reshape(-1)
        finish, extra = self._finish(afters, version)
        args: list[Arg] = [source, self._place(version), version.shape[0], plane, layout.plane, places, spots]
        self.program.call(gather, replace(shape, finish=finish), self.half, [*args, len(spots), *extra], label)

    def _finish(self, afters: tuple[After, ...], version: Version) -> tuple[Finish, list[Arg]]:
        """The end of a kernel that writes a form of a value, and the arguments of it."""
        steps: list[Step] = []
        args: list[Arg] = []
        for after in afters:
            if after.kind == "scale":
                steps.append(Scale())
                args += [self._ready(after.scale), self._ready(after.shift)]
            elif after.kind == "add":
                layout, place = self._added(after, version)
                steps.append(Add(layout.pitch, layout.plane))
                args.append(place)
            elif after.kind != "pool":
                steps.append(Act(after.kind, after.numbers))
        layout = self._layout(version)
        if layout.full:
            return Finish(tuple(steps)), args
        return Finish(tuple(steps), layout.pieces.columns, version.around == LOWEST), [*args, self._masks(layout)]

    def _added(self, after: After, version: Version) -> tuple[Layout, At]:
        full = self.chosen.get(version.value + FULL, version.pieces)
        other = self._version(after.other, Need(full))
        layout = self._layout(other)
        return layout, self._place(other, layout.origin)

    def _ready(self, values: Any) -> NDArray[Any]:
        """Numbers of the kernels' kind, with room for a vector more."""
        return aligned(np.concatenate([np.ravel(values), np.zeros(self.lanes)]).astype(self.kind))

    def _masks(self, layout: Layout) -> NDArray[Any]:
        _, _, inside = layout.places()
        return aligned(np.where(inside, -1, 0).astype(np.int16 if self.half else np.int32))

    # Layers

    def _conv(self, layer: Layer) -> None:
        assert layer.weight is not None
        out = self._home(layer.output)
        pooled = layer.output + FULL in self.chosen
        full = self.chosen[layer.output + FULL if pooled else layer.output]
        (name,) = layer.inputs
        need = next(need for value, need in needs(layer, self.chosen, never_negative(self.folded)) if value == name)
        source = self._version(name, need)
        came, goes = self._layout(source), self._layout(out)
        _, stride, dilation, (top, left, *_) = window_of(layer)
        way = tiling(self._work(layer, pooled), full, self.target, self.half)
        steps = Steps(came.plane, dilation[0] * came.pitch, dilation[1])
        nonzeros = stream(layer.weight, layer.attributes["groups"], steps, way.block, way.group, way.unroll)
        finish, extra = self._finish(layer.afters, out)
        shape = convolution.Convolution(
            way.tile, stride, came.pitch, goes.pitch, goes.plane, way.group, way.unroll, pooled, finish
        )
        tiles = self._tiles(way, full, came, goes, stride, pooled, [s for s in finish.steps if isinstance(s, Add)])
        scratch, size = self._scratch(layer, way, nonzeros.blocks)
        args: list[Arg] = [
            self._place(source, came.origin - top * came.pitch - left),
            self._place(out, goes.origin),
            tiles,
            len(tiles),
            nonzeros.rows,
            len(nonzeros.rows) // nonzeros.blocks,
            nonzeros.blocks,
            nonzeros.deltas,
            aligned(nonzeros.values.astype(self.kind)),
            self._ready(layer.bias),
            scratch,
            size,
            int(len(tiles) > 1),
            *extra,
        ]
        self.program.call(convolution, shape, self.half, args, layer.output)

    def _work(self, layer: Layer, pooled: bool) -> Work:
        assert layer.weight is not None
        filters, channels = layer.weight.shape[:2]
        groups = layer.attributes["groups"]
        possible = [one for one in GROUPS if filters % one == 0 and filters // groups % one == 0]
        counts = {one: _together(layer.weight, one) for one in possible}
        window, stride, dilation, _ = window_of(layer)
        return Work(filters, channels, window, stride, dilation, counts, groups == 1, pooled)

    def _tiles(
        self,
        way: Tiling,
        full: Pieces,
        came: Layout,
        goes: Layout,
        stride: tuple[int, int],
        pooled: bool,
        adds: list[Add],
    ) -> NDArray[np.int32]:
        """Where each tile begins in the input, the output, the masks, in what is added; the last overlap others."""
        y, x = (
            np.array([*range(0, side - size + 1, size), *([side - size] if side % size else [])])
            for side, size in zip((full.rows, full.columns), way.tile, strict=True)
        )
        y, x = (one.reshape(-1) for one in np.meshgrid(y, x, indexing="ij"))
        half_y, half_x = (y // 2, x // 2) if pooled else (y, x)
        columns = [
            y * stride[0] * came.pitch + x * stride[1],
            half_y * goes.pitch + half_x,
            half_y * goes.pieces.columns + half_x,
            *(y * one.pitch + x for one in adds),
        ]
        return np.stack(columns, 1).astype(np.int32)

    def _scratch(self, layer: Layer, way: Tiling, blocks: int) -> tuple[Arg, int]:
        """Room for sums between blocks, for each part of the work its own."""
        if blocks == 1:
            return 0, 0
        assert layer.weight is not None
        size = len(layer.weight) * way.tile[0] * way.tile[1] * self.target.bytes
        self.scratch += 1
        return self.program.tensor(f"{layer.output}#sums{self.scratch}", size * PARTS), size

    def _elementwise(self, layer: Layer) -> None:
        if not self._maps(layer.output):
            self._elementwise_vector(layer)
            return
        out, (name,) = self._home(layer.output), layer.inputs
        if name == IMAGE:
            _, height, width = self.shapes[IMAGE]
            numbers = np.arange(height * width).reshape(height, width)
            shape = gather.Gather(outside=True)
            self._gathered(Picture(), numbers, height * width, out, shape, layer.output, layer.afters)
            return
        source = self._version(name, Need(self.chosen[layer.output]))
        self._copied(source, out, layer.afters, layer.output)

    def _copied(self, source: Version, out: Version, afters: tuple[After, ...], label: str, before: int = 0) -> None:
        came, goes = self._layout(source), self._layout(out)
        finish, extra = self._finish(afters, out)
        shape = elementwise.Elementwise(
            out.pieces.rows, out.pieces.columns, came.pitch, came.plane, goes.pitch, goes.plane, finish
        )
        target = self._place(out, goes.origin + before * goes.plane)
        args = [self._place(source, came.origin), target, source.shape[0], *extra]
        self.program.call(elementwise, shape, self.half, args, label)

    def _elementwise_vector(self, layer: Layer) -> None:
        """Of a vector each number is taken by a row of one nonzero, and of another vector one more."""
        (count,) = self.shapes[layer.output]
        after = layer.afters[0]
        places = np.arange(count)[:, None]
        values, bias = np.ones((count, 1), np.float32), np.zeros(count, np.float32)
        source, acts = self._vector(layer.inputs[0]), layer.afters
        if after.kind == "scale":
            values, bias = np.asarray(after.scale).reshape(count, 1), np.asarray(after.shift)
            acts = layer.afters[1:]
        if any(one.kind in ("scale", "add") for one in acts):
            raise Unsupported(f"sums and factors of vectors ({layer.output}) have no kernel")
        self._rows(layer.output, source, places, values, bias, acts)

    def _rows(
        self,
        name: str,
        source: At,
        places: NDArray[Any],
        values: NDArray[Any],
        bias: NDArray[Any],
        acts: tuple[After, ...],
    ) -> None:
        """A sparse linear layer whose rows (O, n) have their places and values."""
        filled = -(-places.shape[1] // linear.SUMS) * linear.SUMS - places.shape[1]
        places, values = (np.pad(one, ((0, 0), (0, filled))) for one in (places, values))
        firsts = np.arange(len(places) + 1) * places.shape[1]
        self._linear_call(name, source, firsts, places.reshape(-1), values.reshape(-1), bias, acts, True)

    def _linear(self, layer: Layer) -> None:
        assert layer.weight is not None
        assert layer.bias is not None
        outputs, inputs = layer.weight.shape
        source = self._vector(layer.inputs[0])
        if np.count_nonzero(layer.weight) < SPARSE_LINEAR * layer.weight.size:
            firsts, places, values = _compressed(layer.weight)
            self._linear_call(layer.output, source, firsts, places, values, layer.bias, layer.afters, True)
            return
        width = -(-inputs // (linear.SUMS * self._floats)) * linear.SUMS * self._floats
        rows = np.zeros((outputs, width), np.float32)
        rows[:, :inputs] = layer.weight
        self.program.sizes[source.tensor] = max(self.program.sizes[source.tensor], width * 4)
        firsts = np.arange(outputs + 1) * width
        places = np.zeros(1, np.int32)
        self._linear_call(layer.output, source, firsts, places, rows.reshape(-1), layer.bias, layer.afters, False)

    @property
    def _floats(self) -> int:
        return self.target.lanes(False)

    def _linear_call(
        self,
        name: str,
        source: At,
        firsts: NDArray[Any],
        places: NDArray[Any],
        values: NDArray[Any],
        bias: NDArray[Any],
        acts: tuple[After, ...],
        sparse: bool,
    ) -> None:
        blocks = -(-(len(firsts) - 1) // self._floats)
        missing = blocks * self._floats - (len(firsts) - 1)
        firsts = np.concatenate([firsts, np.repeat(firsts[-1:], missing)]).astype(np.int32)
        bias = np.concatenate([bias, np.zeros(missing)]).astype(np.float32)
        finish = Finish(tuple(Act(one.kind, one.numbers) for one in acts))
        args: list[Arg] = [source, self._vector(name), blocks, firsts, places.astype(np.int32)]
        args += [values.astype(np.float32), bias]
        self.program.call(linear, linear.Linear(sparse, finish), False, args, name)

    def _max_pool(self, layer: Layer) -> None:
        self._pooled(layer, True)

    def _avg_pool(self, layer: Layer) -> None:
        self._pooled(layer, False)

    def _pooled(self, layer: Layer, largest: bool) -> None:
        out, (name,) = self._home(layer.output), layer.inputs
        window, stride, _, (top, left, *_) = window_of(layer)
        need = next(need for value, need in needs(layer, self.chosen, never_negative(self.folded)) if value == name)
        source = self._version(name, need)
        came, goes = self._layout(source), self._layout(out)
        finish, extra = self._finish(layer.afters, out)
        rows, columns = out.pieces.rows, out.pieces.columns
        shape = pooling.Pooling(
            rows, columns, window, stride, came.pitch, came.plane, goes.pitch, goes.plane, largest, finish
        )
        factors = np.zeros(1, self.kind) if largest else self._factors(layer, goes)
        corner = self._place(source, came.origin - top * came.pitch - left)
        args: list[Arg] = [corner, self._place(out, goes.origin), out.shape[0], factors, *extra]
        self.program.call(pooling, shape, self.half, args, layer.output)

    def _factors(self, layer: Layer, layout: Layout) -> NDArray[Any]:
        """One by the number of places in each window."""
        (height, width), stride, _, padding = window_of(layer)
        if layer.attributes["count_padding"]:
            size = self._with_padding(layer)
            counts = [
                _inside(side, length, step, 0, total)
                for side, length, step, total in zip(
                    (layout.height, layout.width), (height, width), stride, size, strict=True
                )
            ]
        else:
            before = self.shapes[layer.inputs[0]][1:]
            counts = [
                _inside(side, length, step, pad, total)
                for side, length, step, pad, total in zip(
                    (layout.height, layout.width), (height, width), stride, padding[:2], before, strict=True
                )
            ]
        factors = 1.0 / (counts[0][:, None] * counts[1])
        y, x, inside = layout.places()
        return aligned(np.where(inside, factors[np.where(inside, y, 0), np.where(inside, x, 0)], 0).astype(self.kind))

    def _with_padding(self, layer: Layer) -> tuple[int, int]:
        _, height, width = self.shapes[layer.inputs[0]]
        top, left, bottom, right = layer.attributes["padding"]
        return height + top + bottom, width + left + right

    def _mean(self, layer: Layer) -> None:
        (name,) = layer.inputs
        source = self._version(name, Need(self.chosen[name], NONE, ZERO))
        layout = self._layout(source)
        shape = mean.Mean(
            layout.pieces.rows, layout.pieces.columns, layout.pitch, layout.plane, layout.height * layout.width
        )
        args: list[Arg] = [self._place(source, layout.origin), self._vector(layer.output), source.shape[0]]
        self.program.call(mean, shape, self.half, args, layer.output)

    def _flatten(self, layer: Layer) -> None:
        (name,) = layer.inputs
        if not self._maps(name):
            self._copy(self._vector(name), self._vector(layer.output), self.shapes[name][0], layer.output)
            return
        source = self._home(name)
        layout = self._layout(source)
        numbers = np.arange(source.shape[0])[:, None] * layout.plane * self.lanes + layout.numbers().reshape(-1)
        flat = np.zeros(-(-numbers.size // self._floats) * self._floats, np.int32)
        flat[: numbers.size] = numbers.reshape(-1)
        spots = np.arange(len(flat) // self._floats, dtype=np.int32)
        args: list[Arg] = [self._place(source), self._vector(layer.output), 1, 0, 0, flat, spots, len(spots)]
        self.program.call(gather, gather.Gather(widened=self.half), False, args, layer.output)

    def _copy(self, source: Arg, target: At, count: int, label: str, before: int = 0) -> None:
        """Numbers of fp32, one after the other, so many numbers into the target."""
        shape = copy.Copy(outside=isinstance(source, np.ndarray))
        args: list[Arg] = [source, target, count, before]
        self.program.call(copy, shape, False, args, label)

    def _concat(self, layer: Layer) -> None:
        before = 0
        for name in layer.inputs:
            count = self.shapes[name][0]
            if not self._maps(layer.output):
                self._copy(self._vector(name), self._vector(layer.output), count, layer.output, before)
            elif name not in self.slices:
                source = self._version(name, Need(self.chosen[layer.output]))
                self._copied(source, self._home(layer.output), (), layer.output, before)
            before += count

    def _constant(self, layer: Layer) -> None:
        values = np.array(layer.attributes["values"], np.float32)
        self._copy(values, self._vector(layer.output), len(values), layer.output)

    def _output(self) -> None:
        name = self.folded.output
        if name == IMAGE or self._maps(name):
            raise Unsupported("the graph ends in maps, not in a vector of logits")
        self.program.output, self.program.count = name, self.shapes[name][0]


PARTS = 64  # parts that the work within one picture can have


def _together(weight: NDArray[np.float32], group: int) -> int:
    """Places that at least one of `group` filters side by side has a nonzero at."""
    filters, *rest = weight.shape
    return int(np.count_nonzero((weight.reshape(filters // group, group, *rest) != 0).any(1)))


def _compressed(weight: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows by their nonzeros: the first of each row, places, values; each row a multiple of what a turn takes."""
    row, place = np.nonzero(weight)
    counts = np.bincount(row, minlength=len(weight))
    filled = -(-counts // linear.SUMS) * linear.SUMS
    firsts = np.concatenate([[0], np.cumsum(filled)])
    at = firsts[row] + np.arange(len(row)) - np.concatenate([[0], np.cumsum(counts)])[row]
    places, values = np.zeros(firsts[-1] + 1, np.int32), np.zeros(firsts[-1] + 1, np.float32)
    places[at], values[at] = place, weight[row, place]
    return firsts, places, values


def _inside(count: int, length: int, step: int, padding: int, total: int) -> NDArray[np.float64]:
    """How many places of each window are among `total`."""
    start = np.arange(count) * step - padding
    return np.asarray(np.minimum(start + length, total) - np.maximum(start, 0), np.float64)


def aligned(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers at an address that vectors can be loaded from."""
    values = np.ascontiguousarray(values)
    memory = np.empty(values.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    found = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    found[...] = values
    return found
