"""All pairs of 64-bit hashes that differ in a few bits, without comparing everything with everything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Keys = NDArray[np.unsignedinteger]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]

BITS = 64
AT_A_TIME = 2**21  # candidate pairs in memory


def near_pairs(hashes: Hashes, distance: int, at_a_time: int = AT_A_TIME) -> Iterator[tuple[float, Pairs]]:
    """Yields every pair i != j of hashes (N,) at most `distance` bits apart once, in pieces, with the share done.

    The hash is cut into distance // 2 + 1 bands: of two hashes so near, some band differs in one bit at most
    (M. Norouzi et al., Fast search in Hamming space with multi-index hashing, CVPR 2012). Memory is that of N
    hashes and `at_a_time` candidates.
    """
    bands = distance // 2 + 1
    edges = [BITS * at // bands for at in range(bands + 1)]
    keys = [_band(hashes, low, high) for low, high in pairwise(edges)]
    steps = [(band, flip) for band in range(bands) for flip in [None, *range(edges[band + 1] - edges[band])]]
    for number, (band, flip) in enumerate(steps):
        for first, second in _candidates(keys[band], flip, at_a_time):
            near = np.bitwise_count(hashes[first] ^ hashes[second]) <= distance
            first, second = first[near], second[near]
            for earlier in keys[:band]:  # the pair came up there already
                new = np.bitwise_count(earlier[first] ^ earlier[second]) > 1
                first, second = first[new], second[new]
            yield (number + 1) / len(steps), (first, second)


def _band(hashes: Hashes, low: int, high: int) -> Keys:
    mask = (1 << (high - low)) - 1
    return ((hashes >> np.uint64(low)) & np.uint64(mask)).astype(np.min_scalar_type(mask))  # short keys sort faster


def _candidates(keys: Keys, flip: int | None, at_a_time: int) -> Iterator[Pairs]:
    """Pairs whose keys are equal (`flip` None) or differ in the bit `flip` alone, each once."""
    order = np.argsort(keys, kind="stable")
    inorder = keys[order]
    places = np.arange(len(keys))
    if flip is None:
        start, stop = places + 1, np.searchsorted(inorder, inorder, side="right")
    else:
        bit = keys.dtype.type(1 << flip)
        places = places[(inorder & bit) == 0]
        wanted = inorder[places] | bit
        start = np.searchsorted(inorder, wanted, side="left")
        stop = np.searchsorted(inorder, wanted, side="right")
    for left, right in _expanded(places, start, stop - start, at_a_time):
        yield order[left], order[right]


def _expanded(
    places: NDArray[np.int64], start: NDArray[np.int64], count: NDArray[np.int64], at_a_time: int
) -> Iterator[Pairs]:
    """Pairs of each place with the `count` places from `start` on: `at_a_time` at once, or those of one place."""
    some = count > 0
    places, start, count = places[some], start[some], count[some]
    ends = np.cumsum(count)
    low = 0
    while low < len(places):
        done = ends[low] - count[low]
        high = max(low + 1, int(np.searchsorted(ends, done + at_a_time, side="right")))
        many = count[low:high]
        offsets = np.arange(int(many.sum())) - np.repeat(ends[low:high] - many - done, many)
        yield np.repeat(places[low:high], many), np.repeat(start[low:high], many) + offsets
        low = high
