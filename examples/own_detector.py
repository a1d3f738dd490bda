"""A network of your own.

With this folder on PYTHONPATH: clew tickets find STORE --detector own_detector:Small --out LADDER
"""

from __future__ import annotations

from torch import Tensor, nn

from clew.detectors import Detector, Facts


class Small(Detector):
    """Two strided convolutions and a linear layer.

    `features` of the stated `width` and a linear layer `head` make a detector; one that is not put together so writes
    `logits` (normalised images -> (B, K)) in their place.
    """

    facts = Facts(input_size=64, multiple=8, cam_layer="body.2")
    width = 32

    def __init__(self, input_size: int = 64, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        self.body = nn.Sequential(nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(self.width, classes)

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of normalised images (B, 3, H, W)."""
        return self.body(images).mean((2, 3))
