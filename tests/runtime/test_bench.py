"""Forms of a ticket beside one another: ratios by hand, what runs and what does not, and that wrong ones are not timed."""

import json
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from bench_tickets import SIZE, small_ticket
from clew.base.errors import ClewError
from clew.runtime import probe as probing
from clew.runtime.bench import Asked, measure
from clew.runtime.checking import pictures
from clew.runtime.compared import best_row, cell, row_of
from clew.runtime.forms import Form, Unavailable, forms
from clew.runtime.load import cores, known_forms
from clew.runtime.machine import machine
from clew.runtime.opened import opened
from clew.runtime.probe import probe
from clew.runtime.reference import run_reference
from clew.tickets.benching import bench_ticket, reference_of

KINDS = {
    "sparse": Form(None, "", skips=True),
    "half": Form(None, "", exact=False, precision="fp16", skips=True),
    "slow": Form(None, ""),
    "dense": Form(None, ""),
    "bf16": Form(None, "", exact=False, precision="bf16"),
}


def beside(**ms):
    """A cell of 8 rounds in which everything is slowed alike."""
    slowed = np.array([1, 1, 1, 2, 1, 1, 1, 9])[:, None] / 1000
    return cell(4, 1, {name: value * slowed * np.ones(3) for name, value in ms.items()}, KINDS)


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return small_ticket(tmp_path_factory.mktemp("bench") / "t.safetensors", 0.75)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEW_CACHE", str(tmp_path / "cache"))


def test_the_ratios_by_hand():
    found = beside(slow=20, dense=12, bf16=5, sparse=4, half=2)
    assert [row["form"] for row in found["rows"]] == ["half", "sparse", "bf16", "dense", "slow"]
    assert (found["best_dense_fp32"], found["best_dense"]) == ("dense", "bf16"), "neither is one that skips"
    sparse = row_of(found, "sparse")
    assert sparse["times_dense_fp32"] == {"median": 3.0, "low": 3.0, "high": 3.0, "n": 8}
    assert sparse["times_dense"]["median"] == 1.25
    assert sparse["saved_ms"] == {"median": 8.0, "low": 8.0, "high": 16.0, "n": 8}, "2 of 8 rounds are slowed"
    assert (sparse["median_ms"], sparse["pictures_per_s"], sparse["calls"]) == (4.0, 1000.0, 24)
    assert row_of(found, "slow")["times_dense_fp32"]["median"] == 0.6
    assert best_row(found)["form"] == "half"
    assert best_row(found, "fp32")["form"] == "sparse"
    assert best_row(found, skips=False)["form"] == "bf16"
    assert best_row(found, "int8") is None


def test_words_are_about_forms_that_skip_pruned_weights():
    assert beside(slow=20, dense=12, bf16=5, sparse=4, half=2)["text"] == (
        "sparse (fp32, 4 ms) is faster than the best dense form, dense (fp32, 12 ms): 3.00 times its speed, 90 % interval "
        "3.00 to 3.00, 8 rounds. half (fp16, 2 ms) is faster than the best dense form, bf16 (bf16, 5 ms): 2.50 times its "
        "speed, 90 % interval 2.50 to 2.50, 8 rounds."
    )
    assert "sparse (fp32, 24 ms) is slower than the best dense form, dense" in beside(dense=12, sparse=24)["text"]
    assert beside(dense=12, bf16=1)["text"] == "", "a dense form is never called fast, however many weights are gone"
    few = cell(1, 1, {"dense": np.full((3, 2), 0.01), "sparse": np.full((3, 2), 0.001)}, KINDS)
    assert "is not shown to differ from the best dense form" in few["text"], "3 rounds have no interval"


def test_without_a_dense_form_there_is_no_ratio():
    found = beside(sparse=4, half=2)
    assert (found["best_dense_fp32"], found["best_dense"], found["text"]) == (None, None, "")
    assert all(row["times_dense"] is row["saved_ms"] is None for row in found["rows"])
    assert beside(bf16=4, half=2)["best_dense_fp32"] is None


def test_a_ticket_is_measured_in_what_runs(ticket, monkeypatch):
    def refuse(opened, threads, cache):
        raise Unavailable("it needs another processor")

    def crash(images):
        raise RuntimeError("no such kernel\nat line 3")

    graph = opened(ticket)
    right = partial(run_reference, graph.graph, graph.tensors)
    known_forms()
    sparse, onnx = forms.get("sparse"), forms.get("onnx")
    made = {
        "absent": Form(refuse, ""),
        "broken": Form(lambda *_: crash, ""),
        "nan": Form(lambda *_: lambda images: right(images) * np.nan, "", exact=False),
        "wrong": Form(lambda *_: lambda images: right(images) + np.float32(0.01), ""),
        "rough": Form(lambda *_: lambda images: right(images) + np.float32(0.01), "", exact=False, precision="int8"),
    }
    monkeypatch.setattr(forms, "_items", {"sparse": sparse, "onnx": onnx, **made})
    asked = Asked((), (1, 3), (1,), 5)
    found = json.loads(json.dumps(bench_ticket(ticket, asked, fresh=False)))
    assert {one["form"] for one in found["forms"]} == {"sparse", "onnx", "rough"}
    reasons = {one["form"]: one["reason"] for one in found["unavailable"]}
    assert reasons == {
        "absent": "it needs another processor",
        "broken": "it fails: no such kernel",
        "nan": "its logits are off by nan: please report the network",
        "wrong": "its logits are off by 0.01: please report the network",
    }
    errors = {one["form"]: one["largest_logit_error"] for one in found["forms"]}
    assert max(errors["sparse"], errors["onnx"]) < 1e-5 < 0.0099 < errors["rough"]
    assert [(one["batch"], one["threads"]) for one in found["cells"]] == [(1, 1), (3, 1)]
    for one in found["cells"]:
        assert {row["form"]: row["skips"] for row in one["rows"]} == {"sparse": True, "onnx": False, "rough": False}
        assert row_of(one, "rough")["precision"] == "int8"
        assert one["best_dense_fp32"] == "onnx"
    told = found["ticket"]
    assert (told["bytes"], told["input_size"], told["macs_sparsity"]) == (ticket.stat().st_size, SIZE, 0.375)
    assert told["sparsity"] == pytest.approx(0.75, abs=0.02)
    assert found["reference"] == "PyTorch, fp32"
    assert found["asked"] == {"forms": forms.names(), "batches": [1, 3], "threads": [1], "rounds": 5}
    assert found["machine"] == json.loads(json.dumps(machine()))
    assert found["forms"][0]["load"] == {"first_s": None, "cached_s": None}


def test_where_no_form_runs_the_reasons_are_told(ticket, monkeypatch):
    def refuse(opened, threads, cache):
        raise Unavailable("it needs luck")

    known_forms()
    monkeypatch.setattr(forms, "_items", {"absent": Form(refuse, "")})
    with pytest.raises(ClewError, match=r"none of the forms asked for \(absent: it needs luck\)"):
        bench_ticket(ticket, fresh=False)


def test_without_pytorch_the_reference_is_numpy(ticket, monkeypatch):
    name, logits = reference_of(opened(ticket))
    images = pictures(SIZE, 2)
    monkeypatch.setitem(sys.modules, "clew.tickets.ticket", None)
    other, same = reference_of(opened(ticket))
    assert (name, other) == ("PyTorch, fp32", "numpy, fp64")
    np.testing.assert_allclose(logits(images), same(images), atol=1e-5)


def test_every_number_of_threads_has_forms_of_its_own(ticket, monkeypatch):
    made = []

    def make(opened, threads, cache):
        made.append(threads)
        return lambda images: np.zeros((len(images), 2), np.float32)

    known_forms()
    monkeypatch.setattr(forms, "_items", {"one": Form(make, "")})
    monkeypatch.setattr("clew.runtime.bench.cores", lambda: 4)
    zero = "zero", lambda images: np.zeros((len(images), 2), np.float32)
    found = measure(opened(ticket), Asked(threads=(2, 1, 3), rounds=1), zero, fresh=False)
    assert made == [2, 1, 3]
    assert [one["threads"] for one in found["cells"]] == [2, 1, 3]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"forms": ("spares",)}, "unknown form 'spares'. Did you mean 'sparse'"),
        ({"batches": (1, 0)}, "--batch 1,0: expected numbers from 1 to 4096"),
        ({"batches": ()}, "--batch : expected numbers"),
        ({"threads": (cores() + 1,)}, f"expected numbers from 1 to {cores()}"),
        ({"rounds": 0}, "--rounds 0"),
    ],
)
def test_nonsense_is_refused(words, why):
    with pytest.raises(ClewError) as caught:
        Asked(**words)
    assert why in str(caught.value)


def test_a_new_process_tells_time_and_memory(ticket, tmp_path):
    found = probe(ticket, "sparse", 1, 2, tmp_path / "kept")
    assert 0.001 < found.seconds < 600
    assert found.peak_bytes is None or 2**24 < found.peak_bytes < 2**31
    assert any((tmp_path / "kept").glob("sparse-*")), "what it made is there for the next"


@pytest.mark.parametrize("output", ["", "no json\n", '{"seconds": null}\n', "[1]\n"])
def test_a_process_that_ends_badly_costs_its_figures_alone(ticket, tmp_path, monkeypatch, output):
    monkeypatch.setattr(probing.subprocess, "run", lambda *args, **more: SimpleNamespace(stdout=output))
    assert probe(ticket, "sparse", 1, 1, tmp_path) is None
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert probe(ticket, "sparse", 1, 1, tmp_path) is None


def test_loading_is_told_for_both_times(ticket, monkeypatch):
    places = []

    def told(path, form, threads, batch, cache):
        places.append((form, threads, batch, cache))
        return probing.Probed(3.0 - len(places), 10 * len(places))

    monkeypatch.setattr("clew.runtime.bench.probe", told)
    found = bench_ticket(ticket, Asked(("sparse",), (2, 1), (1,), 1))
    assert [one[:3] for one in places] == 2 * [("sparse", 1, 2)], "with the most pictures asked for"
    assert places[0][3] == places[1][3]
    assert found["forms"][0]["load"] == {"first_s": 2.0, "cached_s": 1.0}
    assert found["forms"][0]["peak_bytes"] == {"first": 10, "cached": 20}
