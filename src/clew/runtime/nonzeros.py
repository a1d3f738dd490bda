"""The nonzeros of a convolution as its kernel reads them: rows of steps through the input, each with its weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FARTHEST = 2**16 - 1  # vectors that one step can go


@dataclass(frozen=True)
class Stream:
    """`rows` (blocks * R, 4): start, nonzeros before, count, first filter; `deltas` (N,) vectors from one to the next.

    `values` (N, group) the weights of a place for each filter of its row; `real` how many are no filling.
    """

    rows: NDArray[np.int32] = field(repr=False)
    deltas: NDArray[np.uint16] = field(repr=False)
    values: NDArray[np.floating] = field(repr=False)
    blocks: int
    real: int


@dataclass(frozen=True)
class Steps:
    """How far apart in vectors the input's channels, and the places of a window, lie."""

    channel: int
    down: int
    across: int


def stream(weight: NDArray[np.float32], groups: int, steps: Steps, block: int, group: int, unroll: int) -> Stream:
    """The nonzeros of `weight` (O, C / groups, kh, kw), of `block` input channels at a time, `group` filters together.

    Blocks come one after the other, within a block the rows by their number of nonzeros, so that the processor
    foresees how often a loop turns.
    """
    filters, channels, height, width = weight.shape
    rows = filters // group
    together = weight.reshape(rows, group, channels, height, width)
    row, channel, y, x = np.nonzero((together != 0).any(1))
    values = together[row, :, channel, y, x]
    place = channel * steps.channel + y * steps.down + x * steps.across
    place += row * group // max(1, filters // groups) * channels * steps.channel  # a group's own input channels
    blocks = max(1, -(-channels // block))
    key = channel // block * rows + row  # block and row in one
    counts = np.bincount(key, minlength=blocks * rows).reshape(blocks, rows)
    order = np.argsort(counts, axis=1, kind="stable") + np.arange(blocks)[:, None] * rows
    rank = np.empty(blocks * rows, np.int64)
    rank[order.reshape(-1)] = np.arange(blocks * rows)
    sorted_ = np.lexsort((place, rank[key]))
    first_filter = order.reshape(-1) % rows * group
    return _laid(rank[key][sorted_], place[sorted_], values[sorted_], first_filter, blocks, unroll)


def _laid(
    rank: NDArray[np.int64],
    place: NDArray[np.int64],
    values: NDArray[np.float32],
    filters: NDArray[np.int64],
    blocks: int,
    unroll: int,
) -> Stream:
    """Rows one after the other: steps too far are made in several, counts filled up to a multiple of `unroll`."""
    begins = np.ones(len(rank), bool)
    begins[1:] = rank[1:] != rank[:-1]
    gaps = np.where(begins, 0, np.diff(place, prepend=0))
    extra = np.maximum(gaps - 1, 0) // FARTHEST  # steps with weight zero on the way
    counts = np.bincount(rank, weights=extra + 1, minlength=len(filters)).astype(np.int64)
    padded = -(-counts // unroll) * unroll
    firsts = np.concatenate([[0], np.cumsum(padded)[:-1]])
    before = np.cumsum(extra + 1) - (extra + 1)  # steps before those of each nonzero, without filling
    row_before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    at = firsts[rank] + before - row_before[rank] + extra
    deltas = np.zeros(int(padded.sum()), np.uint16)
    laid = np.zeros((len(deltas), values.shape[1]), np.float32)
    deltas[at], laid[at] = gaps - extra * FARTHEST, values
    for turn in range(1, int(extra.max(initial=0)) + 1):
        far = extra >= turn
        deltas[at[far] - turn] = FARTHEST
    starts = np.zeros(len(filters), np.int64)
    starts[rank[begins]] = place[begins]
    rows = np.stack([starts, firsts, padded, filters], 1).astype(np.int32)
    return Stream(rows, deltas, laid, blocks, len(rank))
