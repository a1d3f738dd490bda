"""The network of "Exposing the Deception" (AAAI 2024, arXiv 2403.01786): backbones that tell different clues."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError, unknown_name
from clew.detectors import information
from clew.detectors.base import Detector, Facts, two_logits
from clew.detectors.nets.resnet import ResNet34
from clew.detectors.registry import detectors

NAME = "mi_net"
HIDDEN = (1000, 500)
BLOCKS, MOST_BLOCKS = 4, 64
# The losses in use, in the order of the entries of `loss_weights`.
LOSSES: dict[str, tuple[str, ...]] = {
    "none": (),
    "global": ("classification", "global"),
    "local": ("classification", "local"),
    "both": ("classification", "local", "global"),
}
WEIGHTS = ("learned", "fixed")


@dataclass(frozen=True)
class Settings:
    """How the objective is put together; raises ClewError for what it does not know. Written out at `MiNet`."""

    losses: str = "both"
    divergence: str = "kl"
    reduction: str = "batch"
    temperature: float = information.TEMPERATURE
    weights: str = "learned"

    def __post_init__(self) -> None:
        _one_of(f"loss of {NAME}", self.losses, LOSSES)
        _one_of(f"divergence of {NAME}", self.divergence, information.DIVERGENCES)
        _one_of(f"reduction of {NAME}", self.reduction, information.REDUCTIONS)
        _one_of(f"kind of weights of {NAME}", self.weights, WEIGHTS)
        _within("temperature", self.temperature, 0.01, 100)

    @property
    def names(self) -> tuple[str, ...]:
        """The losses in use, in the order of their weights."""
        return LOSSES[self.losses]


@dataclass(frozen=True)
class Parts:
    """All that the network says of a batch.

    `features` (B, n, D) one vector per block; `whole` (B, K) logits of all of them, `without` (n, B, K) those of all
    but block i, `verdict` (B, K) those of the bottleneck, which are what the network says.
    """

    features: Tensor
    whole: Tensor
    without: Tensor
    verdict: Tensor


def facts_with(backbone: Facts) -> Facts:
    """The facts of a network of such backbones: their sizes and CAM layer; each block normalises for itself."""
    return Facts(
        input_size=224,
        multiple=backbone.multiple,
        least=backbone.least,
        cam_layer=f"blocks.0.{backbone.cam_layer}",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        classifier="verdict",
    )


@detectors.register(NAME)
class MiNet(Detector):
    """`blocks` backbones side by side, whose features a bottleneck fuses; 87,963,623 parameters by default.

    `backbone` any detector that writes `features` and states its `width`; `dropout` the probability in the bottleneck.
    The objective is the cross-entropy of every head and, by `losses`, none, the global or the local information loss
    or both (clew.detectors.information), by `divergence` kl or sinkhorn with its `reduction`, batch or elements, at
    `temperature`. `weights` learned makes them a parameter `loss_weights`, one entry per loss in the order of
    LOSSES, from 1; fixed takes classification 1, local 2, global 10. Raises ClewError for an option out of range.
    """

    facts = facts_with(ResNet34.facts)
    loss_weights: nn.Parameter | None

    def __init__(
        self,
        input_size: int = 224,
        classes: int = 2,
        backbone: str = "resnet34",
        blocks: int = BLOCKS,
        losses: str = "both",
        divergence: str = "kl",
        reduction: str = "batch",
        temperature: float = information.TEMPERATURE,
        weights: str = "learned",
        dropout: float = 0.5,
    ) -> None:
        settings = Settings(losses, divergence, reduction, temperature, weights)
        _within("blocks", blocks, 2, MOST_BLOCKS, int)
        _within("dropout", dropout, 0, 0.99)
        self.facts = facts_with(_facts_of(backbone))  # before the base class checks sizes by them
        super().__init__(input_size, classes)
        self.settings = settings
        parts = [_block(backbone, input_size) for _ in range(blocks)]
        self.facts = facts_with(parts[0].facts)  # a network with options may state other facts than its class
        self.cam_layers = tuple(f"blocks.{i}.{part.facts.cam_layer}" for i, part in enumerate(parts))
        self.width = parts[0].width
        self.blocks = nn.ModuleList(parts)
        self._add_heads(blocks, classes, dropout)
        learned = settings.names if weights == "learned" else ()
        self.loss_weights = nn.Parameter(torch.ones(len(learned))) if learned else None

    def _add_heads(self, blocks: int, classes: int, dropout: float) -> None:
        joined = blocks * self.width
        self.whole = nn.Linear(joined, classes)
        self.without = nn.ModuleList(nn.Linear(joined - self.width, classes) for _ in range(blocks))
        layers = [_layer(*sizes, dropout) for sizes in zip((joined, HIDDEN[0]), HIDDEN, strict=True)]
        self.bottleneck = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], self.width), nn.Dropout(dropout))
        self.verdict = nn.Linear(self.width, classes)

    @classmethod
    def part_names(cls, options: Mapping[str, Any]) -> Mapping[str, str]:
        """The blocks, counted from 1, and the heads, of which training alone uses all but the verdict."""
        blocks = options.get("blocks", BLOCKS)
        _within("blocks", blocks, 2, MOST_BLOCKS, int)
        parts = {f"blocks.{i}": f"block {i + 1}" for i in range(blocks)}
        heads = {f"without.{i}": f"head without block {i + 1}" for i in range(blocks)}
        return {**parts, "bottleneck": "bottleneck", "verdict": "verdict", "whole": "head of all blocks", **heads}

    def clues(self, images: Tensor) -> Tensor:
        """Features (B, n, D) of images (B, 3, H, W) in [0, 1], one vector per block."""
        blocks = cast(Iterable[Detector], self.blocks)
        return torch.stack([part.features(part.normalise(images)) for part in blocks], 1)

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of images (B, 3, H, W) in [0, 1]: all blocks after the bottleneck and its dropout."""
        return self._fused(self.clues(images))

    def parts(self, images: Tensor) -> Parts:
        """What every head says of images (B, 3, H, W) in [0, 1]."""
        clues = self.clues(images)
        return Parts(
            clues,
            two_logits(self.whole(clues.flatten(1))),
            torch.stack([two_logits(head(_all_but(clues, i))) for i, head in enumerate(self.without)]),
            two_logits(self.classify(self._fused(clues))),
        )

    def objective(self, images: Tensor, targets: Tensor) -> Tensor:
        """What training lowers, a scalar: the losses in use, weighed; without any, the cross-entropies alone."""
        terms = self.terms(self.parts(images), targets)
        if not self.settings.names:
            return terms["classification"]
        if self.loss_weights is None:
            return information.weighted_sum(terms)
        return information.balance(terms, dict(zip(self.settings.names, self.loss_weights, strict=True)))

    def terms(self, parts: Parts, targets: Tensor) -> dict[str, Tensor]:
        """The losses in use by name, not yet weighed, for targets (B,) or soft targets (B, K)."""
        how = (self.settings.temperature, self.settings.divergence, self.settings.reduction)
        found = {"classification": _cross_entropies(parts, targets)}
        if "local" in self.settings.names:
            found["local"] = information.local_information_loss(parts.without, parts.whole, *how)
        if "global" in self.settings.names:
            found["global"] = information.global_information_loss(parts.verdict, parts.whole, *how)
        return found

    def _fused(self, clues: Tensor) -> Tensor:
        fused: Tensor = self.bottleneck(clues.flatten(1))
        return fused


def _layer(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """Linear, BatchNorm, ReLU, dropout; a bias before BatchNorm would never get a gradient."""
    linear = nn.Linear(inputs, outputs, bias=False)
    return nn.Sequential(linear, nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(dropout))


def _all_but(clues: Tensor, i: int) -> Tensor:
    """The features (B, n, D) of all blocks but i in one vector (B, (n - 1) D)."""
    return torch.cat([clues[:, :i], clues[:, i + 1 :]], 1).flatten(1)


def _cross_entropies(parts: Parts, targets: Tensor) -> Tensor:
    """The sum of the cross-entropies of all heads: the verdict, the whole, and the n without one block."""
    heads = [information.in_full(head) for head in (parts.verdict, parts.whole, *parts.without)]
    targets = targets.to(heads[0].dtype) if targets.is_floating_point() else targets
    return torch.stack([nn.functional.cross_entropy(head, targets) for head in heads]).sum()


def _facts_of(backbone: str) -> Facts:
    from clew.detectors.build import facts_of  # it imports this module

    if not isinstance(backbone, str):
        raise ClewError(f"{NAME}: expected the name of a detector as backbone, found {backbone!r}.")
    _refuse_itself(backbone == NAME)
    return facts_of(backbone)


def _block(backbone: str, input_size: int) -> Detector:
    """A fresh backbone without its classifier; two in a row differ, since both draw from the global generator."""
    from clew.detectors.build import build

    module = build(backbone, input_size)
    _refuse_itself(isinstance(module, MiNet))
    if not isinstance(module, Detector):
        raise ClewError(f"{NAME}: expected a clew.detectors.Detector as backbone, '{backbone}' is none.")
    if type(module).features is Detector.features:
        raise ClewError(
            f"{NAME}: the backbone '{backbone}' has no method 'features' of its own, which is all it needs."
        )
    if not isinstance(getattr(module, "width", None), int):
        raise ClewError(f"{NAME}: the backbone '{backbone}' does not state its 'width', the number of its features.")
    return _without_classifier(backbone, module)


def _without_classifier(backbone: str, module: Detector) -> Detector:
    path, _, name = module.facts.classifier.rpartition(".")
    try:
        parent = module.get_submodule(path)
        parent.get_submodule(name)
    except AttributeError:
        lacking = module.facts.classifier
        raise ClewError(f"{NAME}: the backbone '{backbone}' has no submodule '{lacking}', its classifier.") from None
    setattr(parent, name, nn.Identity())
    return module


def _refuse_itself(found: bool) -> None:
    if found:
        raise ClewError(f"{NAME}: its backbone cannot be {NAME} itself; name a network such as resnet34.")


def _one_of(kind: str, value: str, known: Collection[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise unknown_name(kind, str(value), known)


def _within(name: str, value: float, low: float, high: float, kind: type = float) -> None:
    number = isinstance(value, int | kind) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        whole = "a whole number" if kind is int else "a number"
        raise ClewError(f"{NAME}: {name} must be {whole} from {low:g} to {high:g}, found {value!r}.")
