"""The profile against the core's ceilings: what a small layer has to do, counted by hand."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from clew.runtime.assemble import assemble
from clew.runtime.engine import Engine, build
from clew.runtime.fold import fold
from clew.runtime.graph import Graph, Node
from clew.runtime.target import target

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def roofline(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("roofline")


@pytest.fixture
def ceilings(roofline):
    """By which numbers come out round."""
    caches, rates = {"L1": 48_000, "L2": 2_000_000}, {"L1": 8e9, "L2": 4e9, "L3": 1e9}
    return roofline.Ceilings(caches, 1e10, rates, {"L1": 4e11, "L2": 1e11, "L3": 1e10})


def tiny():
    """A 3x3 convolution of the picture, 16x16 to 8 maps, two of its 216 weights kept; then means and a linear layer."""
    weight = np.zeros((8, 3, 3, 3), np.float32)
    weight[0, 0, 1, 1] = weight[5, 2, 0, 2] = 1
    attributes = {"stride": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1}
    nodes = (
        Node("conv2d", ("image",), "maps", {"weight": "w", "bias": None, **attributes}),
        Node("global_mean", ("maps",), "means", {}),
        Node("linear", ("means",), "logits", {"weight": "l", "bias": None}),
    )
    return Graph((3, 16, 16), nodes, "logits"), {"w": weight, "l": np.ones((2, 8), np.float32)}


def test_the_work_of_a_layer_counted_by_hand(roofline):
    graph, tensors = tiny()
    folded, chosen = fold(graph, tensors), target()
    program = assemble(folded, chosen, False)
    account = roofline.Account(folded, program, chosen, False)
    found = {call.label: account.work(call) for call in program.calls if call.kind is roofline.convolution}
    work = found["maps"]
    assert work.kind == "3x3"
    assert work.multiply_adds == 2 * 16 * 16
    assert work.written == 8 * 16 * 16 * 4
    tables = sum(
        arg.nbytes for call in program.calls if call.label == "maps" for arg in call.args if isinstance(arg, np.ndarray)
    )
    assert work.read == 3 * 16 * 16 * 4 + tables


def test_the_longer_of_computing_and_moving(roofline, ceilings):
    alone = roofline.Work("v", "1x1", multiply_adds=8_000_000, read=600_000, written=400_000, again=40_000)
    assert alone.least(ceilings) == (8e6 / 8e9, 1e6 / 1e11)
    beyond = roofline.Work("v", "1x1", 8_000_000, 6_000_000, 4_000_000, again=48_001)
    assert beyond.least(ceilings) == (8e6 / 4e9, 1e7 / 1e10)
    shared = roofline.Work("v", "1x1", 8_000_000, 0, 0, again=40_000, shared=4)
    assert shared.least(ceilings) == (8e6 / 1e10, 0)  # more than the registers let through it cannot be
    step = roofline.Step(beyond, "L2", 4.0, 2.0, 1.0)
    assert step.as_dict()["reached"] == 0.5
    assert step.as_dict()["bound_by"] == "computing"


def test_calls_of_one_layer_are_one_step(roofline, ceilings, monkeypatch):
    from clew.runtime.layers import strips

    graph, tensors = tiny()
    depthwise = {"stride": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 8}
    point = {**depthwise, "padding": [0, 0, 0, 0], "groups": 1}
    first, *rest = graph.nodes
    more = (
        Node("conv2d", ("maps",), "deep", {"weight": "d", "bias": None, **depthwise}),
        Node("conv2d", ("deep",), "point", {"weight": "p", "bias": None, **point}),
        Node("global_mean", ("point",), "means", {}),
    )
    graph = Graph(graph.input, (first, *more, *rest[1:]), graph.output)
    tensors |= {"d": np.ones((8, 1, 3, 3), np.float32), "p": np.ones((8, 8, 1, 1), np.float32)}
    monkeypatch.setattr(strips, "WORTH", 0)
    monkeypatch.setattr(strips, "SECOND", 1)
    folded, chosen = fold(graph, tensors), target()
    program = assemble(folded, chosen, False)
    engine = Engine(build(graph, tensors, chosen), chosen)
    account = roofline.Account(folded, program, chosen, False)
    found = roofline.steps(engine, program.calls, account, ceilings, 2)
    works = {step.work.label: step.work for step in found}
    assert sum(call.label == "deep" for call in program.calls) > 1
    assert len([step for step in found if step.work.label == "deep"]) == 1
    assert works["deep"].kind == "3x3 depthwise"
    assert works["deep"].multiply_adds == 8 * 9 * 256
    assert works["point"].multiply_adds == 64 * 256
    assert sum(one["ms"] for one in roofline.kinds(found).values()) == pytest.approx(sum(step.ms for step in found))


def test_ceilings_are_measured(roofline):
    found = importlib.import_module("ceilings").measured(target(), False, 1e-5)
    assert found.registers > 0
    assert set(found.loads) == set(found.copies) == {"L1", "L2", "L3"}
    assert min(*found.loads.values(), *found.copies.values()) > 0
    assert found.level(found.caches["L1"]) == "L1"
    assert found.level(found.caches["L2"] + 1) == "L3"
