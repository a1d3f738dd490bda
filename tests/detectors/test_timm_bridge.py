"""The bridge to timm, without timm: its own logic against a small stand-in module of the same interface.

The stand-in shows that names, sizes, features, classifier and CAM layer are taken from where timm keeps them; that timm
still keeps them there, only a run with timm can show.
"""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.detectors import build, initial_state
from clew.detectors.build import facts_of, network, resolve
from clew.detectors.layers import prunable, uses_per_weight
from clew.detectors.nets.timm_bridge import timm_network
from clew.detectors.registry import bridges


class Gate(nn.Module):
    """Weighs channels by 1x1 maps; its convolution is registered after all others of the stage."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Conv2d(6, 6, 1)

    def forward(self, maps):
        return maps * self.fc(maps.mean((2, 3), keepdim=True)).sigmoid()


class Convolutional(nn.Module):
    """As MobileNetV3 in timm: gates, activations in place, a convolution after pooling, other features than maps."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv_head = nn.Conv2d(6, 9, 1)  # runs last, stands first
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.stages = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU(inplace=True), Gate())
        self.num_features, self.head_hidden_size = 6, 9
        self.classifier = nn.Linear(9, num_classes)
        self.pretrained_cfg = {
            "input_size": (3, 48, 48),
            "mean": (0.1, 0.2, 0.3),
            "std": (0.4, 0.5, 0.6),
            "classifier": "classifier",
        }

    def get_classifier(self):
        return self.classifier

    def forward_features(self, images):
        return self.stages(self.act(self.stem(images)))

    def forward_head(self, maps, pre_logits=False):
        features = self.conv_head(maps.mean((2, 3), keepdim=True)).relu().flatten(1)
        return features if pre_logits else self.classifier(features)

    def forward(self, images):
        return self.forward_head(self.forward_features(images))


class Transformer(nn.Module):
    """As a vision transformer in timm: a convolution makes patches, the rest works on tokens (B, N, D)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, 8, 16, stride=16)})
        self.pos_embed = nn.Parameter(torch.zeros(1, 16, 8))
        self.blocks = nn.Sequential(nn.Linear(8, 8), nn.GELU())
        self.head = nn.Linear(8, num_classes)
        self.num_features = 8
        self.pretrained_cfg = {
            "input_size": (3, 64, 64),
            "min_input_size": None,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        }

    def get_classifier(self):
        return self.head

    def forward_features(self, images):
        return self.blocks(self.patch_embed["proj"](images).flatten(2).transpose(1, 2) + self.pos_embed)

    def forward_head(self, tokens, pre_logits=False):
        features = tokens.mean(1)
        return features if pre_logits else self.head(features)


class ChannelsLast(Transformer):
    """As Swin in timm: maps come as (B, h, w, C); here h is C as well."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.pretrained_cfg |= {"input_size": (3, 128, 128)}
        self.norm = nn.LayerNorm(8)

    def forward_features(self, images):
        return self.norm(self.patch_embed["proj"](images).permute(0, 2, 3, 1))


class Distilled(Transformer):
    def get_classifier(self):
        return self.head, self.head


class Flat(Transformer):
    def forward_features(self, images):
        return self.blocks(torch.zeros(len(images), 16, 8))


NETWORKS = {
    "mobile_small": Convolutional,
    "vit_tiny": Transformer,
    "swin_tiny": ChannelsLast,
    "deit_distilled": Distilled,
    "flat": Flat,
}


@pytest.fixture
def stand_in(monkeypatch):
    """A module called timm with the four functions that the bridge asks of it; notes what was built."""
    module = ModuleType("timm")
    module.built = []

    def create_model(name, pretrained=True, num_classes=1000):
        assert not pretrained, "nothing is fetched"
        if name.endswith(".no_tag"):
            raise RuntimeError("Invalid pretrained tag (no_tag) for mobile_small.")
        module.built.append((name, num_classes))
        return NETWORKS[name.split(".")[0]](num_classes)

    module.create_model = create_model
    module.is_model = lambda name: name.split(".")[0] in NETWORKS
    module.list_models = lambda: sorted(NETWORKS)
    monkeypatch.setitem(sys.modules, "timm", module)
    timm_network.cache_clear()
    yield module
    timm_network.cache_clear()


def test_without_timm_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # import timm fails, also where it is installed
    timm_network.cache_clear()
    assert "timm" in bridges
    for call in (build, facts_of, resolve):
        with pytest.raises(ClewError, match=r"timm:resnet50 needs timm: pip install 'clew\[timm\]'"):
            call("timm:resnet50")


def test_an_unknown_network_lists_close_ones(stand_in):
    with pytest.raises(ClewError, match="timm has no network 'mobile_smal'. Did you mean mobile_small?"):
        build("timm:mobile_smal")
    with pytest.raises(ClewError, match=r"timm has no network 'hf-hub:x/y'. timm.list_models\(\) lists them all."):
        build("timm:hf-hub:x/y")
    with pytest.raises(ClewError, match="timm:mobile_small.no_tag: timm cannot build it .Invalid pretrained tag"):
        build("timm:mobile_small.no_tag")
    assert not stand_in.built


def test_facts_come_from_timms_configuration(stand_in):
    facts = facts_of("timm:mobile_small.tag_in1k")
    assert (facts.input_size, facts.multiple, facts.least) == (48, 1, 32)
    assert (facts.mean, facts.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert facts.classifier == "net.classifier"
    assert facts.cam_layer == "net.stages", "not the gate's 1x1 maps, nor the convolution after pooling"
    assert facts_of("timm:vit_tiny").cam_layer == "net.patch_embed.proj"
    assert facts_of("timm:swin_tiny").cam_layer == "net.patch_embed.proj", "(B, h, w, C) is no map for Grad-CAM"


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_the_detector_is_timms_network_after_normalisation(stand_in, classes):
    config = resolve("timm:mobile_small", 40, classes)
    module = network(config).eval()
    images = torch.rand(3, 3, 40, 40)
    with torch.no_grad():
        normalised = (images - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / torch.tensor([0.4, 0.5, 0.6]).view(
            3, 1, 1
        )
        features = module.features(normalised)
        expected = module.net(normalised)
        logits = module(images)
    assert features.shape == (3, module.width) == (3, 9)
    assert logits.shape == (3, config.outputs)
    torch.testing.assert_close(logits[:, :classes], expected)
    assert classes > 1 or (logits[:, 1] == 0).all()
    assert all(key.startswith("net.") for key in module.state_dict())
    assert "net.classifier.weight" in prunable(module)
    assert uses_per_weight(module, 40)["net.stages.0.weight"] == 100


def test_nothing_works_in_place_on_the_maps(stand_in):
    module = build("timm:mobile_small", 40).eval()
    seen = []
    module.net.stages[0].register_forward_hook(lambda part, inputs, output: seen.append((output, output.clone())))
    logits = module(torch.rand(2, 3, 40, 40))
    assert torch.equal(*seen[0])
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), seen[0][0])
    assert gradient.abs().max() > 0


def test_the_same_seed_gives_the_same_weights_from_the_first_call_on(stand_in):
    config = resolve("timm:mobile_small")
    timm_network.cache_clear()
    first, second = initial_state(config, 3), initial_state(config, 3)
    assert all(torch.equal(first[key], second[key]) for key in first), "finding the facts draws no random numbers"
    other = initial_state(config, 4)
    assert any(not torch.equal(first[key], other[key]) for key in first)
    fresh = network(config)
    fresh.load_state_dict(first)


def test_facts_are_found_once(stand_in):
    for classes in (2, 3):
        build("timm:mobile_small", 40, classes)
    assert stand_in.built == [("mobile_small", 2), ("mobile_small", 2), ("mobile_small", 3)]


def test_sizes_are_checked(stand_in):
    with pytest.raises(ClewError, match="timm:mobile_small: the input size must be at least 32 pixels, found 31"):
        build("timm:mobile_small", 31)
    with pytest.raises(
        ClewError, match=r"timm:vit_tiny cannot take pictures of 80 pixels \(The size of .*\): its usual size is 64."
    ):
        build("timm:vit_tiny", 80)
    assert build("timm:mobile_small", 33).training, "trying a size leaves the mode"
    assert build("timm:vit_tiny").eval()(torch.rand(2, 3, 64, 64)).shape == (2, 2)


def test_networks_that_cannot_be_detectors_are_refused(stand_in):
    with pytest.raises(ClewError, match="timm:deit_distilled: expected one linear layer at the end, found tuple"):
        build("timm:deit_distilled")
    with pytest.raises(ClewError, match="timm:flat: none of its layers puts out maps"):
        build("timm:flat")
