"""How maps lie in memory: the lanes of a vector are places of one picture far apart, a grid of pieces of it.

Maps (C, H, W) are cut into a grid of pieces of `rows` x `columns` places, one lane each; vector (y, x) holds place
(y, x) of each piece. So each shift of a convolution is a whole, aligned vector further on. Around a channel's vectors
lies a halo, which holds what the pieces' neighbours hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pads = tuple[int, int, int, int]
NONE: Pads = (0, 0, 0, 0)


@dataclass(frozen=True)
class Pieces:
    """`grid` lanes down and across, each a piece of `rows` x `columns` places."""

    grid: tuple[int, int]
    rows: int
    columns: int

    @property
    def lanes(self) -> int:
        """How many numbers a vector holds."""
        return self.grid[0] * self.grid[1]

    @property
    def size(self) -> int:
        """The vectors of a channel, without a halo."""
        return self.rows * self.columns

    def holds(self, height: int, width: int) -> bool:
        """Whether maps of this size find place."""
        return self.grid[0] * self.rows >= height and self.grid[1] * self.columns >= width

    def before(self, stride: tuple[int, int]) -> Pieces:
        """The pieces that an input of such a stride must have."""
        return Pieces(self.grid, self.rows * stride[0], self.columns * stride[1])

    def after(self, stride: tuple[int, int]) -> Pieces:
        """The pieces that an output of such a stride has; of size 0 where the stride does not divide these."""
        even = self.rows % stride[0] == 0 and self.columns % stride[1] == 0
        return Pieces(self.grid, self.rows // stride[0], self.columns // stride[1]) if even else Pieces(self.grid, 0, 0)


@dataclass(frozen=True)
class Layout:
    """Maps of `height` x `width` places in `pieces`, with a `halo` (top, left, bottom, right) of vectors."""

    pieces: Pieces
    height: int
    width: int
    halo: Pads = NONE

    @property
    def pitch(self) -> int:
        """Vectors of a row."""
        return self.halo[1] + self.pieces.columns + self.halo[3]

    @property
    def plane(self) -> int:
        """Vectors of a channel."""
        return (self.halo[0] + self.pieces.rows + self.halo[2]) * self.pitch

    @property
    def origin(self) -> int:
        """Vectors before that of place (0, 0)."""
        return self.halo[0] * self.pitch + self.halo[1]

    @property
    def full(self) -> bool:
        """Whether every lane of every vector is a place of the maps."""
        grid, pieces = self.pieces.grid, self.pieces
        return grid[0] * pieces.rows == self.height and grid[1] * pieces.columns == self.width

    def vectors(self) -> NDArray[np.int64]:
        """The vector (rows, columns) of each place of a piece, from a channel's first."""
        rows, columns = np.arange(self.pieces.rows)[:, None], np.arange(self.pieces.columns)
        return self.origin + rows * self.pitch + columns

    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Of each vector and lane (rows, columns, lanes) its place's row and column, and whether it is in the maps."""
        lane = np.arange(self.pieces.lanes)
        down, across = np.divmod(lane, self.pieces.grid[1])
        y = np.arange(self.pieces.rows)[:, None, None] + down * self.pieces.rows
        x = np.arange(self.pieces.columns)[:, None] + across * self.pieces.columns
        y, x = np.broadcast_arrays(y, x)
        return y, x, (y < self.height) & (x < self.width)

    def numbers(self) -> NDArray[np.int64]:
        """Where the number of each place (height, width) lies in a channel."""
        y, x = np.arange(self.height)[:, None], np.arange(self.width)
        piece_y, row = np.divmod(y, self.pieces.rows)
        piece_x, column = np.divmod(x, self.pieces.columns)
        vector = self.origin + row * self.pitch + column
        return vector * self.pieces.lanes + piece_y * self.pieces.grid[1] + piece_x

    def shifts(self) -> dict[tuple[int, int], NDArray[np.int32]]:
        """What fills the halo: lanes further down and across -> pairs (N, 2) of vectors, to and from."""
        found: dict[tuple[int, int], list[tuple[int, int]]] = {}
        top, left, bottom, right = self.halo
        for y in range(-top, self.pieces.rows + bottom):
            for x in range(-left, self.pieces.columns + right):
                if 0 <= y < self.pieces.rows and 0 <= x < self.pieces.columns:
                    continue
                (down, row), (across, column) = divmod(y, self.pieces.rows), divmod(x, self.pieces.columns)
                pair = (self.origin + y * self.pitch + x, self.origin + row * self.pitch + column)
                found.setdefault((down, across), []).append(pair)
        return {shift: np.array(pairs, np.int32) for shift, pairs in sorted(found.items())}


def grids(lanes: int) -> list[tuple[int, int]]:
    """All grids of so many lanes, the squarest first."""
    found = [(down, lanes // down) for down in range(1, lanes + 1) if lanes % down == 0]
    return sorted(found, key=lambda grid: (max(grid) / min(grid), -grid[0]))
