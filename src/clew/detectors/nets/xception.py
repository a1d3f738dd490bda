"""Xception (Chollet 2017, arXiv 1610.02357), its tensors named as in the weights that detectors are published with."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from clew.detectors.base import Detector, Facts
from clew.detectors.registry import detectors


class SeparableConv2d(nn.Module):
    """A 3x3 convolution within each channel, then a 1x1 one across them: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Both convolutions, with nothing between."""
        return self.pointwise(self.conv1(maps))


class Block(nn.Module):
    """Separable convolutions through `channels`, beside a shortcut: (B, channels[0], H, W) -> (B, channels[-1], h, w).

    Each has a ReLU before it, the network's very first (`relu_first` False) excepted, and BatchNorm after it. Stride 2
    is a 3x3 max-pooling at the end. Where size and channels stay, the shortcut is the identity.
    """

    def __init__(self, *channels: int, stride: int = 1, relu_first: bool = True) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            parts += [nn.ReLU(), SeparableConv2d(inputs, outputs), nn.BatchNorm2d(outputs)]
        if stride != 1:
            parts.append(nn.MaxPool2d(3, stride, padding=1))
        self.rep = nn.Sequential(*(parts if relu_first else parts[1:]))
        self.skip: nn.Module = nn.Identity()
        self.skipbn: nn.Module = nn.Identity()
        if stride != 1 or channels[0] != channels[-1]:
            self.skip = nn.Conv2d(channels[0], channels[-1], 1, stride, bias=False)
            self.skipbn = nn.BatchNorm2d(channels[-1])

    def forward(self, maps: Tensor) -> Tensor:
        """The sum of the convolutions and the shortcut: no ReLU after it."""
        return self.rep(maps) + self.skipbn(self.skip(maps))


@detectors.register("xception")
class Xception(Detector):
    """Entry, middle and exit flow of 12 blocks in all: 20,811,050 parameters with two logits."""

    facts = Facts(299, multiple=1, cam_layer="act4", least=32, classifier="fc")
    width = 2048

    def __init__(self, input_size: int = 299, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        self.conv1 = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.block1 = Block(64, 128, 128, stride=2, relu_first=False)
        self.block2 = Block(128, 256, 256, stride=2)
        self.block3 = Block(256, 728, 728, stride=2)
        for number in range(4, 12):
            self.add_module(f"block{number}", Block(728, 728, 728, 728))
        self.block12 = Block(728, 728, 1024, stride=2)
        self.conv3 = SeparableConv2d(1024, 1536)
        self.bn3 = nn.BatchNorm2d(1536)
        self.conv4 = SeparableConv2d(1536, self.width)
        self.bn4 = nn.BatchNorm2d(self.width)
        self.act = nn.ReLU()
        self.act4 = nn.ReLU()  # one of its own, whose output Grad-CAM can take
        self.fc = nn.Linear(self.width, classes)
        _initialise(self)

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of normalised images (B, 3, H, W)."""
        maps = self.act(self.bn1(self.conv1(images)))
        maps = self.act(self.bn2(self.conv2(maps)))
        for number in range(1, 13):
            maps = self.get_submodule(f"block{number}")(maps)
        maps = self.act(self.bn3(self.conv3(maps)))
        return self.act4(self.bn4(self.conv4(maps))).mean((2, 3))


def _initialise(module: nn.Module) -> None:
    """He et al.'s normal values by fan-in, so that each map comes out as large as what went in (arXiv 1502.01852)."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            gain = 1.0 if name.endswith("pointwise") else math.sqrt(2)  # no ReLU comes before a pointwise one
            nn.init.normal_(part.weight, std=gain / math.sqrt(part.weight[0].numel()))
