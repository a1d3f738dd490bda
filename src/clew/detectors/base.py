"""What every detector is: a module from pictures to logits, with its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError


@dataclass(frozen=True)
class Facts:
    """What others must know of a network.

    `input_size` the usual height and width in pixels; `multiple` what a size must be a multiple of; `least` the
    smallest size (0: `multiple`); `mean`, `std` per channel, for RGB in [0, 1]; `cam_layer` the module whose output
    (B, C, h, w) Grad-CAM weighs; `classifier` the last layer, which depends on the number of classes.
    """

    input_size: int
    multiple: int
    cam_layer: str
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    least: int = 0
    classifier: str = "head"


@dataclass(frozen=True)
class Config:
    """What it takes to build a network again: its registered name (or module:factory), input size, classes, options.

    `classes` 1 is a network of one logit x for "real", whose logits are (x, 0). `options` are the keywords that a
    network takes beside these, such as the backbone of mi_net.
    """

    name: str
    input_size: int
    classes: int = 2
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The config as it stands in JSON; without options the key is left out."""
        found = asdict(self)
        found["options"] = dict(self.options)
        return found if self.options else {key: value for key, value in found.items() if key != "options"}

    @property
    def outputs(self) -> int:
        """How many logits K come out: 2 where there is one logit only."""
        return max(2, self.classes)


class Detector(nn.Module):
    """A network (B, 3, H, W) float in [0, 1] -> logits (B, K), class 0 real.

    Subclasses take (input_size, classes), state their `facts` and the `width` D of their features, write `features`,
    and end in a linear layer named `facts.classifier` with as many outputs as `classes`; or they write `logits`
    whole. One class means one logit x for "real", which comes out as (x, 0).
    """

    facts: Facts
    width: int
    mean: Tensor
    std: Tensor

    def __init__(self, input_size: int, classes: int = 2) -> None:
        super().__init__()
        self._check(input_size, classes)
        self.input_size, self.classes = input_size, classes
        self.register_buffer("mean", torch.tensor(self.facts.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.facts.std).view(1, 3, 1, 1), persistent=False)

    def _check(self, input_size: int, classes: int) -> None:
        name, step = type(self).__name__, self.facts.multiple
        least = self.facts.least or step
        if input_size < least:
            raise ClewError(f"{name}: the input size must be at least {least} pixels, found {input_size}.")
        if input_size % step:
            raise ClewError(f"{name}: the input size must be a multiple of {step}, found {input_size}.")
        if not 1 <= classes <= 10_000:
            raise ClewError(f"{name}: expected 2 classes or more, or 1 for a single logit of 'real'; found {classes}.")

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K) of `images` (B, 3, H, W) in [0, 1]; normalisation is done here."""
        return two_logits(self.logits(self.normalise(images)))

    def normalise(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] as the network wants them: less its mean, by its standard deviation."""
        return (images - self.mean) / self.std

    def logits(self, images: Tensor) -> Tensor:
        """The outputs (B, classes) for normalised images (B, 3, H, W)."""
        return self.classify(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of normalised images (B, 3, H, W): what the classifier sees."""
        raise NotImplementedError

    def classify(self, features: Tensor) -> Tensor:
        """The classifier's outputs (B, classes) for features (B, D)."""
        outputs: Tensor = self.get_submodule(self.facts.classifier)(features)
        return outputs

    @classmethod
    def part_names(cls, options: Mapping[str, Any]) -> Mapping[str, str]:
        """What the parts of a network of such options are called, in its order: module name -> words.

        A tensor belongs to the part of the longest module name that its own begins with. None unless a network says so.
        """
        return {}

    def objective(self, images: Tensor, targets: Tensor) -> Tensor:
        """What training lowers: a scalar, for images (B, 3, H, W) and targets (B,) or soft targets (B, K)."""
        return nn.functional.cross_entropy(self(images).float(), targets)


def two_logits(outputs: Tensor) -> Tensor:
    """Logits (B, K) of a classifier's outputs: a single logit x for "real" (B, 1) becomes (x, 0)."""
    return torch.cat([outputs, torch.zeros_like(outputs)], 1) if outputs.shape[1] == 1 else outputs


def objective_of(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """The objective of any network: its own method `objective` where it has one, else cross-entropy."""
    own = getattr(module, "objective", None)
    if own is not None:
        value: Tensor = own(images, targets)
        return value
    return nn.functional.cross_entropy(module(images).float(), targets)
