"""Near hashes: every pair that brute force finds, each once, in pieces of bounded size."""

import numpy as np
import pytest

from clew.datasets.checks.neighbours import near_pairs


def hashes_with_neighbours(rng, count, planted):
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    for number in range(planted):
        bits = rng.choice(64, rng.integers(0, 12), replace=False)
        turned = np.bitwise_xor.reduce(np.uint64(1) << bits.astype(np.uint64), initial=np.uint64(0))
        hashes[rng.integers(count // 2, count)] = hashes[number] ^ turned
    return hashes


def brute_force(hashes, distance):
    pairs = []
    for at in range(len(hashes) - 1):
        near = np.flatnonzero(np.bitwise_count(hashes[at + 1 :] ^ hashes[at]) <= distance)
        pairs += [(at, at + 1 + int(other)) for other in near]
    return sorted(pairs)


@pytest.mark.parametrize("distance", [0, 1, 4, 7, 10])
def test_the_same_pairs_as_brute_force_each_once(distance):
    hashes = hashes_with_neighbours(np.random.default_rng(distance), 3000, 400)
    found = []
    for _, (first, second) in near_pairs(hashes, distance):
        found += [tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)]
    assert sorted(found) == brute_force(hashes, distance)
    assert len(found) > (20 if distance == 0 else 30)


def test_hashes_that_crowd_are_found_too():
    rng = np.random.default_rng(9)
    few_bits = rng.integers(0, 2**12, 1500, dtype=np.uint64)  # all alike in three of four bands
    found = []
    for _, (first, second) in near_pairs(few_bits, 3):
        found += [tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)]
    assert sorted(found) == brute_force(few_bits, 3)


def test_memory_is_bounded_and_the_share_rises_to_one():
    rng = np.random.default_rng(4)
    hashes = rng.integers(0, 2**10, 1000, dtype=np.uint64)
    sizes, shares = [], []
    for share, (first, _) in near_pairs(hashes, 64, at_a_time=5000):  # every pair is near
        sizes.append(len(first))
        shares.append(share)
    assert max(sizes) <= 5000
    assert sum(sizes) == 1000 * 999 // 2
    assert shares == sorted(shares)
    assert shares[-1] <= 1


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(count):
    assert sum(len(first) for _, (first, _) in near_pairs(np.zeros(count, np.uint64), 7)) == 0
