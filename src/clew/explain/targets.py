"""Which class a heatmap speaks for: fake, the class that the dense net predicts, or a class by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import unknown_name

FAKE, PREDICTED = "fake", "predicted"
INNER = "net"


@dataclass(frozen=True)
class Target:
    """What was asked for, of a network with `classes` (K,); `number` None: each picture's predicted class."""

    asked: str
    classes: tuple[str, ...]
    number: int | None

    @property
    def joint(self) -> bool:
        """Whether it is fake of a network with several classes of fakes, whose logits are then joined."""
        return self.asked == FAKE and len(self.classes) > 2

    @property
    def text(self) -> str:
        """In words, as it stands beside the numbers."""
        if self.number is None:
            return "the class that the dense network of the same seed predicts for the picture"
        if self.joint:
            return "fake of any kind (the log-sum-exp of the logits of all classes but real)"
        return f"the class '{self.classes[self.number]}'"

    def numbers(self, dense: NDArray[np.float32]) -> NDArray[np.int64]:
        """The class of each picture (N,) from the dense net's logits (N, K): the same for the tickets of its seed."""
        if self.number is None:
            return np.asarray(dense.argmax(1), np.int64)
        return np.full(len(dense), self.number, np.int64)

    def head(self, module: nn.Module) -> nn.Module:
        """The network as it is explained: with its fakes joined where that is the target."""
        return Joined(module) if self.joint else module

    def layer(self, name: str) -> str:
        """What a layer of the network is called in `head`."""
        return f"{INNER}.{name}" if self.joint else name


class Joined(nn.Module):
    """A network of K classes as one of two: logits (B, 2) of real, and of all others together.

    The softmax of (x_0, log sum exp x_1..K-1) is the probability of fake that every table of Clew shows.
    """

    classes = 2

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        facts: Any = getattr(net, "facts", None)
        if facts is not None:
            self.facts = replace(
                facts, cam_layer=f"{INNER}.{facts.cam_layer}", classifier=f"{INNER}.{facts.classifier}"
            )
        self.train(net.training)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 2) of images (B, 3, H, W)."""
        logits = self.net(images)
        return torch.stack([logits[:, 0], torch.logsumexp(logits[:, 1:], 1)], 1)


def target_of(asked: str, classes: Sequence[str]) -> Target:
    """The target that --target names; raises ClewError that lists the known ones."""
    names = tuple(classes)
    if asked == PREDICTED:
        return Target(asked, names, None)
    if asked in names:
        return Target(asked, names, names.index(asked))
    if asked == FAKE:
        return Target(asked, names, 1)
    raise unknown_name("target", asked, dict.fromkeys((FAKE, PREDICTED, *names)))
