"""Graphs come from files, and files from anybody: what no graph can be is a ValueError, never anything else."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.runtime.graph import ATTRIBUTES, OPS, Graph, parse_graph, shapes_of
from clew.runtime.reference import RUN, run_reference

FOUND = {
    "input": [3, 8, 6],
    "output": "v8",
    "nodes": [
        {"op": "affine", "inputs": ["image"], "output": "v1", "scale": [2.0], "shift": [-1.0, 0.0, 1.0]},
        {"op": "conv2d", "inputs": ["v1"], "output": "v2", "weight": "w", "bias": None, "stride": [2, 1],
         "dilation": [1, 2], "groups": 1, "padding": [1, 0, 0, 3]},
        {"op": "batch_norm", "inputs": ["v2"], "output": "v3", "mean": "m", "var": "m", "weight": None, "bias": "m",
         "eps": 0.001},
        {"op": "max_pool2d", "inputs": ["v3"], "output": "v4", "kernel": [2, 2], "stride": [2, 2],
         "padding": [0, 0, 1, 0]},
        {"op": "global_mean", "inputs": ["v4"], "output": "v5"},
        {"op": "linear", "inputs": ["v5"], "output": "v6", "weight": "l", "bias": None},
        {"op": "constant", "inputs": [], "output": "v7", "values": [0.0]},
        {"op": "concat", "inputs": ["v6", "v7"], "output": "v8"},
    ],
}  # fmt: skip
TENSORS = {"w": (4, 3, 3, 3), "m": (4,), "l": (1, 4)}


def changed(number=None, **changes):
    found = copy.deepcopy(FOUND)
    (found if number is None else found["nodes"][number]).update(changes)
    return found


def test_a_graph_and_its_shapes():
    graph = parse_graph(FOUND)
    assert graph.as_dict() == FOUND
    assert shapes_of(graph, TENSORS) == {
        "image": (3, 8, 6),
        "v1": (3, 8, 6),
        "v2": (4, 4, 5),  # (8 + 1 - 3) // 2 + 1, (6 + 3 - 2 * 2 - 1) // 1 + 1
        "v3": (4, 4, 5),
        "v4": (4, 2, 2),  # (4 + 1 - 2) // 2 + 1, (5 - 2) // 2 + 1
        "v5": (4,),
        "v6": (1,),
        "v7": (1,),
        "v8": (2,),
    }


def test_every_operation_is_known_everywhere():
    assert set(OPS) == set(ATTRIBUTES) == set(RUN)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "an object"),
        (changed(input=[1, 8, 8]), "an input of 3 channels"),
        (changed(input=[3, 2**16, 2**16]), "an input of 3 channels"),
        (changed(input=[3, True, 8]), "an input of 3 channels"),
        (changed(nodes={}), "nodes"),
        (changed(nodes=FOUND["nodes"][:1] * 20_001), "at most 20000 nodes"),
        (changed(nodes=FOUND["nodes"][:1] * 2), "node 1 is not as expected: expected a new name"),
        (changed(output="image2"), "an output that a node makes"),
        (changed(0, op="eval"), "unknown operation 'eval'; known are add, affine"),
        (changed(0, op=["affine"]), "an object with an op"),
        (changed(0, inputs=["v1"]), "known inputs"),
        (changed(0, inputs=[["image"]]), "known inputs"),
        (changed(0, output="image"), "a new name"),
        (changed(0, more=1), "the attributes scale, shift"),
        (changed(0, scale=[float("nan")]), "another scale"),
        (changed(0, scale=[10**400]), "another scale"),
        (changed(0, scale=[1e39]), "another scale"),
        (changed(0, scale=[]), "another scale"),
        (changed(1, stride=[0, 1]), "another stride"),
        (changed(1, padding=[0, 0, -1, 0]), "another padding"),
        (changed(1, groups=1.0), "another groups"),
        (changed(1, weight=None), "another weight"),
    ],
)
def test_what_no_graph_is(found, why):
    with pytest.raises(ValueError, match=why):
        parse_graph(found)


@pytest.mark.parametrize(
    ("found", "tensors", "why"),
    [
        (changed(1, groups=2), {}, r"'v2' \(conv2d\) does not fit: expected 3 channels"),
        (changed(1, padding=[0, 0, 0, 0], dilation=[4, 4]), {}, "windows no larger than the maps"),
        (FOUND, {"w": (4, 3, 3)}, r"weights \(O, C / groups, kh, kw\)"),
        (FOUND, {"w": (4, 3, 0, 3)}, r"weights \(O, C / groups, kh, kw\)"),
        (FOUND, {"m": (3,)}, "4 values of mean"),
        (FOUND, {"l": (1, 5)}, "a vector of"),
        (FOUND, {"m": None}, "a tensor 'm'"),
        (changed(0, shift=[1.0, 2.0]), {}, "3 numbers, or one"),
        (changed(3, padding=[2, 0, 0, 0]), {}, "lie on the picture in part"),
        (changed(4, inputs=["v4", "v4"]), {}, r"maps \(C, H, W\) alone"),
        (changed(5, inputs=["v4"]), {}, "a vector of"),
        (changed(7, inputs=["v6", "v4"]), {}, "values of one size"),
        (changed(7, inputs=[]), {}, "values of one size"),
        (changed(6, inputs=["v6"]), {}, "no inputs"),
        (changed(7, op="add", inputs=["v6", "v5"]), {}, "two values of one shape"),
        (changed(7, op="mul", inputs=["v5", "v4"]), {}, "or factors"),
        (changed(7, op="relu", inputs=[]), {}, "one value"),
    ],
)
def test_what_does_not_fit(found, tensors, why):
    known = {name: shape for name, shape in {**TENSORS, **tensors}.items() if shape is not None}
    with pytest.raises(ValueError, match=why):
        shapes_of(parse_graph(found), known)


def test_no_value_grows_beyond_all_bounds():
    """Each joining doubles the maps: 2**22 * 96 numbers would be more than anybody has."""
    nodes, last = [], "image"
    for number in range(22):
        nodes.append({"op": "concat", "inputs": [last, last], "output": (last := f"v{number}")})
    with pytest.raises(ValueError, match="a possible size"):
        shapes_of(parse_graph({"input": [3, 64, 64], "output": last, "nodes": nodes}), {})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(sorted(OPS)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(found, path=()):
    """The paths of all parts of a JSON value."""
    yield path
    for key, part in found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ():
        yield from places(part, (*path, key))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([p for p in places(FOUND) if p]), anything | st.sampled_from(["v1", "v4", "image", [2, 2], 1]))
def test_any_part_may_be_anything(path, value):
    found = copy.deepcopy(FOUND)
    part = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    try:
        graph = parse_graph(found)
        shapes = shapes_of(graph, TENSORS)
    except ValueError:
        return
    assert json.loads(json.dumps(graph.as_dict(), allow_nan=False))
    if any(np.prod(shape) > 10_000 for shape in shapes.values()) or max(graph.input) > 100:
        return
    draw = np.random.default_rng(0)
    tensors = {name: draw.random(shape).astype(np.float32) for name, shape in TENSORS.items()}
    out = run_reference(graph, tensors, draw.random((2, *graph.input)).astype(np.float32))
    assert out.shape == (2, *shapes[graph.output])


# The reference, by hand


def run(nodes, images, size, **tensors):
    nodes = [{"inputs": [f"v{n - 1}"] if n else ["image"], "output": f"v{n}", **node} for n, node in enumerate(nodes)]
    graph = parse_graph({"input": [3, *size], "output": f"v{len(nodes) - 1}", "nodes": nodes})
    held = {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}
    shapes = shapes_of(graph, {name: tensor.shape for name, tensor in held.items()})
    found = run_reference(graph, held, np.asarray(images, np.float32).reshape(-1, 3, *size))
    assert found.shape[1:] == shapes[graph.output]
    return found


ROW = np.arange(12.0).reshape(1, 3, 2, 2)  # channels 0 1 2 3, 4 5 6 7, 8 9 10 11


def test_the_reference_counts_as_one_does_by_hand():
    assert run([{"op": "global_mean"}], ROW, (2, 2)).tolist() == [[1.5, 5.5, 9.5]]
    assert run([{"op": "flatten"}], ROW, (2, 2)).tolist() == [list(range(12))]
    means = [{"op": "affine", "scale": [1, 2, 0], "shift": [0.5]}, {"op": "global_mean"}]
    assert run(means, ROW, (2, 2)).tolist() == [[2, 11.5, 0.5]]
    border = {"kernel": [2, 2], "stride": [2, 2], "padding": [1, 1, 1, 1]}
    largest = [{"op": "affine", "scale": [-1], "shift": [0]}, {"op": "max_pool2d", **border}, {"op": "flatten"}]
    assert run(largest, ROW, (2, 2))[0, :4].tolist() == [0, -1, -2, -3]  # no zero of the border is a maximum
    average = [{"op": "avg_pool2d", **border, "count_padding": True}, {"op": "flatten"}]
    assert run(average, ROW, (2, 2))[0, 4:8].tolist() == [1, 1.25, 1.5, 1.75]
    average[0]["count_padding"] = False
    assert run(average, ROW, (2, 2))[0, 4:8].tolist() == [4, 5, 6, 7]
    pad = {"op": "conv2d", "weight": "w", "bias": "b", "stride": [1, 1], "dilation": [1, 1], "groups": 3}
    pad |= {"padding": [0, 1, 0, 0]}
    kernel = np.zeros((3, 1, 1, 2)) + [[[10, 1]]]
    found = run([pad, {"op": "flatten"}], ROW, (2, 2), w=kernel, b=[0, 0, 100])[0]
    assert found.tolist() == [0, 1, 2, 23, 4, 45, 6, 67, 108, 189, 110, 211]
    norm = {"op": "batch_norm", "mean": "m", "var": "v", "weight": None, "bias": None, "eps": 1.0}
    assert run([{"op": "global_mean"}, norm], ROW, (2, 2), m=[1.5, 1.5, 1.5], v=[3, 3, 0]).tolist() == [[0, 2, 8]]


def test_the_reference_takes_pictures_of_the_graphs_size_alone():
    with pytest.raises(ValueError, match=r"expected images \(B, 3, 8, 6\), found \(1, 3, 8, 8\)"):
        run_reference(parse_graph(FOUND), {}, np.zeros((1, 3, 8, 8), np.float32))


def test_a_graph_is_a_value():
    assert parse_graph(FOUND) == parse_graph(copy.deepcopy(FOUND))
    assert isinstance(parse_graph(FOUND), Graph)
