"""CNN-5: five convolution blocks and a linear layer (arXiv 2507.15636 gives its size, not its layers)."""

from __future__ import annotations

from torch import Tensor, nn

from clew.detectors.base import Detector, Facts
from clew.detectors.registry import detectors

CHANNELS = (16, 32, 64, 128, 176)


def block(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution, BatchNorm, ReLU, 2x2 max-pooling."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


@detectors.register("cnn5")
class CNN5(Detector):
    """301,138 parameters with two logits; average pooling before the linear layer lets any input size in."""

    facts = Facts(input_size=128, multiple=1, cam_layer="blocks.4.0", least=32)
    width = CHANNELS[-1]

    def __init__(self, input_size: int = 128, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        self.blocks = nn.Sequential(*map(block, (3, *CHANNELS[:-1]), CHANNELS))
        self.head = nn.Linear(CHANNELS[-1], classes)

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of normalised images (B, 3, H, W)."""
        return self.blocks(images).mean((2, 3))
