"""The sparse engine against PyTorch: any layer, any net, any kind of processor that this one can run."""

import platform

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clew.runtime.assemble import assemble
from clew.runtime.engine import Engine, build
from clew.runtime.executable import from_bytes
from clew.runtime.fold import fold
from clew.runtime.target import KINDS, possible, target
from random_graphs import Drawn, by_torch, layers, nets

GAP = 512
QUICK = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def same(made, kind, half=False):
    graph, tensors = made
    images = np.random.default_rng(0).random((2, *graph.input), np.float32)
    found = Engine(build(graph, tensors, target(kind), half), target(kind)).logits(images)
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


@pytest.mark.parametrize("count", [1, 2, 7])
def test_threads_find_the_same_bits(count):
    graph, tensors = drawn_net()
    ready = build(graph, tensors, target())
    images = np.random.default_rng(1).random((count, *graph.input), np.float32)
    alone = Engine(ready, target()).logits(images)
    for threads in (2, 3):
        engine = Engine(ready, target(), threads)
        for _ in range(20):
            assert np.array_equal(engine.logits(images), alone)


def test_a_kept_executable_finds_the_same_bits():
    graph, tensors = drawn_net()
    ready = build(graph, tensors, target())
    images = np.random.default_rng(1).random((2, *graph.input), np.float32)
    again = Engine(from_bytes(ready.as_bytes()), target()).logits(images)
    assert np.array_equal(again, Engine(ready, target()).logits(images))


@settings(QUICK, max_examples=12)
@given(st.one_of(layers(), nets()), st.sampled_from(possible()))
def test_nothing_is_read_or_written_between_tensors(made, kind):
    graph, tensors = made
    images = np.random.default_rng(0).random((1, *graph.input), np.float32)
    alone = Engine(build(graph, tensors, target(kind)), target(kind)).logits(images)
    engine = Engine(build(graph, tensors, target(kind), gap=GAP), target(kind))
    (bench,) = engine._benches
    program = assemble(fold(graph, tensors), target(kind), False)
    offsets, size = program.arranged(GAP)
    between = np.ones(size, bool)
    for name, start in offsets.items():
        between[start : start + program.sizes[name]] = False
    bench._arena[between] = 255  # a number of fp32 that is none
    assert np.array_equal(engine.logits(images), alone)
    assert between.sum() >= GAP
    assert (bench._arena[between] == 255).all()


@pytest.mark.parametrize("kind", KINDS)
def test_code_is_made_for_any_processor(kind):
    graph, tensors = drawn_net()
    chosen = target(kind)
    code = build(graph, tensors, chosen, half=chosen.half).code.tobytes()
    machine = int.from_bytes(code[18:20], "little")  # ELF's e_machine
    assert machine == (183 if kind == "neon" else 62 if platform.machine() == "x86_64" else machine)


def test_images_of_another_size_are_refused():
    graph, tensors = drawn_net()
    with pytest.raises(ValueError, match=r"expected images \(B, 3, 21, 30\), found \(1, 3, 20, 30\)"):
        Engine(build(graph, tensors, target()), target()).logits(np.zeros((1, 3, 20, 30), np.float32))


def drawn_net():
    made = Drawn((21, 30), 5)
    made.conv(24, (3, 3), padding=(1, 1, 1, 1))
    made.norm()
    made.add("relu")
    made.conv(40, (3, 3), (2, 2), (1, 1, 1, 1), sparsity=0.8)
    made.conv(40, (5, 5), (1, 1), (2, 2, 2, 2), sparsity=0.9)
    return made.graph(3), made.tensors
