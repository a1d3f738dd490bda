"""From a name to a network: ours, and others' by module:factory."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.detectors import build
from clew.detectors.base import Facts
from clew.detectors.build import facts_of, resolve
from clew.detectors.layers import prunable

OUTSIDE = """
from torch import nn
from clew.detectors import Facts

class Tiny(nn.Module):
    facts = Facts(input_size=32, multiple=8, cam_layer="conv")
    def __init__(self, input_size, classes):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.head = nn.Linear(4, classes)
    def forward(self, images):
        return self.head(self.conv(images - 0.5).relu().mean((2, 3)))

def bare(input_size, classes):
    return nn.Identity()

def liar(input_size, classes):
    return 3
liar.facts = Tiny.facts
number = 3
"""


def test_a_network_from_outside(tmp_path, monkeypatch):
    (tmp_path / "outside_nets.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "outside_nets", raising=False)
    assert resolve("outside_nets:Tiny").as_dict() == {"name": "outside_nets:Tiny", "input_size": 32, "classes": 2}
    assert isinstance(facts_of("outside_nets:Tiny"), Facts)
    assert prunable(build("outside_nets:Tiny", 16)) == ["conv.weight", "head.weight"]
    for name, why in (
        ("outside_nets:bare", "states no facts"),
        ("outside_nets:liar", "returned int"),
        ("outside_nets:number", "not callable"),
        ("outside_nets:nothing", "has no 'nothing'"),
        ("no_such_module:x", "cannot be imported"),
    ):
        with pytest.raises(ClewError, match=why):
            build(name)


def test_an_unknown_detector_lists_the_known_ones():
    with pytest.raises(ClewError, match=r"unknown detector 'cnn6'. Did you mean 'cnn5'\? Known: cnn5, meso4"):
        build("cnn6")


def test_an_option_that_a_network_does_not_take():
    with pytest.raises(ClewError, match="detector 'xception' has no option 'depth'. It has none."):
        build("xception", 64, 2, {"depth": 3})


def test_cnn5_has_about_300_thousand_parameters():
    assert sum(p.numel() for p in build("cnn5").parameters()) == 301_138


def test_the_network_of_the_examples_in_both_ways_of_writing_it():
    path = Path(__file__).resolve().parents[2] / "examples" / "own_detector.py"
    spec = importlib.util.spec_from_file_location("example_of_own_detector", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    module = example.Small(64, 2).eval()

    class Whole(example.Small):
        def logits(self, images):
            return self.head(self.body(images).mean((2, 3)))

    whole = Whole(64, 2).eval()
    whole.load_state_dict(module.state_dict())
    images = torch.rand(2, 3, 64, 64)
    assert isinstance(module.get_submodule(module.facts.cam_layer), nn.Conv2d)
    with torch.no_grad():
        assert module.features(module.normalise(images)).shape == (2, module.width)
        assert torch.equal(module(images), whole(images))
    with pytest.raises(ClewError, match="Small: the input size must be a multiple of 8, found 65"):
        example.Small(65)
