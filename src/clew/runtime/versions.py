"""In which forms a value is needed: cut into which pieces, with how wide a halo, with what around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clew.runtime.fold import Folded, Layer
from clew.runtime.graph import IMAGE, Shape
from clew.runtime.layout import NONE, Layout, Pads, Pieces

ANY, ZERO, LOWEST = "any", "zero", "lowest"
FULL = "#full"  # after the name of a pooled layer's output: what it was before pooling
NEVER_NEGATIVE = ("relu", "hardsigmoid")


@dataclass(frozen=True)
class Need:
    """A reader of maps: their `pieces`, a halo, and what must be `around` the maps."""

    pieces: Pieces
    halo: Pads = NONE
    around: str = ANY


@dataclass
class Version:
    """One form of a value."""

    value: str
    pieces: Pieces
    around: str = ANY
    halo: Pads = NONE
    shape: Shape = field(default=(0, 0, 0))

    def widen(self, need: Need) -> None:
        """Makes it fit this need too."""
        top, left, bottom, right = (max(pair) for pair in zip(self.halo, need.halo, strict=True))
        self.halo = (top, left, bottom, right)
        self.around = need.around if self.around == ANY else self.around

    @property
    def layout(self) -> Layout:
        """How it lies in memory."""
        return Layout(self.pieces, self.shape[1], self.shape[2], self.halo)

    @property
    def name(self) -> str:
        """A name that no other version has."""
        pieces = self.pieces
        return f"{self.value}@{pieces.grid[0]}x{pieces.grid[1]}x{pieces.rows}x{pieces.columns}{self.around[0]}"


def is_maps(name: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether a value is maps that lie in the arena: the picture does not."""
    return name != IMAGE and len(shapes[name]) == 3


def window_of(layer: Layer) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], Pads]:
    """Window, stride, dilation and padding of a convolution or pooling."""
    found = layer.attributes
    window = layer.weight.shape[2:] if layer.weight is not None else found["kernel"]
    (height, width), (down, across) = window, found["stride"]
    dilation = found.get("dilation", (1, 1))
    top, left, bottom, right = found["padding"]
    return (height, width), (down, across), (dilation[0], dilation[1]), (top, left, bottom, right)


def read(layer: Layer) -> tuple[int, int, int, int]:
    """How far a window reaches: above and left of its place, and below and right of the last one before the next."""
    window, stride, dilation, (top, left, *_) = window_of(layer)
    below, right = ((window[at] - 1) * dilation[at] - (top, left)[at] - stride[at] + 1 for at in (0, 1))
    return top, left, max(0, below), max(0, right)


def needs(layer: Layer, chosen: Mapping[str, Pieces], positive: set[str]) -> Iterator[tuple[str, Need]]:
    """What a layer needs of the values that it reads, maps alone."""
    (source, *_), out = layer.inputs or ("",), layer.output
    full = out + FULL if out + FULL in chosen else out
    if layer.kind in ("conv", "max_pool", "avg_pool"):
        _, stride, _, padding = window_of(layer)
        around = {"max_pool": ZERO if source in positive else LOWEST}.get(layer.kind, ZERO)
        yield source, Need(chosen[full].before(stride), read(layer), around if any(padding) else ANY)
    elif layer.kind == "mean":
        yield source, Need(chosen[source], NONE, ZERO)
    elif layer.kind == "flatten":
        yield source, Need(chosen[source])
    elif out in chosen:
        yield from ((name, Need(chosen[out])) for name in layer.inputs if name in chosen)
    for after in layer.afters:
        if after.other in chosen:
            yield after.other, Need(chosen[full])


def never_negative(folded: Folded) -> set[str]:
    """The values that are known to hold no negative numbers."""
    found: set[str] = set()
    for layer in folded.layers:
        acts = [after for after in layer.afters if after.kind != "pool"]
        through = layer.kind in ("max_pool", "avg_pool", "concat", "elementwise") and found.issuperset(layer.inputs)
        last = acts[-1] if acts else None
        clipped = last is not None and last.kind == "clip" and last.numbers[0] >= 0
        if (last is not None and last.kind in NEVER_NEGATIVE) or clipped or (not acts and through):
            found.add(layer.output)
    return found
