"""`clew train --devices 2`: two processes on the CPU train one network, and agree with one that trains alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from clew.base.files import read_json
from clew.tickets.ticket import Ticket, load_ticket
from command_line import FAST, refused, told
from method_stores import write_store

# Without BatchNorm, dropout and augmentation the mean of two halves' gradients is the gradient of the whole batch.
CODE = """
from torch import nn

from clew.detectors import Detector, Facts


class Plain(Detector):
    facts = Facts(input_size=32, multiple=8, cam_layer="conv")
    width = 24

    def __init__(self, input_size, classes=2):
        super().__init__(input_size, classes)
        self.conv, self.head = nn.Conv2d(3, 24, 3), nn.Linear(24, classes)

    def features(self, images):
        return self.conv(images).abs().mean((2, 3))
"""
NET = ["--detector", "plain_nets:Plain", "--epochs", 6, "--batch-size", 12, "--lr", "1e-2", "--augment", "none", *FAST]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store whose fakes are not all found; the network can be imported."""
    (tmp_path / "plain_nets.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "plain_nets", raising=False)
    return write_store(tmp_path / "forged").path


def history(run: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_json(run / "ladder.json")["runs"]["dense-s0"]["history"]
    return found


def ticket(run: Path) -> Ticket:
    return load_ticket(run / "tickets" / "dense-s0.safetensors")


def test_two_processes_agree_with_one(store, tmp_path, capfd):
    alone = told("train", store, *NET, "--device", "cpu", "--out", tmp_path / "one")
    both = told("train", store, *NET, "--device", "cpu", "--devices", 2, "--out", tmp_path / "two")
    assert capfd.readouterr().out == "", "nothing beside the JSON stands on standard output"
    assert 0.55 < alone["dense"]["auc"]["mean"] < 1, "it learnt, and there is something to agree on"
    assert both["dense"]["auc"]["mean"] == pytest.approx(alone["dense"]["auc"]["mean"], abs=0.01)
    for one, two in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-4)
        assert two["val_auc"] == pytest.approx(one["val_auc"], abs=0.01)
    shared, own = ticket(tmp_path / "two"), ticket(tmp_path / "one")
    assert (own.header["choices"]["devices"], shared.header["choices"]["devices"]) == (1, 2)
    for name, value in own.state().items():
        torch.testing.assert_close(shared.state()[name], value, rtol=1e-3, atol=1e-3)
    assert told("evaluate", tmp_path / "two", store, "--verify")["passed"], "one process measures what two trained"


def test_a_batch_is_shared_out_evenly_or_not_at_all(store, tmp_path):
    line = refused("train", store, *NET, "--devices", 5, "--out", tmp_path / "o")
    assert "--batch-size 12: expected a multiple of --devices 5" in line
    assert not (tmp_path / "o").exists()
