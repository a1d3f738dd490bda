"""Which tensors can be pruned, and how often each weight works."""

import torch
from torch import nn

from clew.detectors import build
from clew.detectors.layers import prunable, uses_per_weight


def test_uses_are_output_positions():
    uses = uses_per_weight(build("cnn5", 64), 64)
    assert uses["blocks.0.0.weight"] == 64 * 64
    assert uses["blocks.4.0.weight"] == 4 * 4
    assert uses["head.weight"] == 1


def test_multiply_adds_of_resnet18_are_those_in_the_literature():
    module = build("resnet18", 224, 1000)
    uses = uses_per_weight(module, 224)
    assert sum(uses[name] * module.get_parameter(name).numel() for name in prunable(module)) == 1_814_073_344


def test_a_weight_within_one_channel_works_once_per_position():
    module = build("xception", 64)
    uses = uses_per_weight(module, 64)
    # 64 -> 31 -> 29 -> 15 -> 8 -> 4 -> 2
    assert uses["conv1.weight"] == 31 * 31
    assert uses["block1.rep.0.conv1.weight"] == uses["block1.rep.0.pointwise.weight"] == 29 * 29
    assert uses["block1.skip.weight"] == 15 * 15
    assert uses["block4.rep.1.conv1.weight"] == 4 * 4
    assert uses["conv4.pointwise.weight"] == 2 * 2


class Odd(nn.Module):
    """A block that runs twice, at two sizes, inside another; a head that only training runs; tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.inner = nn.ModuleDict({"twice": nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.MaxPool2d(2))})
        self.token = nn.Linear(4, 6)
        self.head = nn.Linear(6, 2)
        self.aside = nn.Linear(6, 2)

    def forward(self, images):
        maps = self.inner["twice"](self.inner["twice"](self.stem(images)))
        features = self.token(maps.flatten(2).transpose(1, 2)).mean(1)
        return self.head(features) + (self.aside(features) if self.training else 0)


def test_uses_of_layers_that_run_twice_or_in_training_alone():
    module = Odd().train()
    assert uses_per_weight(module, 16) == {
        "stem.weight": 64,
        "inner.twice.0.weight": 64 + 16,
        "token.weight": 4,
        "head.weight": 1,
        "aside.weight": 0,
    }
    assert module.training, "the mode is as it was"
    assert not any(part._forward_hooks for part in module.modules()), "no hook stays"
    assert list(uses_per_weight(module, 16)) == prunable(module)


def test_uses_of_networks_in_networks():
    one, several = build("cnn5", 32), build("mi_net", 32, 2, {"backbone": "cnn5", "blocks": 2})
    alone, within = uses_per_weight(one, 32), uses_per_weight(several, 32)
    for block in range(2):
        for layer in range(5):
            assert within[f"blocks.{block}.blocks.{layer}.0.weight"] == alone[f"blocks.{layer}.0.weight"]
    assert set(within) == set(prunable(several))


def test_prunable_are_no_norms_and_no_biases():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv1d(4, 4, 1), nn.LayerNorm(4), nn.Linear(4, 2))
    assert prunable(module) == ["0.weight", "2.weight", "4.weight"]
    assert torch.equal(module[1].weight, torch.ones(4))
