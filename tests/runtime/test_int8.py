"""Forms of int8: what is quantised, from which pictures the ranges come, and who may choose them."""

import numpy as np
import onnx
import pytest

from bench_tickets import SIZE, small_ticket
from clew.base.errors import ClewError
from clew.runtime import choosing, int8_file
from clew.runtime.cache import Cache
from clew.runtime.forms import Form, Unavailable, forms
from clew.runtime.int8_file import int8_model, quantised
from clew.runtime.load import known_forms, load_runtime
from clew.runtime.opened import Opened, opened
from clew.runtime.representative import MOST, as_network, drawn
from clew.runtime.running.onnx import int8_bytes, onnx_bytes

CROPS = (255 * drawn(SIZE, 6).transpose(0, 2, 3, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return small_ticket(tmp_path_factory.mktemp("int8") / "t.safetensors", 0.5, "cnn5", 4.0)


@pytest.fixture(scope="module")
def halved(ticket):
    """Its network in int8, by pictures between 0 and 0.5."""
    images = np.linspace(0, 0.5, 2 * 3 * SIZE * SIZE, dtype=np.float32).reshape(2, 3, SIZE, SIZE)
    return {short: onnx.load_from_string(quantised(onnx_bytes(opened(ticket)), images, short)) for short in (0, 1)}


def arrays(model):
    return {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}


def test_weights_are_int8_by_output_channel_and_batch_norm_is_folded(halved):
    found = arrays(halved[0])
    assert halved[0].graph.node[-1].output == ["logits"]
    assert halved[0].graph.node[-1].op_type == "Gemm", "its output is not in steps"
    ops = [node.op_type for node in halved[0].graph.node]
    assert "BatchNormalization" not in ops
    filters = [node for node in halved[0].graph.node if node.op_type == "Conv"]
    assert len(filters) == 5
    undone = {node.output[0]: node for node in halved[0].graph.node if node.op_type == "DequantizeLinear"}
    for node in filters:
        weight, scale, zero = (found[name] for name in undone[node.input[1]].input)
        assert (weight.dtype, weight.ndim, zero.any()) == (np.int8, 4, False)
        assert scale.shape == weight.shape[:1]
        assert np.abs(weight.astype(int)).max(axis=(1, 2, 3)).min() >= 126, "each channel has its own scale"


def test_the_range_of_the_input_is_that_of_the_pictures(halved):
    first = next(
        node for node in halved[0].graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "images"
    )
    scale, zero = (arrays(halved[0])[name] for name in first.input[1:])
    assert scale == pytest.approx(0.5 / 255, rel=1e-3)
    assert (zero, zero.dtype) == (0, np.uint8)


def test_short_weights_leave_the_sums_room(halved):
    sizes = [
        max(int(np.abs(a.astype(int)).max()) for a in arrays(model).values() if a.dtype == np.int8 and a.ndim > 1)
        for model in halved.values()
    ]
    assert sizes[0] in (127, 128)
    assert sizes[1] <= 64


def test_logits_are_near_where_the_pictures_are_right(ticket, tmp_path):
    wanted = load_runtime(ticket, "sparse", 1, cache=None).logits(CROPS)
    black = np.full((4, 9, 9, 3), 2, np.uint8)
    found = {
        name: load_runtime(ticket, "onnx-int8", 1, True, tmp_path, given).logits(CROPS)
        for name, given in (("right", CROPS), ("drawn", None), ("black", black))
    }
    off = {name: float(np.abs(logits - wanted).max() / np.ptp(wanted, 0).max()) for name, logits in found.items()}
    assert 0 < off["right"] < 0.05
    assert 0 < off["drawn"] < 0.05
    assert np.ptp(found["black"], 0).max() < 0.1 * np.ptp(wanted, 0).max(), "all that is brighter is cut off"


def test_batch_norm_behind_a_relu_stays_in_fp32(tmp_path, caplog):
    source = opened(small_ticket(tmp_path / "t.safetensors", 0.75))
    ops = [node.op_type for node in onnx.load_from_string(quantised(onnx_bytes(source), drawn(SIZE, 2))).graph.node]
    assert ops.count("BatchNormalization") == 4
    assert caplog.text == ""


def test_what_is_made_is_kept_by_ticket_and_pictures(ticket, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(int8_file, "quantised", lambda plain, images, short: made.append(images) or b"int8")
    cache, source = Cache(tmp_path / "cache"), opened(ticket)
    other = Opened(source.path, source.header, as_network(CROPS, SIZE))
    for one in (source, source, other, other):
        assert int8_model(one, b"plain", cache) == b"int8"
    assert len(made) == 2
    assert np.array_equal(made[0], drawn(SIZE))
    assert np.array_equal(made[1], CROPS.transpose(0, 3, 1, 2) / np.float32(255))
    assert int8_model(source, b"plain", None) == b"int8"
    assert len(made) == 3


def in_two_forms(monkeypatch):
    """A slow form of fp32, and a quick one of int8."""

    def make(opened, threads, cache):
        return lambda images: np.zeros((len(images), 2), np.float32)

    known_forms()
    quick = Form(make, "", exact=False, precision="int8", ranged=True)
    monkeypatch.setattr(forms, "_items", {"slow": Form(make, ""), "quick": quick})
    monkeypatch.setattr(
        choosing, "_times", lambda ready, ticket: {name: len(name) - 2 * (name == "quick") for name in ready}
    )


def test_auto_takes_int8_only_when_asked_and_shown_pictures(ticket, monkeypatch):
    in_two_forms(monkeypatch)
    for exact, given, form in ((True, CROPS, "slow"), (False, None, "slow"), (False, CROPS, "quick")):
        assert load_runtime(ticket, exact=exact, cache=None, representative=given, threads=1).form == form


def test_a_choice_with_pictures_is_not_one_without(ticket, tmp_path, monkeypatch):
    in_two_forms(monkeypatch)
    assert load_runtime(ticket, exact=False, cache=tmp_path, representative=CROPS, threads=1).form == "quick"
    assert load_runtime(ticket, exact=False, cache=tmp_path, threads=1).form == "slow"


def test_no_form_of_int8_is_exact_or_chosen_without_pictures():
    known_forms()
    found = {name: forms.get(name) for name in forms if forms.get(name).precision == "int8"}
    assert set(found) == {"onnx-int8", "openvino-int8"}
    assert all(form.ranged and not form.exact and not form.skips for form in found.values())


def test_what_cannot_be_quantised_says_so(ticket, monkeypatch):
    def fail(*given):
        raise RuntimeError("no such operation\nat line 3")

    monkeypatch.setattr(int8_file, "quantised", fail)
    with pytest.raises(Unavailable, match="^it cannot be quantised: no such operation$"):
        int8_bytes(opened(ticket), None)


def test_representative_crops():
    many = np.zeros((3 * MOST, 4, 4, 3), np.uint8)
    many[0], many[-1] = 255, 51
    found = as_network(many, 8)
    assert (found.shape, found.dtype) == ((MOST, 3, 8, 8), np.float32)
    assert (found[0].min(), found[1].max(), found[-1].max()) == (1, 0, np.float32(0.2)), "from the first to the last"
    for wrong, words in ((many[:0], "found none"), (many[0], "expected RGB crops"), (many / 10, "in \\[0, 1\\]")):
        with pytest.raises(ClewError, match=words):
            as_network(wrong, 8)


def test_drawn_pictures_have_natural_statistics():
    found = drawn(64)
    assert np.array_equal(found, drawn(64))
    assert (found.shape, found.dtype) == ((64, 3, 64, 64), np.float32)
    assert found.min() >= 0
    assert found.max() <= 1
    red, green, blue = found.mean((0, 2, 3))
    assert 0.3 < blue < green < red < 0.7
    amplitude = np.abs(np.fft.fft2(found.mean(1) - found.mean((1, 2, 3))[:, None, None])).mean(0)
    row = (amplitude[0, 1:25] + amplitude[1:25, 0]) / 2
    slope = np.polyfit(np.log(np.arange(1, 25)), np.log(row), 1)[0]
    assert -1.2 < slope < -0.8, "amplitudes fall as one over the frequency"
