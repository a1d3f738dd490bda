"""The sparse engine against PyTorch: any layer, any net, any kind of processor that this one can run."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import by_torch, layers, nets

from clew.runtime.engine import engine_of
from clew.runtime.target import possible, target

QUICK = settings(max_examples=400, deadline=None, derandomize=False, suppress_health_check=list(HealthCheck))


def same(made, kind, half=False):
    graph, tensors = made
    images = np.random.default_rng(0).random((2, *graph.input), np.float32)
    found = engine_of(graph, tensors, target(kind), half).logits(images)
    wanted = by_torch(graph, tensors, images)
    scale = max(1.0, float(np.abs(wanted).max()))
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= (2e-2 if half else 1e-4) * scale


@QUICK
@given(layers(), st.sampled_from(possible()))
def test_any_layer_is_that_of_pytorch(made, kind):
    same(made, kind)


@QUICK
@given(nets(), st.sampled_from(possible()))
def test_any_net_is_that_of_pytorch(made, kind):
    same(made, kind)


@pytest.mark.skipif("avx512-fp16" not in possible(), reason="this processor does not compute in fp16")
@QUICK
@given(st.one_of(layers(), nets()))
def test_fp16_is_near(made):
    same(made, "avx512-fp16", half=True)
