"""From a name to a network: registered here, by an entry point, through a bridge, or outside as module:factory."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from importlib.metadata import entry_points
from typing import Any, cast

import torch
from torch import Tensor, nn

from clew.base.errors import ClewError, unknown_name
from clew.base.registry import import_all
from clew.detectors import nets
from clew.detectors.base import Config, Facts
from clew.detectors.registry import Factory, bridges, detectors

import_all(nets)

MOST_SIZE = 4096  # pixels of a side

_asking: ContextVar[str] = ContextVar("asking", default="")  # the file whose network is being built, if it is a file's


def build(
    name: str, input_size: int | None = None, classes: int = 2, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """A fresh network; `input_size` None takes its usual one. Raises ClewError for an unknown name or bad size.

    `name` is a registered one, `timm:NAME`, an entry point of the group clew.detectors, or `package.module:factory`:
    a callable (input_size, classes) with an attribute `facts` (Facts). `options` are further keywords of it.
    """
    factory = _factory(name)
    facts = _stated_facts(name, factory)
    options = dict(options or {})
    _check_options(name, factory, options)
    module = factory(input_size=facts.input_size if input_size is None else input_size, classes=classes, **options)
    if not isinstance(module, nn.Module):
        raise ClewError(f"detector '{name}': expected a torch module, the factory returned {type(module).__name__}.")
    return module


def resolve(
    name: str, input_size: int | None = None, classes: int = 2, options: Mapping[str, Any] | None = None
) -> Config:
    """The config of a network, with its input size filled in; raises ClewError as `build` does."""
    facts = facts_of(name)
    if input_size is not None and input_size > MOST_SIZE:
        raise ClewError(f"detector '{name}': expected an input size of at most {MOST_SIZE} pixels, found {input_size}.")
    config = Config(name, facts.input_size if input_size is None else input_size, classes, dict(options or {}))
    network(config)
    return config


def network(config: Config) -> nn.Module:
    """A network to load weights into: as `build`, but the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        return _built(config)


def network_in(config: Config, where: str) -> nn.Module:
    """As `network`, for a config that a file `where` holds: it names no code to run.

    Raises ClewError naming the file for what cannot be built, and for a network from outside (or one as an option,
    such as a backbone) that nobody imported.
    """
    token = _asking.set(where)
    try:
        return network(config)
    except ClewError as error:
        raise error if str(error).startswith(where) else ClewError(f"{where}: {error}") from None
    finally:
        _asking.reset(token)


def is_outside(name: str) -> bool:
    """Whether a name is that of a network from outside, `package.module:factory`."""
    return ":" in name and name not in detectors and name.partition(":")[0] not in bridges


def facts_of(name: str) -> Facts:
    """The facts of a network with its usual options; a network that is built has its own as `facts`."""
    return _stated_facts(name, _factory(name))


def part_names(name: str, options: Mapping[str, Any] | None = None) -> dict[str, str]:
    """What the parts of a network of such options are called (see `Detector.part_names`), found without building it.

    Empty where it names none or is not at hand: a ladder is read without the library of its network, and reading one
    runs no code from outside that nobody imported. Raises ClewError for options that the network refuses.
    """
    named = getattr(_at_hand(name), "part_names", None)
    return dict(named(options or {})) if callable(named) else {}


def _at_hand(name: str) -> Factory | None:
    """A factory that is registered, installed, or imported by somebody; None for any other."""
    if is_outside(name):
        return _factory(name) if name.partition(":")[0] in sys.modules else None
    installed = name in detectors or name in {point.name for point in entry_points(group="clew.detectors")}
    return _factory(name) if installed else None


def initial_state(config: Config, seed: int) -> dict[str, Tensor]:
    """The weights and buffers of a fresh network: the same for the same seed, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _built(config)
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def _built(config: Config) -> nn.Module:
    return build(config.name, config.input_size, config.classes, config.options)


def _check_options(name: str, factory: Factory, options: Mapping[str, Any]) -> None:
    """Raises ClewError for an option that the network does not take; lists those that it does."""
    parameters = inspect.signature(factory).parameters
    if any(part.kind is part.VAR_KEYWORD for part in parameters.values()):
        return
    known = [key for key in parameters if key not in ("self", "input_size", "classes")]
    for key in options:
        if key not in known:
            raise ClewError(
                f"detector '{name}' has no option '{key}'. "
                + (f"Known: {', '.join(known)}." if known else "It has none.")
            )


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
    library, colon, model = name.partition(":")
    if colon and library in bridges:
        return bridges.get(library)(model)
    if colon:
        return _outside(name)
    for point in entry_points(group="clew.detectors"):
        if point.name == name:
            return cast(Factory, point.load())
    raise unknown_name("detector", name, [*detectors, *(p.name for p in entry_points(group="clew.detectors"))])


def _outside(name: str) -> Factory:
    module_name, _, attribute = name.partition(":")
    found = getattr(_module(module_name, name), attribute, None)
    if found is None:
        raise ClewError(f"detector '{name}': '{module_name}' has no '{attribute}'.")
    if not callable(found):
        raise ClewError(f"detector '{name}': '{attribute}' is not callable.")
    return cast(Factory, found)


def _module(module_name: str, name: str) -> Any:
    """The module of a network from outside; raises ClewError where it fails, and where only a file asks for it."""
    if (where := _asking.get()) and module_name not in sys.modules:
        raise ClewError(
            f"{where} needs the network '{name}' from outside, whose code would run: if you trust it, say --trust "
            f"{name} (in Python: import {module_name} first)."
        )
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise ClewError(f"detector '{name}': the module '{module_name}' cannot be imported ({error}).") from None
    except Exception as error:  # whatever somebody's code may raise
        why = f"{type(error).__name__}: {error}"
        raise ClewError(f"detector '{name}': the module '{module_name}' fails as it is imported ({why}).") from error
