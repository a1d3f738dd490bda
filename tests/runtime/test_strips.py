"""Pairs of convolutions done strip by strip: the same numbers, with less between them."""

import numpy as np
import pytest

from clew.runtime.assemble import assemble
from clew.runtime.engine import Engine, build
from clew.runtime.fold import fold
from clew.runtime.layers import strips
from clew.runtime.target import possible, target
from random_graphs import Drawn, by_torch

GAP = 512


@pytest.fixture
def small(monkeypatch):
    """A processor with so small a cache that everything goes by strips of few rows."""

    def cache(size):
        monkeypatch.setattr(strips, "WORTH", 0)
        monkeypatch.setattr(strips, "SECOND", size)

    return cache


def separable(stride=(1, 1), dilation=(1, 1), act="relu", added=False, size=(45, 38), window=3):
    """A convolution, then a depthwise one and one of 1x1, to which what they begin with may be added."""
    made = Drawn(size, 3)
    made.conv(24, (3, 3), padding=(1, 1, 1, 1))
    before = made.last
    pads = (dilation[0] * (window // 2), dilation[1] * (window // 2)) * 2
    made.conv(24, (window, window), stride, pads, dilation, groups=24, sparsity=0.6)
    made.add(act)
    made.conv(24, (1, 1), sparsity=0.8)
    made.norm()
    if added:
        made.add("add", made.last, before)
    made.add("relu")
    return made.graph(2), made.tensors


def checked(graph, tensors, kind="", half=False):
    """The program; what it finds is what PyTorch does, to the bit whatever the threads."""
    chosen = target(kind)
    images = np.random.default_rng(0).random((1, *graph.input), np.float32)
    ready = build(graph, tensors, chosen, half)
    found = Engine(ready, chosen).logits(images)
    wanted = by_torch(graph, tensors, images)
    assert np.abs(found - wanted).max() <= (2e-2 if half else 1e-4) * max(1.0, float(np.abs(wanted).max()))
    for _ in range(5):
        assert np.array_equal(Engine(ready, chosen, 2).logits(images), found)
    return assemble(fold(graph, tensors), chosen, half)


def calls_of(program, name):
    return sum(call.label == name for call in program.calls)


@pytest.mark.parametrize("kind", possible())
@pytest.mark.parametrize("cache", [1, 60_000])
def test_strips_find_what_pytorch_does(small, kind, cache):
    small(cache)
    program = checked(*separable(), kind)
    (strip,) = [name for name in program.sizes if name.endswith("#strip")]
    depthwise = strip.removesuffix("#strip")
    assert calls_of(program, depthwise) > 1
    assert not any(name.startswith(f"{depthwise}@") for name in program.sizes)  # what is between is nowhere whole
    assert program.sizes[strip] <= max(cache, 24 * 38 * target(kind).bytes)


@pytest.mark.parametrize(
    "how",
    [
        {"stride": (2, 2)},
        {"stride": (2, 1), "act": "hardswish"},
        {"dilation": (2, 2), "added": True},
        {"added": True, "act": "sigmoid", "size": (37, 37)},
        {"window": 5, "size": (41, 29)},
    ],
)
def test_any_stride_window_and_sum(small, how):
    small(1)
    assert any(name.endswith("#strip") for name in checked(*separable(**how)).sizes)


@pytest.mark.skipif("avx512-fp16" not in possible(), reason="this processor does not compute in fp16")
def test_in_fp16(small):
    small(1)
    assert any(name.endswith("#strip") for name in checked(*separable(added=True), half=True).sizes)


def test_nothing_is_written_beside_a_strip(small):
    small(1)
    graph, tensors = separable(added=True)
    images = np.random.default_rng(0).random((1, *graph.input), np.float32)
    alone = Engine(build(graph, tensors, target()), target()).logits(images)
    engine = Engine(build(graph, tensors, target(), gap=GAP), target())
    program = assemble(fold(graph, tensors), target(), False)
    offsets, size = program.arranged(GAP)
    between = np.ones(size, bool)
    for name, start in offsets.items():
        between[start : start + program.sizes[name]] = False
    (bench,) = engine._benches
    bench._arena[between] = 255
    assert np.array_equal(engine.logits(images), alone)
    assert (bench._arena[between] == 255).all()


def test_what_is_read_twice_stays_whole(small):
    small(1)
    made = Drawn((30, 30), 3)
    made.conv(16, (3, 3), padding=(1, 1, 1, 1))
    made.conv(16, (3, 3), padding=(1, 1, 1, 1), groups=16)
    depthwise = made.last
    made.conv(16, (1, 1))
    made.add("add", made.last, depthwise)
    program = checked(made.graph(2), made.tensors)
    assert calls_of(program, depthwise) == 1
    assert not any(name.endswith("#strip") for name in program.sizes)


def test_small_maps_stay_whole():
    program = checked(*separable())
    assert not any(name.endswith("#strip") for name in program.sizes)


@pytest.mark.parametrize(
    ("rows", "strip", "wanted"), [(6, 2, [0, 2, 4]), (7, 3, [0, 3, 4]), (4, 4, [0]), (5, 4, [0, 1])]
)
def test_the_last_strip_ends_with_the_maps(rows, strip, wanted):
    assert strips.starts(rows, strip) == wanted
