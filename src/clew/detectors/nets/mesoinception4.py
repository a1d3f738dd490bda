"""MesoInception4 of MesoNet (Afchar et al. 2018, arXiv 1809.00888)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.detectors.base import Detector, Facts
from clew.detectors.nets.meso4 import block
from clew.detectors.registry import detectors
from clew.detectors.same_pool import SameMaxPool2d, same_pooled

INCEPTIONS = ((1, 4, 4, 2), (2, 4, 4, 2))  # channels of the four branches
DILATIONS = (1, 2, 3)  # of the 3x3 convolutions that end branches 2 to 4
POOLS = (2, 2, 2, 4)


class Inception(nn.Module):
    """Four branches side by side, BatchNorm, 2x2 max-pooling: (B, C, H, W) -> (B, sum of `channels`, H/2, W/2).

    The first branch is a 1x1 convolution, the others a 1x1 and a 3x3 one, dilated by 1, 2 and 3.
    """

    def __init__(self, inputs: int, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, *others = channels
        branches = [nn.Sequential(nn.Conv2d(inputs, first, 1), nn.ReLU())]
        branches += [_branch(inputs, width, dilation) for width, dilation in zip(others, DILATIONS, strict=True)]
        self.branches = nn.ModuleList(branches)
        self.norm = nn.BatchNorm2d(sum(channels), eps=1e-3)
        self.pool = SameMaxPool2d(2)

    def forward(self, maps: Tensor) -> Tensor:
        """The branches' outputs, one after the other along the channels, normalised and pooled."""
        return self.pool(self.norm(torch.cat([branch(maps) for branch in self.branches], 1)))


def _branch(inputs: int, width: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, width, 1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
        nn.ReLU(),
    )


@detectors.register("mesoinception4")
class MesoInception4(Detector):
    """Two inception layers, two 5x5 convolutions, two linear layers: 28,615 parameters at 256x256 with one logit."""

    facts = Facts(256, multiple=1, cam_layer="blocks.1.0", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), least=32)
    width = 16

    def __init__(self, input_size: int = 256, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        inputs = (3, *(sum(channels) for channels in INCEPTIONS))
        self.inceptions = nn.Sequential(*map(Inception, inputs, INCEPTIONS))
        self.blocks = nn.Sequential(block(inputs[-1], 16, 5, POOLS[2]), block(16, 16, 5, POOLS[3]))
        self.hidden = nn.Linear(16 * same_pooled(input_size, POOLS) ** 2, 16)
        self.head = nn.Linear(16, classes)
        self.act = nn.LeakyReLU(0.1)
        self.drop = nn.Dropout(0.5)

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of images (B, 3, H, W) in [0, 1]."""
        return self.drop(self.act(self.hidden(self.drop(self.blocks(self.inceptions(images)).flatten(1)))))
