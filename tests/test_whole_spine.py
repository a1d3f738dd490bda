"""A network from outside from one end to the other: trained, searched, measured, verified, shown, used elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc
import pytest
import torch

from clew.base.hashing import hash_file
from clew.datasets.index import read_table
from clew.datasets.store import open_store
from clew.tickets.ticket import load_ticket
from clew.training.data import load_split
from clew.training.score import fake_probability
from command_line import FAST, clew, ended, refused, told

# A plain module, not one of Clew's: with BatchNorm, dropout, a classifier of another name, an option of its own.
CODE = """
from torch import nn

from clew.detectors import Facts


class Theirs(nn.Module):
    def __init__(self, classes, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(4),
            nn.Conv2d(width, 2 * width, 3), nn.ReLU(), nn.Dropout(0.1),
        )
        self.out = nn.Linear(2 * width, classes)

    def forward(self, images):
        return self.out(self.body(images * 2 - 1).mean((2, 3)))


def theirs(input_size, classes=2, width=4):
    return Theirs(classes, width)


theirs.facts = Facts(input_size=32, multiple=4, cam_layer="body.4", classifier="out")
"""
ELSEWHERE = """
import sys

import numpy as np
import their_nets  # by this its code is trusted
from clew.tickets.ticket import load_ticket

np.save(sys.argv[3], load_ticket(sys.argv[1]).predict(np.load(sys.argv[2])))
"""
NAME = "their_nets:theirs"
NET = ["--detector", NAME, "--set", "width=5", "--epochs", "2", "--batch-size", "16", "--lr", "5e-3", *FAST]
WEIGHTS = 5 * 3 * 9 + 10 * 5 * 9 + 2 * 10


class Spine(NamedTuple):
    """What the commands left behind and said."""

    base: Path
    store: Path
    trained: dict[str, Any]
    found: dict[str, Any]

    @property
    def run(self) -> Path:
        return self.base / "run"

    @property
    def ladder(self) -> Path:
        return self.base / "ladder"

    def ticket(self, name: str) -> Path:
        return self.ladder / "tickets" / f"{name}.safetensors"


@pytest.fixture(scope="module")
def spine(store_path, tmp_path_factory):
    base = tmp_path_factory.mktemp("spine")
    (base / "their_nets.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(base)
        patch.delitem(sys.modules, "their_nets", raising=False)
        trained = told("train", store_path, *NET, "--seeds", 2, "--out", base / "run")
        start = base / "run" / "tickets" / "dense-s0.safetensors"
        search = ["--sparsity", "0.2,0.6", "--seeds", 1, "--from", start, "--out", base / "ladder"]
        found = told("tickets", "find", store_path, *NET, *search)
        yield Spine(base, store_path, trained, found)


def test_train_and_find_tell_of_the_network(spine):
    assert spine.trained["detector"] == spine.found["detector"] == NAME
    assert (spine.trained["seeds"], spine.found["seeds"]) == (2, 1)
    assert Path(spine.found["page"]).is_file()
    assert sorted((row["method"], row["controls"], row["target"]) for row in spine.found["levels"]) == [
        (method, controls, target)
        for method, controls in (("imp", None), ("one-shot", None), ("random", "imp"), ("random", "one-shot"))
        for target in (0.2, 0.6)
    ]
    header = json.loads(clew("tickets", "show", spine.ticket("imp-s0-60"), "--json"))
    assert header["detector"] == {"name": NAME, "input_size": 32, "classes": 2, "options": {"width": 5}}
    assert header["sparsity"]["prunable"] == WEIGHTS
    assert header["sparsity"]["remaining"] == WEIGHTS - round(0.6 * WEIGHTS)
    # each weight works once per place of its layer's output: 32 x 32, 6 x 6 (8 x 8 without padding), once
    assert header["sparsity"]["macs"] == 1024 * 5 * 27 + 36 * 10 * 45 + 20


def test_the_search_began_from_the_trained_weights(spine):
    given = load_ticket(spine.run / "tickets" / "dense-s0.safetensors")
    ticket = load_ticket(spine.ticket("imp-s0-20"))
    assert ticket.header["search"]["start"] == hash_file(spine.run / "tickets" / "dense-s0.safetensors")
    state = load_ticket(spine.ticket("dense-s0")).state()
    assert all(not torch.equal(state[name], given.state()[name]) for name in ticket.mask), "it was trained on"


def test_pruned_weights_are_zero_in_the_network_that_is_used(spine):
    for level in (20, 60):
        ticket = load_ticket(spine.ticket(f"imp-s0-{level}"))
        module = ticket.detector()
        zero = sum(int((module.get_parameter(name) == 0).sum()) for name in ticket.mask)
        assert sorted(ticket.mask) == ["body.0.weight", "body.4.weight", "out.weight"]
        assert zero == round(level / 100 * WEIGHTS)


def test_evaluate_scores_what_the_search_scored(spine):
    words = [spine.ladder, spine.store, "--method", "imp", "--level", "0.6", "--out", spine.base / "evaluated"]
    found = told("evaluate", *words)
    assert Path(found["page"]).is_file()
    assert found["model"]["detector"] == NAME
    scores = read_table(spine.ladder / "scores.parquet")
    own = scores.filter((pc.field("run") == "imp-s0-60") & (pc.field("split") == "test"))
    (kept,) = (spine.base / "evaluated" / "scores").glob("*.parquet")
    assert read_table(kept)["logits"].to_pylist() == own["logits"].to_pylist()
    row = next(r for r in spine.found["levels"] if (r["method"], r["target"]) == ("imp", 0.6))
    figures = found["stores"][0]["video"] or found["stores"][0]["picture"]
    assert figures["auc"]["mean"] == pytest.approx(row["auc"]["mean"], abs=1e-9)
    both = told("evaluate", spine.run, spine.store)
    assert both["stores"][0]["picture"]["auc"]["mean"] == pytest.approx(spine.trained["dense"]["auc"]["mean"])
    assert [one["seed"] for one in both["model"]["tickets"]] == [0, 1]


def test_verify_the_run_the_ladder_and_one_ticket(spine):
    # the ladder's: dense, imp and its control at 20 % (one-shot is the same there), all four at 60 %
    for model, count in ((spine.run, 2), (spine.ladder, 7), (spine.ticket("imp-s0-60"), 1)):
        told_by = told("evaluate", model, spine.store, "--verify")
        assert (told_by["passed"], told_by["tickets"]) == (True, count)
        assert all(abs(check["gap"]) < 1e-6 for check in told_by["checks"])


def test_a_ticket_predicts_the_same_elsewhere(spine, tmp_path):
    path = spine.ticket("imp-s0-60")
    samples = load_split([open_store(spine.store)], "test")
    crops = samples.crops(np.arange(len(samples)), 32)
    here = load_ticket(path).predict(crops)
    scores = read_table(spine.ladder / "scores.parquet")
    own = scores.filter((pc.field("run") == "imp-s0-60") & (pc.field("split") == "test"))
    np.testing.assert_allclose(here, fake_probability(np.array(own["logits"].to_pylist())), atol=1e-6)
    load_ticket(path).save(tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == path.read_bytes()
    np.save(tmp_path / "crops.npy", crops)
    words = [sys.executable, "-c", ELSEWHERE, tmp_path / "copy.safetensors", tmp_path / "crops.npy", tmp_path / "p.npy"]
    subprocess.run(words, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(spine.base), *sys.path])})
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), here, rtol=0, atol=1e-7)


def test_tickets_show_in_words(spine):
    assert spine.found["headline"]["text"] in clew("tickets", "show", spine.ladder)
    text = clew("tickets", "show", spine.ticket("random-of-imp-s0-60"))
    assert "checksum right" in text
    assert f"{NAME} at 32 px" in text
    assert f"60.00 % of {WEIGHTS} weights are zero" in text


def test_its_tickets_do_not_bring_its_code_with_them(spine, monkeypatch):
    monkeypatch.delitem(sys.modules, "their_nets")
    assert "their_nets" in refused("evaluate", spine.ticket("imp-s0-60"), spine.store)
    assert ended("tickets", "show", spine.ticket("imp-s0-60")).code == 0, "a header is read without the network"
    assert "their_nets" not in sys.modules
    assert clew("evaluate", spine.ticket("imp-s0-60"), spine.store, "--trust", NAME).startswith(f"{NAME} (imp at 60 %")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--detector", "their_nets:nobody"], "'their_nets' has no 'nobody'"),
        (["--detector", "nowhere_nets:theirs"], "the module 'nowhere_nets' cannot be imported"),
        (["--detector", NAME, "--set", "depth=3"], "has no option 'depth'. Known: width"),
    ],
)
def test_what_cannot_be_built_is_said_before_any_work(spine, tmp_path, words, why):
    assert why in refused("train", spine.store, *words, "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()
