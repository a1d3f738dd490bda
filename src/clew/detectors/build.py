"""From a name to a network: registered here, by an entry point, or outside as module:factory."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import cast

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError, unknown_name
from clew.base.registry import import_all
from clew.detectors import nets
from clew.detectors.base import Config, Facts
from clew.detectors.registry import Factory, detectors

import_all(nets)


def build(name: str, input_size: int | None = None, classes: int = 2) -> nn.Module:
    """A fresh network; `input_size` None takes its usual one. Raises ClewError for an unknown name or bad size.

    `name` is a registered one, an entry point of the group clew.detectors, or `package.module:factory`: a callable
    (input_size, classes) with an attribute `facts` (Facts).
    """
    factory = _factory(name)
    facts = _stated_facts(name, factory)
    module = factory(input_size=input_size or facts.input_size, classes=classes)
    if not isinstance(module, nn.Module):
        raise ClewError(f"detector '{name}': expected a torch module, the factory returned {type(module).__name__}.")
    return module


def resolve(name: str, input_size: int | None = None, classes: int = 2) -> Config:
    """The config of a network, with its input size filled in; raises ClewError as `build` does."""
    factory = _factory(name)
    facts = _stated_facts(name, factory)
    config = Config(name, input_size or facts.input_size, classes)
    network(config)
    return config


def network(config: Config) -> nn.Module:
    """A network to load weights into: as `build`, but the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        return build(config.name, config.input_size, config.classes)


def facts_of(name: str) -> Facts:
    """The facts of a network."""
    return _stated_facts(name, _factory(name))


def initial_state(config: Config, seed: int) -> dict[str, Tensor]:
    """The weights and buffers of a fresh network: the same for the same seed, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build(config.name, config.input_size, config.classes)
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def _stated_facts(name: str, factory: Factory) -> Facts:
    facts = getattr(factory, "facts", None)
    if not isinstance(facts, Facts):
        raise ClewError(
            f"detector '{name}' states no facts: give the factory an attribute 'facts' (clew.detectors.Facts)."
        )
    return facts


def _factory(name: str) -> Factory:
    if name in detectors:
        return detectors.get(name)
    if ":" in name:
        return _outside(name)
    for point in entry_points(group="clew.detectors"):
        if point.name == name:
            return cast(Factory, point.load())
    raise unknown_name("detector", name, [*detectors, *(p.name for p in entry_points(group="clew.detectors"))])


def _outside(name: str) -> Factory:
    module_name, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise ClewError(f"detector '{name}': the module '{module_name}' cannot be imported ({error}).") from None
    except AttributeError:
        raise ClewError(f"detector '{name}': '{module_name}' has no '{attribute}'.") from None
    if not callable(found):
        raise ClewError(f"detector '{name}': '{attribute}' is not callable.")
    return cast(Factory, found)
