"""`clew export`: what is written gives the ticket's logits, or is not written."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import clew
from clew.base.hashing import hash_file
from clew.detectors.base import Config, Facts
from clew.detectors.build import initial_state
from clew.runtime.onnx_file import onnx_model
from clew.tickets.exporting import formats, onnx_format
from clew.tickets.exporting.comparing import logit_error, seeded_pictures
from clew.tickets.exporting.ticket_fp16_format import PICTURES
from clew.tickets.file import read_ticket, write_ticket
from clew.tickets.importing import import_weights
from clew.tickets.ticket import load_ticket
from command_line import clew as run
from command_line import refused, told
from sealed_tickets import format_1

SIZE = 37


@pytest.fixture(scope="module")
def tickets(tmp_path_factory):
    """Tickets of meso4: `one` of a single logit, `three` of three classes with half its weights gone and calibrated."""
    folder = tmp_path_factory.mktemp("tickets")
    for name, classes in (("one", 1), ("three", 3)):
        torch.save(initial_state(Config("meso4", SIZE, classes), 1), folder / "w.pth")
        import_weights(folder / "w.pth", "meso4", folder / f"{name}.safetensors", SIZE)
    content = read_ticket(folder / "three.safetensors")
    draw = np.random.default_rng(0)
    mask = {key: draw.random(kept.shape) < 0.5 for key, kept in content.mask.items()}
    values = {key: np.where(mask[key], value, np.float32(0)) for key, value in content.values.items()}
    calibration = {"temperature": 1.7, "at_bound": False, "nll_before": 0.6, "nll_after": 0.5, "ece_before": 0.1,
                   "ece_after": 0.05, "pictures": 9, "fakes": 4, "prior": 0.5, "split": "val"}  # fmt: skip
    header = {**content.header, "calibration": calibration}
    write_ticket(folder / "three.safetensors", replace(content, header=header, mask=mask, values=values))
    return folder


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("name", "outputs"), [("one", 2), ("three", 3)])
def test_the_onnx_file_gives_the_tickets_logits(tickets, tmp_path, name, outputs):
    ticket, out = tickets / f"{name}.safetensors", tmp_path / "d.onnx"
    found = told("export", ticket, "--out", out)
    assert (found["format"], found["opset"], found["bytes"]) == ("onnx", 17, out.stat().st_size)
    assert 0 <= found["largest_logit_error"] < 1e-5
    images = np.random.default_rng(5).random((5, 3, SIZE, SIZE)).astype(np.float32)
    (logits,) = session(out).run(None, {"images": images})
    assert logits.shape == (5, outputs)
    np.testing.assert_allclose(logits, load_ticket(ticket).logits(images.transpose(0, 2, 3, 1)), atol=1e-5)


def test_the_metadata_name_the_ticket(tickets, tmp_path):
    run("export", tickets / "three.safetensors", "--format", "onnx", "--out", tmp_path / "d.onnx")
    facts = {p.key: p.value for p in onnx.load(tmp_path / "d.onnx").metadata_props}
    ticket = load_ticket(tickets / "three.safetensors")
    assert facts["ticket_sha256"] == hash_file(tickets / "three.safetensors")
    assert json.loads(facts["classes"]) == ["real", "method 1", "method 2"]
    assert (facts["detector"], facts["input_size"], facts["protocol"]) == ("meso4", "37", "as-given")
    assert float(facts["temperature"]) == 1.7
    assert float(facts["sparsity"]) == ticket.sparsity != 0
    run("export", tickets / "one.safetensors", "--out", tmp_path / "one.onnx")
    assert {p.key: p.value for p in onnx.load(tmp_path / "one.onnx").metadata_props}["temperature"] == ""


def test_it_says_what_it_did_and_what_the_file_does_not_do(tickets, tmp_path):
    lines = run("export", tickets / "three.safetensors", "--out", tmp_path / "d.onnx")
    assert "input images (batch, 3, 37, 37), RGB in [0, 1]; output logits (batch, 3): real, method 1, method 2" in lines
    assert "compared with PyTorch at batch 1 and 3: largest difference of a logit " in lines
    assert "an ONNX file is no faster for its sparsity" in lines


def test_the_same_ticket_gives_the_same_bytes(tickets, tmp_path):
    for name in ("a", "b"):
        clew.export_ticket(tickets / "three.safetensors", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("spoil", [0.01, np.nan])
def test_a_file_that_gives_other_logits_is_not_left(tickets, tmp_path, monkeypatch, spoil):
    """By a hundredth of a logit, or by what is no number."""

    def spoiled(graph, tensors, facts):
        return onnx_model(graph, {**tensors, "head.bias": tensors["head.bias"] + np.float32(spoil)}, facts)

    monkeypatch.setattr(onnx_format, "onnx_model", spoiled)
    line = refused("export", tickets / "one.safetensors", "--out", tmp_path / "d.onnx")
    assert f"logits differ from PyTorch's by {spoil:.2g}, more than 0.001: it is not left" in line
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_run_is_not_left(tickets, tmp_path, monkeypatch):
    class Bytes:
        def SerializeToString(self, deterministic):
            return b"no model"

    monkeypatch.setattr(onnx_format, "onnx_model", lambda graph, tensors, facts: Bytes())
    line = refused("export", tickets / "one.safetensors", "--out", tmp_path / "d.onnx")
    assert "d.onnx: ONNX Runtime cannot run the file: it is not left" in line
    assert list(tmp_path.iterdir()) == []


def test_a_ticket_of_format_1_gets_its_graph_and_nothing_else(tickets, tmp_path):
    new = load_ticket(tickets / "three.safetensors")
    (tmp_path / "old").write_bytes(format_1(new.content))
    old = load_ticket(tmp_path / "old")
    assert (old.header["format"], old.header.get("graph")) == (1, None)
    images = np.random.default_rng(0).random((2, SIZE, SIZE, 3)).astype(np.float32)
    assert np.array_equal(old.predict(images), new.predict(images))
    found = told("export", tmp_path / "old", "--format", "ticket", "--out", tmp_path / "new")
    assert (found["version"], found["nodes"]) == (2, len(new.header["graph"]["nodes"]))
    assert (tmp_path / "new").read_bytes() == (tickets / "three.safetensors").read_bytes()
    told("export", tmp_path / "old", "--format", "onnx", "--out", tmp_path / "d.onnx")


def with_weight(tickets, path, value):
    """The ticket of three classes, one of its surviving weights another."""
    content = read_ticket(tickets / "three.safetensors")
    values = {key: array.copy() for key, array in content.values.items()}
    place = tuple(np.argwhere(content.mask["hidden.weight"])[5])
    values["hidden.weight"][place] = value
    write_ticket(path, replace(content, values=values))
    return place


def test_fp16_rounds_the_surviving_weights_and_nothing_else(tickets, tmp_path):
    ticket, out = tickets / "three.safetensors", tmp_path / "half"
    found = told("export", ticket, "--format", "ticket-fp16", "--out", out)
    before, after = load_ticket(ticket), load_ticket(out)
    for name, value in before.content.tensors.items():
        rounded = value.astype(np.float16).astype(np.float32) if name in before.mask else value
        assert after.content.tensors[name].tobytes() == rounded.tobytes()
    assert after.header == before.header | {"values": "fp16", "seal": after.header["seal"]}
    assert (found["format"], found["values"], found["rounded_to_zero"]) == ("ticket-fp16", "fp16", 0)
    assert found["bytes"] == out.stat().st_size
    kept = sum(int(mask.sum()) for mask in before.mask.values())
    assert ticket.stat().st_size - out.stat().st_size == pytest.approx(2 * kept, abs=64)


def test_fp16_tells_the_largest_difference_of_a_logit(tickets, tmp_path):
    ticket, out = tickets / "three.safetensors", tmp_path / "half"
    error = told("export", ticket, "--format", "ticket-fp16", "--out", out)["largest_logit_error"]
    images = seeded_pictures(SIZE, PICTURES).transpose(0, 2, 3, 1)
    assert error == float(np.abs(load_ticket(out).logits(images) - load_ticket(ticket).logits(images)).max())
    assert 0 < error < 0.01


def test_logits_of_another_shape_differ_without_end():
    logits = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    assert logit_error(logits, logits + np.float32([[0, 0.5], [-0.25, 0]])) == 0.5
    assert logit_error(logits, logits[:1]) == logit_error(logits[:, :1], logits) == np.inf


def test_a_ticket_of_fp16_is_a_ticket_like_any_other(tickets, tmp_path):
    half = tmp_path / "half"
    run("export", tickets / "three.safetensors", "--format", "ticket-fp16", "--out", half)
    for format in ("ticket", "ticket-fp16"):
        found = told("export", half, "--format", format, "--out", tmp_path / format)
        assert (tmp_path / format).read_bytes() == half.read_bytes()
    assert found["largest_logit_error"] == 0
    assert told("export", half, "--out", tmp_path / "d.onnx")["largest_logit_error"] < 1e-5
    shown = run("tickets", "show", half)
    assert "surviving weights rounded to fp16 after it was measured and calibrated" in shown
    assert "fp16" not in run("tickets", "show", tickets / "three.safetensors")
    load_ticket(half).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == half.read_bytes()


def test_a_weight_that_fp16_makes_zero_stays_in_the_mask(tickets, tmp_path):
    place = with_weight(tickets, tmp_path / "t", 1e-9)
    found = told("export", tmp_path / "t", "--format", "ticket-fp16", "--out", tmp_path / "half")
    after = read_ticket(tmp_path / "half")
    assert (after.values["hidden.weight"][place], after.mask["hidden.weight"][place]) == (0, True)
    assert found["rounded_to_zero"] == 1


@pytest.mark.parametrize(("value", "told_as"), [(70_000, "70000"), (-1e9, "-1e+09"), (np.nan, "nan")])
def test_a_weight_beyond_fp16_is_refused(tickets, tmp_path, value, told_as):
    with_weight(tickets, tmp_path / "t", value)
    line = refused("export", tmp_path / "t", "--format", "ticket-fp16", "--out", tmp_path / "half")
    assert f"t: 'hidden.weight' holds a weight of {told_as}, and float16 ends at 65504: keep the ticket in fp32" in line
    assert not (tmp_path / "half").exists()


def test_fp16_of_format_1_gets_its_graph(tickets, tmp_path):
    new = load_ticket(tickets / "three.safetensors")
    (tmp_path / "old").write_bytes(format_1(new.content))
    for name in (tmp_path / "old", tickets / "three.safetensors"):
        run("export", name, "--format", "ticket-fp16", "--out", tmp_path / f"half-{name.name}")
    assert (tmp_path / "half-old").read_bytes() == (tmp_path / "half-three.safetensors").read_bytes()


class Bent(nn.Module):
    """A network that no graph can hold."""

    facts = Facts(input_size=32, multiple=1, cam_layer="conv", classifier="last")

    def __init__(self, input_size=32, classes=2):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.last = nn.Linear(4, classes)

    def forward(self, images):
        return self.last(self.conv(images).tanh().mean((2, 3)))


@pytest.mark.parametrize("format", ["onnx", "ticket"])
def test_a_network_without_a_graph_is_named(tmp_path, format):
    torch.save(Bent().state_dict(), tmp_path / "w.pth")
    ticket = tmp_path / "bent.safetensors"
    import_weights(tmp_path / "w.pth", f"{__name__}:Bent", ticket)
    line = refused("export", ticket, "--format", format, "--out", tmp_path / "d")
    assert "bent.safetensors: Bent: 'tanh' in Bent has no counterpart in an inference graph" in line
    assert not (tmp_path / "d").exists()
    assert "runs in PyTorch alone: Bent: 'tanh'" in run("tickets", "show", ticket)


def test_a_network_without_a_graph_has_its_ticket_in_fp16(tmp_path):
    torch.save(Bent().state_dict(), tmp_path / "w.pth")
    import_weights(tmp_path / "w.pth", f"{__name__}:Bent", tmp_path / "t")
    run("export", tmp_path / "t", "--format", "ticket-fp16", "--out", tmp_path / "half")
    header = read_ticket(tmp_path / "half").header
    assert (header["graph"], header["values"]) == (None, "fp16")
    assert "'tanh' in Bent has no counterpart" in header["graph_reason"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{t}/one.safetensors", "--format", "onxx"], r"unknown export format 'onxx'. Did you mean 'onnx'\? Known: onnx, "),
        (["{t}/none.safetensors"], r"none.safetensors does not exist"),
        (["{t}/w.pth"], r"w.pth is not a whole ticket"),
        (["{t}"], r"cannot be read"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(tickets, tmp_path, words, why):
    line = refused("export", *(word.format(t=tickets) for word in words), "--out", tmp_path / "d.onnx")
    assert re.search(why, line), line
    assert not (tmp_path / "d.onnx").exists()


def test_nothing_is_written_over(tickets, tmp_path):
    ticket = tickets / "one.safetensors"
    before = ticket.read_bytes()
    for out in (ticket, tmp_path):
        assert "exists: choose another --out" in refused("export", ticket, "--format", "ticket", "--out", out)
    assert "is a file, not a folder" in refused("export", ticket, "--out", ticket / "a" / "d.onnx")
    assert ticket.read_bytes() == before


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_onnx_the_error_says_what_to_install(tickets, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    line = refused("export", tickets / "one.safetensors", "--out", tmp_path / "d.onnx")
    assert "pip install 'clew[onnx]'" in line
    assert list(tmp_path.iterdir()) == []


def test_every_format_is_told_of():
    page = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text()
    assert all(f"| `{name}` |" in page for name in formats)
