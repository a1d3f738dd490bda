import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.base.errors import ClewError
from clew.tickets.masks import (
    full_mask,
    is_nested,
    layer_counts,
    macs_sparsity,
    prunable_count,
    prune,
    random_mask,
    remaining,
    sparsity,
)

WEIGHTS = {
    "a": np.array([[0.5, -0.1], [0.3, 0.2]], np.float32),
    "b": np.array([-0.4, 0.1, 0.05, 0.6, -0.7, 0.8], np.float32),
}


def kept(mask):
    return {name: m.reshape(-1).astype(int).tolist() for name, m in mask.items()}


def test_global_pruning_by_hand():
    # magnitudes in rising order: b2 .05, then the tie a1 .1 = b1 .1, a3 .2, a2 .3, b0 .4, a0 .5, b3 .6, ...
    dense = full_mask(WEIGHTS)
    assert kept(prune(WEIGHTS, dense, 0.2, "global")) == {"a": [1, 0, 1, 1], "b": [1, 1, 0, 1, 1, 1]}
    assert kept(prune(WEIGHTS, dense, 0.3, "global")) == {"a": [1, 0, 1, 1], "b": [1, 0, 0, 1, 1, 1]}
    assert kept(prune(WEIGHTS, dense, 0.7, "global")) == {"a": [0, 0, 0, 0], "b": [0, 0, 0, 1, 1, 1]}


def test_local_pruning_by_hand():
    dense = full_mask(WEIGHTS)
    # 0.5: two of four, three of six; in b the tie-free order is .05, .1, .4
    assert kept(prune(WEIGHTS, dense, 0.5, "local")) == {"a": [1, 0, 1, 0], "b": [0, 0, 0, 1, 1, 1]}
    # 0.4 of 10 is 4: 1.6 of a and 2.4 of b; the larger remainder gets the fourth
    assert kept(prune(WEIGHTS, dense, 0.4, "local")) == {"a": [1, 0, 1, 0], "b": [1, 0, 0, 1, 1, 1]}


def test_ties_go_in_order():
    equal = {"a": np.full(5, 0.5, np.float32), "b": np.full(5, -0.5, np.float32)}
    assert kept(prune(equal, full_mask(equal), 0.6, "global")) == {"a": [0, 0, 0, 0, 0], "b": [0, 1, 1, 1, 1]}
    assert kept(prune(equal, full_mask(equal), 0.4, "local")) == {"a": [0, 0, 1, 1, 1], "b": [0, 0, 1, 1, 1]}


def test_the_dead_stay_dead_though_their_stored_values_are_large():
    mask = {"a": np.array([False, True, True, True])}
    weights = {"a": np.array([9.0, 0.1, 0.2, 0.3], np.float32)}
    assert kept(prune(weights, mask, 0.5, "global")) == {"a": [0, 0, 1, 1]}
    with pytest.raises(ClewError, match="levels must rise"):
        prune(weights, mask, 0.1, "global")


def test_an_unknown_scope_lists_the_known():
    with pytest.raises(ClewError, match="unknown scope 'layer'. Known: global, local"):
        prune(WEIGHTS, full_mask(WEIGHTS), 0.5, "layer")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=5),
    st.lists(st.integers(1, 98), min_size=1, max_size=6, unique=True),
    st.sampled_from(["global", "local"]),
    st.integers(0, 2**31),
)
def test_sparsity_is_exact_and_masks_nest(sizes, percents, scope, seed):
    rng = np.random.default_rng(seed)
    weights = {f"w{i}": rng.integers(-3, 4, n).astype(np.float32) for i, n in enumerate(sizes)}  # many ties
    mask, total = full_mask(weights), sum(sizes)
    lots = random_mask(mask, seed)
    for percent in sorted(percents):
        new = prune(weights, mask, percent / 100, scope)
        assert abs(total - remaining(new) - percent / 100 * total) <= 1
        if scope == "local":
            for name, (alive, size) in layer_counts(new).items():
                assert abs(size - alive - percent / 100 * size) < 1 + 1e-9, name
        assert is_nested(new, mask)
        control = random_mask(new, seed)
        assert layer_counts(control) == layer_counts(new)
        assert is_nested(control, lots)
        mask, lots = new, control


def test_random_masks_differ_by_seed_and_tensor():
    like = {"a": np.arange(100) < 50, "b": np.arange(100) < 50}
    first, second = random_mask(like, 0), random_mask(like, 1)
    assert not np.array_equal(first["a"], second["a"])
    assert not np.array_equal(first["a"], first["b"])
    np.testing.assert_array_equal(first["a"], random_mask(like, 0)["a"])


def test_counts():
    mask = {"conv": np.array([True, False, False, True]), "head": np.array([True, False])}
    assert (remaining(mask), prunable_count(mask), sparsity(mask)) == (3, 6, 0.5)
    assert macs_sparsity(mask, {"conv": 100, "head": 1}) == pytest.approx(1 - 201 / 402)
    assert macs_sparsity(mask, {"conv": 100, "head": 0}) == 0.5
