"""Compaction: dead channels go, the logits stay."""

import numpy as np
from hypothesis import HealthCheck, given, settings

from clew.runtime.compact import compacted
from random_graphs import Drawn, by_torch, layers, nets

QUICK = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def same(graph, tensors):
    images = np.random.default_rng(0).random((2, *graph.input), np.float32)
    small = compacted(graph, tensors)
    wanted, found = by_torch(graph, tensors, images), by_torch(small.graph, small.tensors, images)
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-5)
    return small


@QUICK
@given(nets())
def test_nets_find_the_same(made):
    graph, tensors = made
    for name, tensor in tensors.items():
        if tensor.ndim == 4:  # whole filters and whole inputs are pruned
            rng = np.random.default_rng(len(name))
            tensor[rng.random(len(tensor)) < 0.4] = 0
            tensor[:, rng.random(tensor.shape[1]) < 0.3] = 0
    same(graph, tensors)


@QUICK
@given(layers())
def test_layers_find_the_same(made):
    same(*made)


def test_by_hand():
    made = Drawn((9, 9), 0)
    made.conv(4, (3, 3), padding=(1, 1, 1, 1), sparsity=0)
    first, bias = made.nodes[-1]["weight"], made.tensor(4)
    made.nodes[-1].attributes["bias"] = bias
    made.add("relu")
    made.conv(3, (3, 3), padding=(1, 1, 1, 1), sparsity=0)
    second = made.nodes[-1]["weight"]
    made.add("relu")
    graph = made.graph()
    made.tensors[first][0] = 0
    made.tensors[bias][0] = -1  # a constant below zero: zero after ReLU, so nobody reads it
    made.tensors[first][1] = 0
    made.tensors[bias][1] = 1  # a constant that is not: with padding it cannot go
    made.tensors[second][:, 2] = 0  # nobody reads it
    made.tensors[graph.nodes[-1]["weight"]][:] = 1
    small = same(graph, made.tensors)
    assert (small.channels, small.removed) == (4 + 3 + 2, 2)
    weights = [small.tensors[node["weight"]].shape for node in small.graph.nodes if node.op == "conv2d"]
    assert weights == [(2, 3, 3, 3), (3, 2, 3, 3)]


def test_what_is_constant_without_padding_goes_into_the_bias():
    made = Drawn((9, 9), 0)
    made.conv(2, (3, 3), sparsity=0)
    first, bias = made.nodes[-1]["weight"], made.tensor(2)
    made.nodes[-1].attributes["bias"] = bias
    made.norm()
    made.conv(3, (3, 3), sparsity=0)
    graph = made.graph()
    made.tensors[graph.nodes[-1]["weight"]][:] = 1
    made.tensors[first][1] = 0
    assert same(graph, made.tensors).removed == 1
