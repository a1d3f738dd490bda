"""The registries: detectors, name -> factory; bridges to other libraries, LIBRARY of LIBRARY:NAME -> its factories."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from clew.base.registry import Registry

Factory = Callable[..., nn.Module]  # (input_size, classes, **options) -> network, with an attribute `facts`

detectors: Registry[Factory] = Registry("detector")
bridges: Registry[Callable[[str], Factory]] = Registry("bridge")
