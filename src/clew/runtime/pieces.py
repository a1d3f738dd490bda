"""Which pieces each map is cut into: few empty lanes, few changes of layout between layers.

Maps that layers of stride 1 join share their pieces. Across a stride the pieces fit when those before are larger by the
stride; where they do not, the maps are laid out anew, which costs time too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import ceil

from clew.runtime.layout import Pieces, grids

ANEW = 30.0  # cycles of a vector laid out anew
ROUNDED = (1, 2, 4, 8, 16, 32)
WASTE = 1.7  # at most so many times the vectors of the best pieces
FORBIDDEN = 1e18
TRIED = 4  # starts, the cheapest, that are improved


@dataclass
class Joined:
    """Values that share their pieces: their names, what they must hold, and the cycles of each vector of a piece."""

    names: list[str] = field(default_factory=list)
    height: int = 1
    width: int = 1
    cycles: float = 0.0


@dataclass(frozen=True)
class Edge:
    """Values `before` a stride and `after` it; `channels` to be laid out anew where pieces do not fit; 0: they must.

    `need`: how much of the maps before it is read, their height and width.
    """

    before: str
    after: str
    stride: tuple[int, int]
    need: tuple[int, int]
    channels: int


class Plan:
    """Values, joined or at the ends of edges; `chosen` gives each its pieces."""

    def __init__(self) -> None:
        self._home: dict[str, Joined] = {}
        self._edges: list[Edge] = []

    def value(self, name: str, height: int, width: int) -> None:
        """A value of this size."""
        self._home[name] = Joined([name], height, width)

    def join(self, first: str, second: str) -> None:
        """Two values must have the same pieces."""
        one, other = self._home[first], self._home[second]
        if one is other:
            return
        one.names += other.names
        one.height, one.width = max(one.height, other.height), max(one.width, other.width)
        one.cycles += other.cycles
        for name in other.names:
            self._home[name] = one

    def work(self, name: str, cycles: float) -> None:
        """So many cycles for each vector of a piece of this value."""
        self._home[name].cycles += cycles

    def edge(self, edge: Edge) -> None:
        """A layer with a stride."""
        self._edges.append(edge)

    def _room(self) -> None:
        """What comes after a stride makes room for what is read before it; where it must fit, for all that is there."""
        for edge in reversed(self._edges):
            before, after = self._home[edge.before], self._home[edge.after]
            need = edge.need if edge.channels else (before.height, before.width)
            after.height = max(after.height, -(-need[0] // edge.stride[0]))
            after.width = max(after.width, -(-need[1] // edge.stride[1]))

    def chosen(self, lanes: int) -> tuple[dict[str, Pieces], float]:
        """The pieces of every value, and the cycles of all: by turns the best of one group while the others stay."""
        self._room()
        groups = list({id(group): group for group in self._home.values()}.values())
        ways = [candidates(group.height, group.width, lanes) for group in groups]
        number = {name: at for at, group in enumerate(groups) for name in group.names}
        starts = sorted(self._starts(groups, ways, number), key=lambda start: self._cost(start, groups, number))
        tried = [self._improved(start, groups, ways, number) for start in starts[:TRIED]]
        best = min(tried, key=lambda found: self._cost(found, groups, number))
        least = self._cost(best, groups, number)
        return {name: best[at] for name, at in number.items()}, least

    def _starts(
        self, groups: Sequence[Joined], ways: Sequence[Sequence[Pieces]], number: Mapping[str, int]
    ) -> list[list[Pieces]]:
        """Each alone at its best; and for each way to cut each, all others as strides ask for it, where they can."""
        alone = [min(way, key=lambda pieces: pieces.size) for way in ways]
        starts = [alone]
        for at, way in enumerate(ways):
            for pieces in way:
                start = list(alone)
                start[at] = pieces
                known = {at}
                for edge in (*reversed(self._edges), *self._edges):
                    before, after = number[edge.before], number[edge.after]
                    if after in known and before not in known:
                        wanted = start[after].before(edge.stride)
                    elif before in known and after not in known:
                        wanted = start[before].after(edge.stride)
                        before = after
                    else:
                        continue
                    if wanted.holds(groups[before].height, groups[before].width):
                        start[before] = wanted
                        known.add(before)
                starts.append(start)
        return starts

    def _improved(
        self,
        start: list[Pieces],
        groups: Sequence[Joined],
        ways: Sequence[Sequence[Pieces]],
        number: Mapping[str, int],
    ) -> list[Pieces]:
        found = list(start)
        cost = self._cost(found, groups, number)
        better = True
        while better:
            better = False
            for at, way in enumerate(ways):
                for pieces in way:
                    tried = [*found[:at], pieces, *found[at + 1 :]]
                    if (new := self._cost(tried, groups, number)) < cost:
                        found, cost, better = tried, new, True
        return found

    def _cost(self, pieces: Sequence[Pieces], groups: Sequence[Joined], number: Mapping[str, int]) -> float:
        total = sum(group.cycles * one.size for group, one in zip(groups, pieces, strict=True))
        for edge in self._edges:
            wanted = pieces[number[edge.after]].before(edge.stride)
            if wanted != pieces[number[edge.before]]:
                total += ANEW * edge.channels * wanted.size if edge.channels else FORBIDDEN
        return total


def candidates(height: int, width: int, lanes: int) -> list[Pieces]:
    """Ways to cut maps of this size: every grid, sizes rounded up so that strides find what they need."""
    found = set()
    for (down, across), multiple in product(grids(lanes), ROUNDED):
        rows, columns = ceil(height / down / multiple) * multiple, ceil(width / across / multiple) * multiple
        found.add(Pieces((down, across), rows, columns))
    least = min(pieces.size for pieces in found)
    return sorted((one for one in found if one.size <= WASTE * least), key=lambda one: (one.size, one.grid, one.rows))
