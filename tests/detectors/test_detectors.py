"""Every registered detector is tested by existing."""

import sys

import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.detectors import build, detectors, initial_state
from clew.detectors.base import Facts
from clew.detectors.build import facts_of, resolve
from clew.detectors.layers import PRUNABLE, prunable, uses_per_weight

NAMES = detectors.names()


@pytest.mark.parametrize("name", NAMES)
def test_logits_of_any_sensible_size_and_number_of_classes(name):
    facts = facts_of(name)
    least = facts.least or facts.multiple
    for size, classes in ((least, 2), (2 * least, 5)):
        module = build(name, size, classes).eval()
        assert module(torch.rand(3, 3, size, size)).shape == (3, classes)


@pytest.mark.parametrize("name", NAMES)
def test_facts_name_a_layer_that_is_there_and_sizes_are_checked(name):
    module = build(name)
    layer = dict(module.named_modules())[facts_of(name).cam_layer]
    assert isinstance(layer, nn.Conv2d)
    with pytest.raises(ClewError, match="the input size must be at least"):
        build(name, (facts_of(name).least or facts_of(name).multiple) - 1)
    with pytest.raises(ClewError, match="expected 2 classes or more"):
        build(name, None, 0)


@pytest.mark.parametrize("name", NAMES)
def test_normalisation_is_inside_and_the_same_seed_gives_the_same_weights(name):
    config = resolve(name, facts_of(name).least or facts_of(name).multiple)
    torch.manual_seed(5)
    first = initial_state(config, 1)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1)), "the global generator is left as it was"
    second, other = initial_state(config, 1), initial_state(config, 2)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
    assert "mean" not in first


@pytest.mark.parametrize("name", NAMES)
def test_prunable_are_the_weights_of_convolutions_and_linear_layers(name):
    module = build(name)
    names = prunable(module)
    assert all(isinstance(module.get_submodule(n.removesuffix(".weight")), PRUNABLE) for n in names)
    others = {n for n, _ in module.named_parameters()} - set(names)
    assert all(n.endswith("bias") or module.get_parameter(n).ndim == 1 for n in others)


def test_meso4_is_the_original():
    small = build("meso4", 128, 2)
    parts = [part for part in small.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert sum(p.numel() for part in parts for p in part.parameters()) == 15_610
    norms = [part for part in small.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [n.num_features for n in norms] == [8, 8, 16, 16]
    assert len({id(n) for n in norms}) == 4
    assert not any(isinstance(part, nn.Dropout2d) for part in small.modules())
    large = build("meso4", 256, 2)
    # 27,977 with one logit: a second one has 16 weights and a bias
    assert sum(p.numel() for p in large.parameters()) == 27_977 + 17


def test_cnn5_has_about_300_thousand_parameters():
    assert sum(p.numel() for p in build("cnn5").parameters()) == 301_138


def test_uses_per_weight_count_the_multiply_adds():
    uses = uses_per_weight(build("cnn5", 64), 64)
    assert uses["blocks.0.0.weight"] == 64 * 64
    assert uses["blocks.4.0.weight"] == 4 * 4
    assert uses["head.weight"] == 1


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
