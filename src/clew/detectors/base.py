"""What every detector is: a module from pictures to logits, with its facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError


@dataclass(frozen=True)
class Facts:
    """What others must know of a network.

    `input_size` the usual height and width in pixels; `multiple` what a size must be a multiple of, and the least
    one; `mean`, `std` per channel, for RGB in [0, 1]; `cam_layer` the module whose output Grad-CAM weighs.
    """

    input_size: int
    multiple: int
    cam_layer: str
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Config:
    """What it takes to build a network again: its registered name (or module:factory), input size and classes."""

    name: str
    input_size: int
    classes: int = 2

    def as_dict(self) -> dict[str, Any]:
        """The config as it stands in JSON."""
        return asdict(self)


class Detector(nn.Module):
    """A network (B, 3, H, W) float in [0, 1] -> logits (B, K), class 0 real; subclasses write `logits`.

    Subclasses take (input_size, classes) and state their `facts`.
    """

    facts: ClassVar[Facts]
    mean: Tensor
    std: Tensor

    def __init__(self, input_size: int, classes: int = 2) -> None:
        super().__init__()
        step = self.facts.multiple
        if input_size < step or input_size % step:
            raise ClewError(f"{type(self).__name__}: the input size must be a multiple of {step}, found {input_size}.")
        if classes < 2:
            raise ClewError(f"{type(self).__name__}: at least 2 classes, found {classes}.")
        self.input_size, self.classes = input_size, classes
        self.register_buffer("mean", torch.tensor(self.facts.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.facts.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) of `images` (B, 3, H, W) in [0, 1]; normalisation is done here."""
        return self.logits((images - self.mean) / self.std)

    def logits(self, images: Tensor) -> Tensor:
        """Logits (B, K) of normalised images (B, 3, H, W)."""
        raise NotImplementedError
