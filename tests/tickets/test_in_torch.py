"""Graphs run by PyTorch: as numpy's reference runs them, and compact ones as the whole."""

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clew.runtime.compact import compacted
from clew.runtime.graph import OPS
from clew.runtime.reference import run_reference
from clew.tickets.in_torch import RUN, run_graph
from random_graphs import layers, nets

QUICK = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@QUICK
@given(st.one_of(layers(), nets()))
def test_any_graph_is_that_of_the_reference(made):
    graph, tensors = made
    images = np.random.default_rng(0).random((2, *graph.input), np.float32)
    wanted = run_reference(graph, tensors, images)
    for one in (None, compacted(graph, tensors)):
        whole, weights = (graph, tensors) if one is None else (one.graph, one.tensors)
        ready = {name: torch.from_numpy(tensor) for name, tensor in weights.items()}
        found = run_graph(whole, ready, torch.from_numpy(images)).numpy()
        assert np.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_every_operation_is_known():
    assert set(RUN) == set(OPS)
