"""How maps are cut into pieces, by what the layers do with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clew.runtime.fold import Folded, Layer, unpooled
from clew.runtime.graph import IMAGE, Shape
from clew.runtime.layout import Pieces
from clew.runtime.pieces import Edge, Plan
from clew.runtime.versions import FULL, is_maps, window_of

EDGE_OF_TILE = 2.0  # cycles of each vector of an output beside its multiply-adds
ELEMENT = 9.0  # cycles of each vector of a layer without weights


def planned(folded: Folded, lanes: int) -> tuple[Folded, dict[str, Pieces]]:
    """The pieces of each value, and the layers: a pooling becomes a layer of its own where fusing it costs more.

    Pooling 2x2 within a layer needs pieces of even size, which on small maps leaves lanes empty, there and before.
    """
    chosen, cost = _plan(folded).chosen(lanes)
    for name in [layer.output for layer in reversed(folded.layers) if _pooled(layer)]:
        apart = unpooled(folded, [name])
        tried, cycles = _plan(apart).chosen(lanes)
        if cycles < cost:
            folded, chosen, cost = apart, tried, cycles
    return folded, chosen


def _plan(folded: Folded) -> Plan:
    plan = Plan()
    shapes = folded.shapes
    layers = [layer for layer in folded.layers if is_maps(layer.output, shapes)]
    for layer in layers:
        _, height, width = shapes[layer.output]
        plan.value(layer.output, height, width)
        if _pooled(layer):
            plan.value(layer.output + FULL, 2 * height, 2 * width)
    for layer in layers:
        _add(plan, layer, shapes)
    return plan


def _pooled(layer: Layer) -> bool:
    return bool(layer.afters) and layer.afters[-1].kind == "pool"


def _add(plan: Plan, layer: Layer, shapes: Mapping[str, Shape]) -> None:
    """A layer's part in the plan."""
    out = layer.output
    channels, height, width = shapes[out]
    full = out
    if _pooled(layer):
        full, height, width = out + FULL, 2 * height, 2 * width
        plan.edge(Edge(full, out, (2, 2), (height, width), 0))
    if layer.kind in ("conv", "max_pool", "avg_pool"):
        _windowed(plan, layer, full, (height, width), shapes)
    else:
        for name in layer.inputs:
            if name != IMAGE:
                plan.join(out, name)
    for after in layer.afters:
        if after.other and is_maps(after.other, shapes):
            plan.join(full, after.other)
    work = channels * ELEMENT if layer.weight is None else 0.5 * np.count_nonzero(layer.weight)
    plan.work(full, float(work) + EDGE_OF_TILE * channels)


def _windowed(plan: Plan, layer: Layer, full: str, size: tuple[int, int], shapes: Mapping[str, Shape]) -> None:
    """A window over the input: of stride 1 it keeps the pieces."""
    (source,) = layer.inputs
    window, stride, dilation, padding = window_of(layer)
    channels, *before = shapes[source]
    if stride == (1, 1):
        plan.join(full, source)
        return
    down, across = (
        min(before[at], stride[at] * (size[at] - 1) + dilation[at] * (window[at] - 1) + 1 - padding[at])
        for at in (0, 1)
    )
    plan.edge(Edge(source, full, stride, (down, across), channels))
