"""Meso4 of MesoNet (Afchar et al. 2018, arXiv 1809.00888)."""

from __future__ import annotations

from torch import Tensor, nn

from clew.detectors.base import Detector, Facts
from clew.detectors.registry import detectors
from clew.detectors.same_pool import SameMaxPool2d, same_pooled

CHANNELS = (8, 8, 16, 16)
KERNELS = (3, 5, 5, 5)
POOLS = (2, 2, 2, 4)


def block(inputs: int, outputs: int, kernel: int, pool: int) -> nn.Sequential:
    """Convolution, ReLU, BatchNorm, max-pooling: in the original's order and with Keras' epsilon and padding."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.BatchNorm2d(outputs, eps=1e-3),
        SameMaxPool2d(pool),
    )


@detectors.register("meso4")
class Meso4(Detector):
    """Four convolutions with a BatchNorm each (a widely copied port shares one), two linear layers.

    27,977 parameters at 256x256 with one logit, as the original; 15,610 weights and biases of convolutions and linear
    layers at 128x128 with two.
    """

    facts = Facts(256, multiple=1, cam_layer="blocks.3.0", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), least=32)
    width = 16

    def __init__(self, input_size: int = 256, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        inputs = (3, *CHANNELS[:-1])
        self.blocks = nn.Sequential(*map(block, inputs, CHANNELS, KERNELS, POOLS))
        self.hidden = nn.Linear(CHANNELS[-1] * same_pooled(input_size, POOLS) ** 2, 16)
        self.head = nn.Linear(16, classes)
        self.act = nn.LeakyReLU(0.1)
        self.drop = nn.Dropout(0.5)  # on a flat vector: not Dropout2d

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of images (B, 3, H, W) in [0, 1]."""
        return self.drop(self.act(self.hidden(self.drop(self.blocks(images).flatten(1)))))
