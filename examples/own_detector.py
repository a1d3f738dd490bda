"""A network of your own.

With this folder on PYTHONPATH: clew tickets find STORE --detector own_detector:Small --out LADDER
"""

from __future__ import annotations

from torch import Tensor, nn

from clew.detectors import Detector, Facts


class Small(Detector):
    """Two strided convolutions and a linear layer."""

    facts = Facts(input_size=64, multiple=8, cam_layer="body.2")

    def __init__(self, input_size: int = 64, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        self.body = nn.Sequential(nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(32, classes)

    def logits(self, images: Tensor) -> Tensor:
        """Logits (B, K) of normalised images (B, 3, H, W)."""
        return self.head(self.body(images).mean((2, 3)))
