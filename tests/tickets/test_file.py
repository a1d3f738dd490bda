import json
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load

from clew.base.errors import ClewError
from clew.tickets import checked_json
from clew.tickets.checked_json import deflated, inflated
from clew.tickets.file import TicketFile, parse_ticket, read_sealed, read_ticket, ticket_bytes, write_ticket
from clew.tickets.header import graph_in
from sealed_tickets import compressed, format_1, resealed, resealed_1

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
    rest = {name: rng.standard_normal(size).astype(np.float32) for name, size in (("c.bias", 2), ("a.bias", 3))}
    rest["n"] = np.array(7, np.int64)
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


def test_any_safetensors_reader_reads_it_as_it_is_documented():
    """By the words of docs/formats.md: one tensor after the other in the order of their names, most significant first."""
    ticket = example()
    data = ticket_bytes(ticket)
    tensors, length = load(data), int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["clew"])
    assert set(tensors) == {"mask", "kept", "rest/float32", "rest/int64", "details"}
    assert header["shapes"] == {"a.weight": [3, 5, 2], "b.weight": [4, 4]}
    assert (header["format"], header["values"]) == (2, "fp32")
    names = ("a.weight", "b.weight")
    bits = [bit for byte in tensors["mask"].tolist() for bit in f"{byte:08b}"]
    assert bits == [str(int(bit)) for name in names for bit in ticket.mask[name].ravel()] + ["0", "0"]
    assert tensors["kept"].tolist() == [x for name in names for x in ticket.values[name][ticket.mask[name]].tolist()]
    assert tensors["rest/float32"].tolist() == [*ticket.rest["a.bias"].tolist(), *ticket.rest["c.bias"].tolist()]
    details = json.loads(zlib.decompress(tensors["details"].tobytes()))
    assert details == {"graph": None, "rest": {"float32": {"a.bias": [3], "c.bias": [2]}, "int64": {"n": []}}}


def test_the_order_of_the_tensors_in_memory_does_not_matter():
    ticket = example()
    turned = (dict(reversed(part.items())) for part in (ticket.mask, ticket.values, ticket.rest))
    assert ticket_bytes(TicketFile(ticket.header, *turned)) == ticket_bytes(ticket)


def test_the_order_of_the_names_in_the_header_does_not_matter():
    def turn(header, tensors):
        header["rest"]["float32"] = dict(reversed(header["rest"]["float32"].items()))

    read = parse_ticket(resealed(turn, example()))
    assert list(read.header["rest"]["float32"]) == ["c.bias", "a.bias"]
    assert all(np.array_equal(read.rest[name], tensor) for name, tensor in example().rest.items())


def test_a_ticket_of_nothing_at_all():
    for ticket in (
        TicketFile(HEADER, {}, {}, {}),
        TicketFile(HEADER, *[{"e": np.zeros((0, 3), t)} for t in (bool, "f4")], {}),
    ):
        read = parse_ticket(ticket_bytes(ticket))
        assert {name: value.shape for name, value in read.tensors.items()} == {
            n: v.shape for n, v in ticket.values.items()
        }


def test_every_flipped_byte_is_refused(tmp_path):
    data = ticket_bytes(example())
    path = tmp_path / "t.safetensors"
    rng = np.random.default_rng(0)
    for position in range(len(data)):
        spoiled = bytearray(data)
        spoiled[position] ^= int(rng.integers(1, 256))
        with pytest.raises((ValueError, KeyError, SafetensorError)):
            parse_ticket(bytes(spoiled))
        if position % 50 == 0:
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


HEADERS = [
    (lambda h, t: h.update(format=3), "it has format 3, this version of Clew reads 1 and 2"),
    (lambda h, t: h["shapes"].update({"a.weight": [10**9, 10**9]}), "at most 1,073,741,824 weights"),
    (lambda h, t: h["shapes"].update({"a.weight": [0, 2**30, 2**30, 2**30]}), ""),
    (lambda h, t: h["shapes"].update({"a.weight": [1] * 999}), ""),
    (lambda h, t: h["shapes"].update({"a.weight": [-3, -10]}), "'shapes' is not as expected"),
    (lambda h, t: h["shapes"].update({"a.weight": [3.0, 5, 2]}), "'shapes' is not as expected"),
    (lambda h, t: h["shapes"].update({"a.weight": 30}), "'shapes' is not as expected"),
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
    (lambda h, t: h.update(values="fp8"), "'values' is not as expected"),
    (lambda h, t: h.update(values=["fp32"]), "'values' is not as expected"),
    (lambda h, t: h["shapes"].update({"a.weight": [17]}), "does not fit"),
]


@pytest.mark.parametrize("written", [resealed, resealed_1])
@pytest.mark.parametrize(("change", "why"), HEADERS)
def test_hostile_headers_are_refused_in_both_formats(change, why, written, tmp_path):
    (tmp_path / "t").write_bytes(written(change, example()))
    with pytest.raises(ClewError, match=f"t is not a whole ticket .*{why}"):
        read_ticket(tmp_path / "t")


def cut(name, end=-1):
    return lambda h, t: t.update({name: t[name][:end]})


def cast(name, dtype):
    return lambda h, t: t.update({name: t[name].astype(dtype)})


def beyond(name):
    return lambda h, t: t.update({name: t[name] | np.eye(1, len(t[name]), len(t[name]) - 1, np.uint8)[0]})


@pytest.mark.parametrize(
    ("written", "change", "why"),
    [
        (resealed_1, cut("kept/a.weight"), "surviving values do not fit the mask"),
        (resealed_1, cast("kept/a.weight", np.float16), "surviving values do not fit the mask, or are not float32"),
        (resealed_1, lambda h, t: t.pop("mask/b.weight"), "mask/b.weight"),
        (resealed_1, lambda h, t: t.pop("kept/b.weight"), "kept/b.weight"),
        (resealed_1, cast("mask/b.weight", np.float32), "does not fit"),
        (resealed_1, beyond("mask/a.weight"), "bits beyond its end"),
        (resealed_1, lambda h, t: h.update(values="fp16"), "'values' is not as expected"),
        (resealed, cut("kept"), "surviving values do not fit the mask"),
        (resealed, cast("kept", np.float16), "surviving values do not fit the mask, or are not float32"),
        (resealed, cast("kept", np.float64), "surviving values do not fit the mask, or are not float32"),
        (resealed, lambda h, t: h.update(values="fp16"), "surviving values do not fit the mask, or are not float16"),
        (resealed, cut("mask"), "the mask does not fit"),
        (resealed, cast("mask", np.float32), "the mask does not fit"),
        (resealed, beyond("mask"), "bits beyond its end"),
        (resealed, lambda h, t: h["shapes"].pop("b.weight"), "the mask does not fit"),
        (resealed, lambda h, t: t.pop("mask"), "it lacks tensors: mask"),
        (resealed, lambda h, t: t.pop("kept"), "it lacks tensors: kept"),
        (resealed, lambda h, t: t.pop("rest/int64"), "it lacks tensors: rest/int64"),
        (resealed, lambda h, t: t.update(more=np.zeros(1)), "it has unknown tensors: more"),
        (resealed, lambda h, t: h["rest"].pop("int64"), "it has unknown tensors: rest/int64"),
        (resealed, cut("rest/float32"), "rest/float32: does not fit"),
        (resealed, cast("rest/float32", np.float64), "rest/float32: does not fit"),
        (resealed, lambda h, t: t.update({"rest/float32": t["rest/float32"][None]}), "rest/float32: does not fit"),
        (resealed, lambda h, t: h["rest"]["float32"].update({"a.bias": [4]}), "rest/float32: does not fit"),
        (resealed, lambda h, t: h["rest"]["float32"].update({"a.bias": [10**9] * 2}), "at most 1,073,741,824 numbers"),
        (resealed, lambda h, t: h["rest"]["float32"].update({"a.bias": [-3]}), "'rest' is not as expected: sizes"),
        (resealed, lambda h, t: h["rest"]["float32"].update({"a.weight": [0]}), "a name for each tensor"),
        (resealed, lambda h, t: h["rest"]["float32"].update({"n": [0]}), "a name for each tensor"),
        (resealed, lambda h, t: h["rest"]["float32"].update({"\ud800": [0]}), "surrogates not allowed"),
        (resealed, lambda h, t: h["rest"].update(float32=[3]), "'rest' is not as expected"),
        (resealed, lambda h, t: h.update(rest=[]), "'rest' is not as expected"),
        (resealed, lambda h, t: h.pop("rest"), "'details' is not as expected: an object of graph, rest"),
        (resealed, lambda h, t: h.pop("graph"), "'details' is not as expected: an object of graph, rest"),
        (resealed, lambda h, t: t.update(details=compressed([])), "'details' is not as expected"),
        (resealed, lambda h, t: t.update(details=compressed({"graph": 10**30, "rest": {}})), "out of range"),
        (resealed, lambda h, t: t.update(details=compressed({"seal": "", "graph": None, "rest": {}})), "'details'"),
        (resealed, lambda h, t: t.update(details=np.zeros(9, np.uint8)), "compressed JSON that is damaged"),
        (resealed, lambda h, t: t.update(details=compressed({})[:-1]), "compressed JSON that is cut off"),
        (resealed, lambda h, t: t.update(details=np.append(compressed({}), np.uint8(0))), "goes on after its end"),
    ],
)
def test_hostile_but_sealed_tickets(written, change, why, tmp_path):
    (tmp_path / "t").write_bytes(written(change, example()))
    with pytest.raises(ClewError, match=f"t is not a whole ticket .*{why}"):
        read_ticket(tmp_path / "t")


def test_details_are_not_looked_for_outside_the_file():
    """By a table of tensors that safetensors itself would refuse."""
    data = ticket_bytes(example())
    length = int.from_bytes(data[:8], "little")
    for offsets in ([0, 2**40], [-9, 5], [7, 3], [0.0, 5], [0], "no"):
        table = json.loads(data[8 : 8 + length])
        table["details"]["data_offsets"] = offsets
        text = json.dumps(table).encode()
        with pytest.raises((ValueError, TypeError)):
            parse_ticket(len(text).to_bytes(8, "little") + text + data[8 + length :])


def test_compressed_details_have_an_end(monkeypatch):
    """A few bytes that would become gigabytes are refused once they are more than any network takes."""
    monkeypatch.setattr(checked_json, "MOST_TEXT", 10_000)
    fits = "x" * 9_998
    assert inflated(deflated(fits)) == fits
    bomb = zlib.compress(b" " * 5_000_000 + b"{}")
    assert len(bomb) < 6_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="over 10,000 bytes"):
        inflated(bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 500_000
    with pytest.raises(ValueError, match="over 10,000 bytes"):
        inflated(zlib.compress(b" " + json.dumps(fits).encode()))
    with pytest.raises(ValueError, match="10,001 bytes of JSON, more than 10,000"):
        deflated(fits + "x")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_sealed_file_of_any_kind_gives_another_error_than_those_that_are_caught(data):
    """A value somewhere in the header, or a tensor, is another: the file is refused, or holds what it says."""

    def change(header, tensors):
        if data.draw(st.booleans()):
            name = data.draw(st.sampled_from(sorted(tensors)))
            dtype = data.draw(st.sampled_from(["u1", "i8", "f2", "f4", "?"]))
            tensors[name] = np.ones(data.draw(st.lists(st.integers(0, 40), max_size=2)), dtype)
        place = header
        while True:
            key = data.draw(st.sampled_from(sorted(place)))
            if not (isinstance(place[key], dict) and place[key] and data.draw(st.booleans())):
                break
            place = place[key]
        place[key] = data.draw(ANYTHING)

    written = data.draw(st.sampled_from([resealed, resealed_1]))
    try:
        read = parse_ticket(written(change, with_graph() if written is resealed else example()))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        return
    for name, mask in read.mask.items():
        assert read.values[name].shape == mask.shape == tuple(read.header["shapes"][name])
        assert not read.values[name][~mask].any()
    assert parse_ticket(ticket_bytes(read)).tensors.keys() == read.tensors.keys()


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
    assert read_sealed(tmp_path / "t") == read.header
    assert b"global_mean" not in (tmp_path / "t").read_bytes()  # it is compressed


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
        (
            lambda h, t: (
                h["rest"].update(float64=h["rest"].pop("float32")),
                t.update({"rest/float64": t.pop("rest/float32").astype(np.float64)}),
            ),
            "a tensor 'f.bias'",
        ),
        (lambda h, t: (h["rest"].pop("float32"), t.pop("rest/float32")), "a tensor 'f.bias'"),
        (lambda h, t: h["graph"].update(output="v2"), r"2 logits at its end, not \(4,\)"),
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


# Format 1


def test_format_1_is_still_read():
    read = parse_ticket(format_1(example()))
    assert read.header["format"] == 1
    assert graph_in(read.header) is None
    for part in ("mask", "values", "rest"):
        first, second = getattr(example(), part), getattr(read, part)
        assert first.keys() == second.keys()
        for name in first:
            assert (first[name].dtype, first[name].shape) == (second[name].dtype, second[name].shape)
            assert first[name].tobytes() == second[name].tobytes()
    assert ticket_bytes(read) == ticket_bytes(example())


def test_format_1_has_no_graph():
    data = resealed_1(lambda h, t: h.update(graph=with_graph().header["graph"]), example())
    with pytest.raises(ValueError, match="'graph' is not as expected: null in format 1"):
        parse_ticket(data)


def test_every_flipped_byte_of_format_1_is_refused():
    data = format_1(example())
    rng = np.random.default_rng(0)
    for position in range(0, len(data), 3):
        spoiled = bytearray(data)
        spoiled[position] ^= int(rng.integers(1, 256))
        with pytest.raises((ValueError, KeyError, SafetensorError)):
            parse_ticket(bytes(spoiled))


# fp16


def in_fp16(**values):
    """The example with weights that fp16 holds, among them its largest, its smallest and a zero that survives."""
    ticket = example()
    halves = {name: value.astype(np.float16).astype(np.float32) for name, value in ticket.values.items()}
    places = np.flatnonzero(ticket.mask["a.weight"])[:4]
    halves["a.weight"].reshape(-1)[places] = values.get("first", [65504, -(2**-24), 0.0, -65504])
    return replace(ticket, header={**HEADER, "values": "fp16"}, values=halves)


def test_values_of_fp16_come_back_bit_for_bit_in_fp32():
    ticket = in_fp16()
    data = ticket_bytes(ticket)
    tensors, read = load(data), parse_ticket(data)
    assert tensors["kept"].dtype == np.float16
    assert tensors["rest/float32"].dtype == np.float32
    assert read.header["values"] == "fp16"
    for name, value in ticket.values.items():
        assert read.values[name].dtype == np.float32
        assert read.values[name].tobytes() == value.tobytes()
        assert np.array_equal(read.mask[name], ticket.mask[name])  # of the zero too
    assert ticket_bytes(read) == data
    plain = ticket_bytes(replace(ticket, header=HEADER))
    assert len(plain) - len(data) == pytest.approx(2 * len(tensors["kept"]), abs=16)


@pytest.mark.parametrize("value", [1 + 2**-11, 65520, 1e9, np.inf, np.nan, 2**-26])
def test_fp16_is_never_written_of_values_that_it_has_no_place_for(value):
    with pytest.raises(ValueError, match="its header says float16, in which its values have no place"):
        ticket_bytes(in_fp16(first=[value, 0, 0, 0]))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_fp16_that_is_not_finite_is_refused(value):
    def change(header, tensors):
        tensors["kept"][3] = value

    with pytest.raises(ValueError, match="NaN or infinite"):
        parse_ticket(resealed(change, in_fp16()))
