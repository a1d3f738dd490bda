"""Where values lie: in which forms, in which tensors of the program, some of them parts of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from clew.runtime.fold import Folded, Layer
from clew.runtime.graph import IMAGE
from clew.runtime.layout import Layout, Pieces
from clew.runtime.program import At, Program
from clew.runtime.versions import ANY, Need, Version, is_maps, needs, never_negative

ROOM = 64  # numbers of which the room of a vector is a multiple


class Values:
    """The values of a folded graph, their maps cut into the `chosen` pieces, and their places in a `program`."""

    def __init__(self, folded: Folded, chosen: Mapping[str, Pieces], program: Program) -> None:
        self.folded, self.chosen, self.program = folded, chosen, program
        self.shapes = dict(folded.shapes)
        self.positive = never_negative(folded)
        self.versions = self._versions()
        self.slices = self._slices()

    def is_maps(self, name: str) -> bool:
        """Whether a value is maps that lie in the arena."""
        return is_maps(name, self.shapes)

    def _versions(self) -> dict[str, list[Version]]:
        """The forms of each value, the one in which it is made first."""
        found = {
            layer.output: [Version(layer.output, self.chosen[layer.output], shape=self.shapes[layer.output])]
            for layer in self.folded.layers
            if self.is_maps(layer.output)
        }
        for layer in self.folded.layers:
            for name, need in needs(layer, self.chosen, self.positive):
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

    def version(self, name: str, need: Need) -> Version:
        """The form of a value that answers a need."""
        for one in self.versions[name]:
            wide = all(have >= wanted for have, wanted in zip(one.halo, need.halo, strict=True))
            if one.pieces == need.pieces and wide and need.around in (ANY, one.around):
                return one
        raise AssertionError(f"no form of {name} answers {need}")

    def source(self, layer: Layer) -> Version:
        """The form of the maps that a window slides over."""
        (name,) = layer.inputs
        found = next(need for value, need in needs(layer, self.chosen, self.positive) if value == name)
        return self.version(name, found)

    def _slices(self) -> dict[str, tuple[str, int]]:
        """Maps that are written where their concatenation lies: value -> the whole, channels before it."""
        uses = Counter(name for layer in self.folded.layers for name in layer.needs)
        found = {}
        for layer in self.folded.layers:
            if layer.kind == "concat" and self.is_maps(layer.output):
                before = 0
                for name in layer.inputs:
                    if uses[name] == 1 and name != self.folded.output:
                        found[name] = (layer.output, before)
                    before += self.shapes[name][0]
        return found

    # Where values lie

    def layout(self, version: Version) -> Layout:
        """How a form of a value lies: as the whole does that it is a part of."""
        home = self.slices.get(version.value)
        return version.layout if home is None else self.layout(self.versions[home[0]][0])

    def place(self, version: Version, vectors: int = 0) -> At:
        """Where a form of a value lies."""
        home = self.slices.get(version.value)
        if home is not None:
            whole = self.versions[home[0]][0]
            return self.place(whole, vectors + home[1] * self.layout(whole).plane)
        if version.name not in self.program.sizes:
            self.program.tensor(version.name, version.shape[0] * version.layout.plane * self.program.vector)
        return At(version.name, vectors)

    def vector(self, name: str) -> At:
        """Where a vector lies: of fp32, with room up to the next multiple of many."""
        if name not in self.program.sizes:
            self.program.tensor(name, -(-self.shapes[name][0] // ROOM) * ROOM * 4)
            self.program.own.add(name)
        return At(name)

    def home(self, name: str) -> Version:
        """The form in which a value is made."""
        return self.versions[name][0]
