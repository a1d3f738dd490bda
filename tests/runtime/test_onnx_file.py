"""The ONNX file of a graph gives what the graph gives, at any batch."""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime
import pytest

from clew.base.errors import ClewError
from clew.runtime import onnx_file
from clew.runtime.graph import ACTIVATIONS, OPS, parse_graph
from clew.runtime.onnx_file import WRITE, onnx_model
from clew.runtime.reference import run_reference

SIZE = (9, 8)
WEIGHTS = {"w": (4, 3, 3, 2), "g": (6, 2, 1, 1), "b": (4,), "v": (4,), "l": (2, 4), "k": (2,)}
CONV = {
    "op": "conv2d",
    "weight": "w",
    "bias": "b",
    "stride": [2, 1],
    "dilation": [1, 2],
    "groups": 1,
    "padding": [1, 0, 2, 3],
}
MEAN = {"op": "global_mean"}
NORM = {"op": "batch_norm", "mean": "b", "var": "v", "weight": None, "bias": "b", "eps": 0.001}
POOL = {"kernel": [3, 2], "stride": [2, 2], "padding": [0, 1, 2, 0]}
FLAT = {"op": "flatten"}


def graph_of(*nodes):
    """A graph of nodes one after the other; some name their inputs."""
    made = [{"inputs": [f"v{n - 1}"] if n else ["image"], "output": f"v{n}", **node} for n, node in enumerate(nodes)]
    return parse_graph({"input": [3, *SIZE], "output": f"v{len(nodes) - 1}", "nodes": made})


def weights(seed=0):
    draw = np.random.default_rng(seed)
    return {name: np.abs(draw.standard_normal(shape)).astype(np.float32) - (name != "v") * np.float32(0.5)
            for name, shape in WEIGHTS.items()}  # fmt: skip


def ran(model, images):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"images": images})[0]


ACTIVATED = {"leaky_relu": {"slope": 0.2}, "clip": {"low": -0.25, "high": 0.5}}
GRAPHS = {
    "linear": (CONV, NORM, MEAN, {"op": "linear", "weight": "l", "bias": "k"}),
    "no bias": ({**CONV, "bias": None}, MEAN, {"op": "linear", "weight": "l", "bias": None}),
    "norm of vectors": (CONV, MEAN, {**NORM, "weight": "v", "bias": None}),
    "affine": ({"op": "affine", "scale": [2, -1, 0.5], "shift": [0.25]}, MEAN, {"op": "affine", "scale": [3], "shift": [1, 2, 3]}),
    "max pool": ({"op": "affine", "scale": [-1], "shift": [0]}, {"op": "max_pool2d", **POOL}, FLAT),
    "average": ({"op": "avg_pool2d", **POOL, "count_padding": False}, FLAT),
    "average with border": ({"op": "avg_pool2d", **POOL, "count_padding": True}, FLAT),
    "groups": ({"op": "concat", "inputs": ["image"] * 2}, {**CONV, "weight": "g", "bias": None, "groups": 3}, FLAT),
    "factors": (CONV, MEAN, {"op": "sigmoid"}, {"op": "mul", "inputs": ["v0", "v2"]}, {"op": "add", "inputs": ["v3", "v0"]}, MEAN),
    "products": (CONV, {"op": "mul", "inputs": ["v0", "v0"]}, MEAN, {"op": "mul", "inputs": ["v2", "v2"]}),
    "constant": (CONV, MEAN, {"op": "constant", "inputs": [], "values": [0.5, -1]}, {"op": "concat", "inputs": ["v1", "v2"]}),
    **{op: (CONV, {"op": op, **ACTIVATED.get(op, {})}, FLAT) for op in ACTIVATIONS},
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_onnx_runtime_gives_what_the_graph_gives(name):
    graph, tensors = graph_of(*GRAPHS[name]), weights()
    model = onnx_model(graph, tensors)
    for count in (1, 3):
        images = np.random.default_rng(count).random((count, 3, *SIZE)).astype(np.float32)
        np.testing.assert_allclose(ran(model, images), run_reference(graph, tensors, images), rtol=1e-5, atol=1e-5)


def test_every_operation_is_written_and_tried():
    assert set(WRITE) == set(OPS) == {node["op"] for nodes in GRAPHS.values() for node in nodes}


def test_the_file_says_what_it_is():
    model = onnx_model(graph_of(*GRAPHS["linear"]), weights(), {"classes": '["real", "fake"]'})
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    (images,), (logits,) = model.graph.input, model.graph.output
    assert (images.name, logits.name) == ("images", "logits")
    sides = [d.dim_param or d.dim_value for d in images.type.tensor_type.shape.dim]
    assert sides == ["batch", 3, 9, 8]
    assert [d.dim_param or d.dim_value for d in logits.type.tensor_type.shape.dim] == ["batch", 2]
    assert {p.key: p.value for p in model.metadata_props} == {"classes": '["real", "fake"]'}
    assert {i.name for i in model.graph.initializer} >= {"state/w", "state/b", "state/l", "state/k"}
    assert "state/g" not in {i.name for i in model.graph.initializer}


def test_the_same_graph_gives_the_same_bytes():
    first, second = (onnx_model(graph_of(*GRAPHS["constant"]), weights(), {"a": "1", "b": "2"}) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_names_of_a_file_cannot_get_into_each_others_way():
    """Values and tensors may be called anything, even what the model calls its own."""
    found = {
        "input": [3, *SIZE],
        "output": "images",
        "nodes": [
            {**CONV, "weight": "logits", "bias": "images", "inputs": ["image"], "output": "logits"},
            {"op": "silu", "inputs": ["logits"], "output": "gate/x"},
            {"op": "silu", "inputs": ["gate/x"], "output": "x"},
            {"op": "global_mean", "inputs": ["x"], "output": "images"},
        ],
    }
    graph, held = parse_graph(found), weights()
    tensors = {"logits": held["w"], "images": held["b"]}
    images = np.random.default_rng(0).random((2, 3, *SIZE)).astype(np.float32)
    np.testing.assert_allclose(
        ran(onnx_model(graph, tensors), images), run_reference(graph, tensors, images), rtol=1e-5, atol=1e-5
    )


def test_what_does_not_fit_is_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"ends in a vector, found \(4, 5, 9\)"):
        onnx_model(graph_of(CONV), weights())
    with pytest.raises(ValueError, match="a tensor 'w'"):
        onnx_model(graph_of(*GRAPHS["linear"]), {})
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 300)
    with pytest.raises(ClewError, match="too large for one ONNX file"):
        onnx_model(graph_of(*GRAPHS["linear"]), weights())


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ClewError, match=r"pip install 'clew\[onnx\]'"):
        onnx_model(graph_of(*GRAPHS["linear"]), weights())
