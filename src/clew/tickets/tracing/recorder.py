"""Watches a network run on tensors without numbers ("meta"), and writes down what is done to the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from clew.tickets.tracing.calls import Call, counterparts
from clew.tickets.tracing.values import Entry, Making, Missing, Padded, Refused, Value

META = torch.device("meta")
BY_SHAPE = {"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}  # heed no numbers


class Recorder(TorchDispatchMode):
    """While it is entered, each operation on the picture becomes a node; one on constants is done as ever.

    What has no counterpart is no error until the output turns out to need it. `batch` pictures run at once.
    """

    def __init__(self, make: Making, batch: int) -> None:
        super().__init__()
        self.make, self.batch = make, batch
        self.known: dict[int, Entry] = {}
        self.alive: dict[int, torch.Tensor] = {}  # an id is that of one tensor for as long as the tensor is there
        self.modules: list[str] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # some versions of PyTorch would load their compiler at the first operation

    def note(self, tensor: torch.Tensor, entry: Entry) -> None:
        """Says what a tensor stands for."""
        self.known[id(tensor)] = entry
        self.alive[id(tensor)] = tensor

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """One operation of the network."""
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        tensors = _tensors((args, kwargs))
        self.alive |= {id(one): one for one in tensors}
        constant = all(id(one) not in self.known and one.device != META for one in tensors)
        random = torch.Tag.nondeterministic_seeded in func.tags
        if name in BY_SHAPE or (constant and not random):
            made = func(*tree_map(_with_numbers, args), **tree_map(_with_numbers, kwargs))
            self.alive |= {id(one): one for one in _tensors(made)}
            return made
        made = func(*tree_map(_without_numbers, args), **tree_map(_without_numbers, kwargs))
        entry = Missing(name, self.where, "it draws at random") if random else self._entry(func, args, kwargs, made)
        if func._schema.is_mutable:
            self._overwritten(args[0], entry)
        for place, one in enumerate(_tensors(made)):
            self.note(one, entry if not place or isinstance(entry, Missing) else Missing(name, self.where))
        return made

    def _entry(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], made: Any) -> Entry:
        """What an operation's first result stands for."""
        arguments, name = self._arguments(func, args, kwargs), func.overloadpacket.__name__
        entries, results = tree_flatten(arguments)[0], _tensors(made)
        lacking = next((entry for entry in entries if isinstance(entry, Missing)), None)
        if lacking is not None:
            return lacking
        plain = name if name in counterparts else name.removesuffix("_")
        if plain not in counterparts or not results:
            return Missing(name, self.where)
        shape = tuple(results[0].shape)
        try:
            if any(isinstance(entry, Value | Padded) for entry in entries) and shape[:1] != (self.batch,):
                raise Refused("it mixes the pictures of a batch")
            return counterparts.get(plain)(self.make, Call(arguments, shape[1:], self.batch))
        except Refused as refused:
            return Missing(name, self.where, str(refused))

    def _arguments(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name, those left out with their usual values, tensors as what they stand for."""
        parts = func._schema.arguments
        usual = {part.name: part.default_value for part in parts if part.has_default_value()}
        given = {part.name: value for part, value in zip(parts, args, strict=False)}
        found: dict[str, Any] = tree_map(lambda one: self.known.get(id(one), one), {**usual, **given, **kwargs})
        return found

    def _overwritten(self, target: torch.Tensor, entry: Entry) -> None:
        """An operation works in place: all that shares the target's memory is changed with it."""
        before, store = self.known.get(id(target)), _store(target)
        gone = Missing("an operation in place", self.where, "it changes a part of another value")
        for key, other in self.alive.items():
            if other is not target and _store(other) == store:
                self.known[key] = entry if before is not None and self.known.get(key) == before else gone
        self.note(target, entry)

    @property
    def where(self) -> str:
        """The module that runs, for people."""
        return self.modules[-1] if self.modules else "the network"

    @contextmanager
    def following(self, module: nn.Module) -> Iterator[None]:
        """Knows, while the network runs, which of its modules does."""
        names = {part: f"'{name}' ({type(part).__name__})" for name, part in module.named_modules() if name}

        def enter(part: nn.Module, inputs: Any) -> None:
            self.modules.append(names.get(part, type(part).__name__))

        def leave(part: nn.Module, inputs: Any, output: Any) -> None:
            self.modules.pop()

        hooks = [part.register_forward_pre_hook(enter) for part in module.modules()]
        hooks += [part.register_forward_hook(leave) for part in module.modules()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def _tensors(found: Any) -> list[torch.Tensor]:
    return [one for one in tree_flatten(found)[0] if isinstance(one, torch.Tensor)]


def _store(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _without_numbers(found: Any) -> Any:
    return found.to(META) if isinstance(found, torch.Tensor) and found.device != META else found


def _with_numbers(found: Any) -> Any:
    """Constants are made where numbers are, though the network asks for them where its picture is."""
    if isinstance(found, torch.Tensor) and found.device == META:
        return torch.empty(found.shape, dtype=found.dtype)
    return torch.device("cpu") if isinstance(found, torch.device) and found == META else found
