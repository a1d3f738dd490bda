import json

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.tickets.file import TicketFile, parse_ticket, read_ticket, ticket_bytes, write_ticket
from clew.tickets.header import graph_in

HEADER = {
    "detector": {"name": "cnn5", "input_size": 32, "classes": 2},
    "protocol": "as-given-v1, 32 px",
    "search": {},
    "sparsity": {},
    "data": [],
    "metrics": {},
}


def example(seed=0, density=0.3):
    rng = np.random.default_rng(seed)
    mask = {"a.weight": rng.random((3, 5, 2)) < density, "b.weight": rng.random((4, 4)) < density}
    values = {name: np.where(m, rng.standard_normal(m.shape), 0).astype(np.float32) for name, m in mask.items()}
    rest = {"a.bias": rng.standard_normal(3).astype(np.float32), "n": np.array(7, np.int64)}
    return TicketFile(HEADER, mask, values, rest)


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_round_trip_bit_for_bit(tmp_path, density):
    ticket = example(density=density)
    write_ticket(tmp_path / "t.safetensors", ticket)
    again = read_ticket(tmp_path / "t.safetensors")
    for part in ("mask", "values", "rest"):
        first, second = getattr(ticket, part), getattr(again, part)
        assert first.keys() == second.keys()
        for name in first:
            assert (first[name].dtype, first[name].shape) == (second[name].dtype, second[name].shape)
            assert first[name].tobytes() == second[name].tobytes()
    assert ticket_bytes(again) == ticket_bytes(ticket) == (tmp_path / "t.safetensors").read_bytes()


def test_it_is_an_ordinary_safetensors_file(tmp_path):
    from safetensors.numpy import load_file

    write_ticket(tmp_path / "t.safetensors", example())
    assert set(load_file(tmp_path / "t.safetensors")) == {
        "mask/a.weight", "kept/a.weight", "mask/b.weight", "kept/b.weight", "rest/a.bias", "rest/n",
    }  # fmt: skip


def test_every_flipped_byte_is_refused(tmp_path):
    data = ticket_bytes(example())
    path = tmp_path / "t.safetensors"
    rng = np.random.default_rng(0)
    for position in range(len(data)):
        spoiled = bytearray(data)
        spoiled[position] ^= int(rng.integers(1, 256))
        path.write_bytes(spoiled)
        with pytest.raises(ClewError, match=r"t\.safetensors is not a whole ticket"):
            read_ticket(path)


def test_white_space_counts_too():
    data = ticket_bytes(example())
    length = int.from_bytes(data[:8], "little")
    end = 8 + length
    assert data[end - 1 : end] in (b" ", b"}")
    spaced = (length + 8).to_bytes(8, "little") + data[8:end] + b" " * 8 + data[end:]
    with pytest.raises(ValueError, match="checksum"):
        parse_ticket(spaced)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.99])
def test_truncated_tickets(tmp_path, share):
    data = ticket_bytes(example())
    (tmp_path / "t.safetensors").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ClewError, match=r"t\.safetensors is not a whole ticket"):
        read_ticket(tmp_path / "t.safetensors")


def test_strange_files(tmp_path):
    from safetensors.numpy import save

    path = tmp_path / "x.safetensors"
    with pytest.raises(ClewError, match="does not exist"):
        read_ticket(path)
    with pytest.raises(ClewError, match="cannot be read"):
        read_ticket(tmp_path)
    path.write_bytes(save({"a": np.zeros(3)}))
    with pytest.raises(ClewError, match="it holds no Clew ticket"):
        read_ticket(path)
    path.write_bytes(save({"a": np.zeros(3)}, {"clew": json.dumps({"format": 1})}))
    with pytest.raises(ClewError, match="its header lacks detector, protocol"):
        read_ticket(path)
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    with pytest.raises(ClewError, match="truncated"):
        read_ticket(path)


def resealed(change, ticket=None):
    """A ticket changed by somebody who knows how to seal."""
    import hashlib

    from safetensors.numpy import load, save

    data = ticket_bytes(ticket or example())
    tensors = load(data)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["clew"])
    change(header, tensors)
    header["seal"] = "0" * 64
    blank = save(tensors, {"clew": json.dumps(header)})
    return blank.replace(b"0" * 64, hashlib.sha256(blank).hexdigest().encode(), 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda h, t: h.update(format=3), "it has format 3, this version of Clew reads 1 and 2"),
        (lambda h, t: h["shapes"].update({"a.weight": [10**9, 10**9]}), "at most 1,073,741,824 weights"),
        (lambda h, t: h["shapes"].update({"a.weight": [-3, -10]}), "'shapes' is not as expected"),
        (lambda h, t: h["detector"].update(input_size=10**9), "an input_size from 1 to 4096 pixels"),
        (lambda h, t: h["detector"].update(input_size=-32), "an input_size from 1 to 4096 pixels"),
        (lambda h, t: h["detector"].update(input_size="32"), "an input_size from 1 to 4096 pixels"),
        (lambda h, t: h["detector"].update(classes=10**6), "1 to 10000 classes"),
        (lambda h, t: h["detector"].update(options=[1]), "options"),
        (lambda h, t: h["detector"].update(more=1), "no field 'more'"),
        (lambda h, t: h.update(calibration={"temperature": float("nan")}), "a number that is NaN or infinite"),
        (lambda h, t: h.update(metrics={"test": {"auc": float("inf")}}), "a number that is NaN or infinite"),
        (lambda h, t: h.update(metrics={"test": {"auc": "1"}}), "figures by split"),
        (lambda h, t: h.update(best_epoch=10**30), "a number out of range"),
        (lambda h, t: h.update(protocol="\ud800"), "surrogates not allowed"),
        (lambda h, t: h.update(classes=["real", "a", "b"]), "a name for each of 2 classes"),
        (lambda h, t: h.update(data=[{"name": "store"}]), "stores by name and hash"),
        (lambda h, t: h.update(search={"seed": "x"}), "a whole number as seed"),
        (lambda h, t: h.update(sparsity={"prunable": "many"}), "a share and counts"),
        (lambda h, t: h.update(operating_point={"fpr": "x"}), "a rate and points"),
        (lambda h, t: h.update(source={}), "a file, its hash and form"),
        (lambda h, t: h["shapes"].update({"a.weight": [17]}), "does not fit"),
        (lambda h, t: t.update({"kept/a.weight": t["kept/a.weight"][:-1]}), "surviving values do not fit the mask"),
        (lambda h, t: t.pop("mask/b.weight"), "mask/b.weight"),
        (lambda h, t: t.update({"mask/b.weight": t["mask/b.weight"].astype(np.float32)}), "does not fit"),
    ],
)
def test_hostile_but_sealed_tickets(change, why):
    with pytest.raises((ValueError, KeyError), match=why):
        parse_ticket(resealed(change))


def test_a_pruned_weight_that_lives_is_never_written():
    ticket = example()
    ticket.values["a.weight"][~ticket.mask["a.weight"]] = 1e-9
    with pytest.raises(ValueError, match=r"a\.weight: a pruned weight is not zero"):
        ticket_bytes(ticket)


# The graph

NODES = [
    {"op": "conv2d", "inputs": ["image"], "output": "v1", "weight": "c.weight", "bias": None, "stride": [2, 2],
     "dilation": [1, 1], "groups": 1, "padding": [0, 0, 0, 0]},
    {"op": "global_mean", "inputs": ["v1"], "output": "v2"},
    {"op": "linear", "inputs": ["v2"], "output": "v3", "weight": "f.weight", "bias": "f.bias"},
]  # fmt: skip


def with_graph():
    """A ticket of a network of two layers that keeps its graph."""
    rng = np.random.default_rng(0)
    weights = {"c.weight": (4, 3, 3, 3), "f.weight": (2, 4)}
    values = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in weights.items()}
    mask = {name: np.ones(shape, bool) for name, shape in weights.items()}
    graph = {"input": [3, 32, 32], "output": "v3", "nodes": json.loads(json.dumps(NODES))}
    return TicketFile({**HEADER, "graph": graph}, mask, values, {"f.bias": np.zeros(2, np.float32)})


def test_the_graph_is_kept(tmp_path):
    write_ticket(tmp_path / "t", with_graph())
    read = read_ticket(tmp_path / "t")
    assert read.header["format"] == 2
    graph = graph_in(read.header)
    assert [node.op for node in graph.nodes] == ["conv2d", "global_mean", "linear"]
    assert graph.as_dict() == read.header["graph"]
    assert ticket_bytes(read) == ticket_bytes(with_graph())


def node(number, **changes):
    return lambda h, t: h["graph"]["nodes"][number].update(changes)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda h, t: h.update(graph=[]), "'graph' is not as expected: expected an object"),
        (lambda h, t: h["graph"].update(nodes=7), "at most 20000 nodes"),
        (lambda h, t: h["graph"].update(output="v9"), "an output that a node makes"),
        (lambda h, t: h["graph"].update(input=[3, 64, 64]), "an input of 32 x 32 pixels"),
        (node(0, op="system"), "unknown operation 'system'"),
        (node(0, inputs=["v3"]), "node 0 is not as expected: expected known inputs"),
        (node(0, stride=[0, 0]), "another stride"),
        (node(0, weight="d.weight"), r"'v1' \(conv2d\) does not fit: expected a tensor 'd.weight'"),
        (node(2, weight="c.weight"), r"'v3' \(linear\) does not fit"),
        (node(2, bias="f.weight"), "2 values of bias"),
        (lambda h, t: t.update({"rest/f.bias": t["rest/f.bias"].astype(np.float64)}), "a tensor 'f.bias'"),
        (lambda h, t: t.pop("rest/f.bias"), "a tensor 'f.bias'"),
        (lambda h, t: h["graph"].update(output="v2"), r"2 logits at its end, not \(4,\)"),
        (lambda h, t: h.update(format=1), "null in format 1"),
        (lambda h, t: h.update(graph=None, graph_reason=["x"]), "'graph_reason' is not as expected"),
    ],
)
def test_hostile_graphs_are_refused(change, why, tmp_path):
    (tmp_path / "t").write_bytes(resealed(change, with_graph()))
    with pytest.raises(ClewError, match=f"t is not a whole ticket .*{why}"):
        read_ticket(tmp_path / "t")


def test_a_graph_that_could_not_be_read_is_never_written():
    ticket = with_graph()
    ticket.header["graph"]["nodes"][2]["weight"] = "c.weight"
    with pytest.raises(ValueError, match="does not fit"):
        ticket_bytes(ticket)


def test_format_1_without_a_graph_is_still_read():
    data = resealed(lambda h, t: h.update(format=1, graph=None))
    read = parse_ticket(data)
    assert read.header["format"] == 1
    assert graph_in(read.header) is None
    assert parse_ticket(ticket_bytes(read)).header["format"] == 2
