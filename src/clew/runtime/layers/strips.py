"""A depthwise convolution and the 1x1 convolution that reads it, done strip by strip of rows.

What goes from one to the other is then never larger than a strip, which stays in the second-level cache; maps that are
larger than that cache would be written beyond it, and read from there again.
"""

from __future__ import annotations

from clew.runtime.assemble import Assembly
from clew.runtime.fold import Layer
from clew.runtime.layout import Pieces
from clew.runtime.tiling import SECOND
from clew.runtime.versions import FULL, window_of

WORTH = 2 * SECOND  # bytes between two layers from which on they go by strips


def reader(a: Assembly, layer: Layer) -> Layer | None:
    """The 1x1 convolution with which a depthwise one goes by strips, None where there is none."""
    name = layer.output
    uses = [one for one in a.folded.layers for need in one.needs if need == name]
    alone = len(uses) == 1 and uses[0].inputs == (name,) and name not in a.slices and len(a.versions[name]) == 1
    if not alone or not _depthwise(layer) or not _pointwise(uses[0]) or _bytes(a, layer) <= WORTH:
        return None
    pooled = any(one.output + FULL in a.chosen for one in (layer, uses[0]))
    return None if pooled or name == a.folded.output else uses[0]


def before(a: Assembly, layer: Layer) -> Layer | None:
    """The depthwise convolution that goes by strips with this 1x1 one, None where there is none."""
    made = next((one for one in a.folded.layers if (one.output,) == layer.inputs), None)
    return made if made is not None and reader(a, made) is layer else None


def pieces(a: Assembly, layer: Layer) -> Pieces:
    """The part of the pieces of a layer that a strip is: as many rows as its cache holds, and with little overlap."""
    whole = a.chosen[layer.output]
    row = a.shapes[layer.output][0] * whole.columns * a.target.bytes
    most = max(1, min(whole.rows, SECOND // row))
    rows = min(range(1, most + 1), key=lambda rows: (-(-whole.rows // rows) * rows, -rows))
    return Pieces(whole.grid, rows, whole.columns)


def starts(rows: int, strip: int) -> list[int]:
    """The first row of each strip of so many rows; the last one overlaps the one before it."""
    return [*range(0, rows - strip + 1, strip), *([rows - strip] if rows % strip else [])]


def _depthwise(layer: Layer) -> bool:
    return layer.kind == "conv" and layer.weight is not None and 1 < layer.attributes["groups"] == len(layer.weight)


def _pointwise(layer: Layer) -> bool:
    if layer.kind != "conv" or layer.attributes["groups"] != 1:
        return False
    window, stride, _, padding = window_of(layer)
    return window == stride == (1, 1) and not any(padding)


def _bytes(a: Assembly, layer: Layer) -> int:
    return a.shapes[layer.output][0] * a.chosen[layer.output].size * a.target.bytes
