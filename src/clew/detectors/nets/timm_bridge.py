"""Networks of timm, as `timm:NAME` (https://huggingface.co/docs/timm): needs the extra clew[timm]."""

from __future__ import annotations

import importlib
from difflib import get_close_matches
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.detectors.base import Detector, Facts
from clew.detectors.registry import Factory, bridges

LEAST = 32  # pixels; where timm states no smallest size


class TimmDetector(Detector):
    """A network of timm, its weights drawn anew, under the submodule `net`; subclasses name it and state its facts."""

    network: str

    def __init__(self, input_size: int, classes: int = 2) -> None:
        super().__init__(input_size, classes)
        self.net = _create(self.network, classes)
        self.width = self.get_submodule(self.facts.classifier).get_parameter("weight").shape[1]
        if input_size != self.facts.input_size:
            self._try(input_size)

    def _try(self, size: int) -> None:
        """Raises ClewError where the network cannot work at this size: timm states it of few and checks it in runs."""
        try:
            with torch.no_grad():
                self.eval()(torch.zeros(1, 3, size, size))
        except (RuntimeError, AssertionError, ValueError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise ClewError(
                f"timm:{self.network} cannot take pictures of {size} pixels ({reason}): "
                f"its usual size is {self.facts.input_size}."
            ) from None
        self.train()

    def features(self, images: Tensor) -> Tensor:
        """Features (B, D) of normalised images (B, 3, H, W)."""
        features: Tensor = self.net.forward_head(self.net.forward_features(images), pre_logits=True)
        return features


@bridges.register("timm")
@cache  # its facts take a network built and run once
def timm_network(name: str) -> Factory:
    """The factory of timm's network `name`, a tag included or not; raises ClewError when timm or the name is missing.

    Its facts are those of timm's pretrained configuration. Vision transformers as a rule take their usual size alone.
    """
    with torch.random.fork_rng(devices=[]):  # the first call must not leave other random numbers than the second
        net = _create(name, 2)
    stated = net.pretrained_cfg
    size = stated["input_size"][-1]
    facts = Facts(
        input_size=size,
        multiple=1,
        cam_layer=f"net.{_cam_layer(name, net, size)}",
        mean=tuple(stated["mean"]),
        std=tuple(stated["std"]),
        least=(stated.get("min_input_size") or (3, LEAST, LEAST))[-1],
        classifier=f"net.{_classifier(name, net)}",
    )
    return cast(Factory, type(f"timm:{name}", (TimmDetector,), {"facts": facts, "network": name}))


def _create(name: str, classes: int) -> Any:
    """The network, without activations in place: they would overwrite the maps that heatmaps are made of."""
    timm = _timm(name)
    if not timm.is_model(name):  # of the names that create_model takes some would fetch files
        near = get_close_matches(name, timm.list_models(), n=5)
        raise ClewError(
            f"timm has no network '{name}'. "
            + (f"Did you mean {', '.join(near)}?" if near else "timm.list_models() lists them all.")
        )
    try:
        net = timm.create_model(name, pretrained=False, num_classes=classes)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ClewError(f"timm:{name}: timm cannot build it ({error}).") from None
    for part in net.modules():
        if getattr(part, "inplace", False):
            part.inplace = False
    return net


def _timm(name: str) -> Any:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise ClewError(f"timm:{name} needs timm: pip install 'clew[timm]' ({error}).") from None


def _classifier(name: str, net: Any) -> str:
    """The name of the last layer; raises ClewError when that is not one linear layer."""
    layer = net.get_classifier()
    if not isinstance(layer, nn.Linear):
        raise ClewError(f"timm:{name}: expected one linear layer at the end, found {type(layer).__name__}.")
    return next(key for key, part in net.named_modules() if part is layer)


def _cam_layer(name: str, net: Any, size: int) -> str:
    """The name of the last module to put out maps (B, C, h, w) of the features' C, else of the last convolution.

    Last in order of running, not of registration; 1x1 maps, as of gates over channels, do not count. In transformers,
    whose tokens are no maps, it is the convolution that makes the patches.
    """
    found: dict[bool, list[str]] = {True: [], False: []}

    def note(key: str, part: nn.Module, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            whole = output.shape[1] == net.num_features != output.shape[3]  # not (B, h, w, C)
            if whole or isinstance(part, nn.Conv2d):
                found[whole].append(key)

    hooks = [
        part.register_forward_hook(lambda part, _, output, key=key: note(key, part, output))
        for key, part in net.named_modules()
    ]
    try:
        with torch.no_grad():
            net.eval().forward_features(torch.zeros(1, 3, size, size))
    finally:
        for hook in hooks:
            hook.remove()
    if not (last := found[True] or found[False]):
        raise ClewError(f"timm:{name}: none of its layers puts out maps (B, C, h, w).")
    return last[-1]
