"""The registry of detectors: name -> factory (input_size, classes) -> network with `facts`."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from clew.base.registry import Registry

Factory = Callable[..., nn.Module]

detectors: Registry[Factory] = Registry("detector")
