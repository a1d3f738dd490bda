"""Named objects of one kind: a new detector, layout or method is one file that registers itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Generic, TypeVar

from clew.base.errors import unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps names to objects of one `kind` (the word used in error messages)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that registers its object under `name`; raises ValueError when the name is taken."""

        def add(item: T) -> T:
            if self._items.setdefault(name, item) is not item:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            return item

        return add

    def get(self, name: str) -> T:
        """The object called `name`; raises ClewError that lists the known names."""
        try:
            return self._items[name]
        except KeyError:
            raise unknown_name(self.kind, name, self._items) from None

    def names(self) -> list[str]:
        """The registered names, sorted."""
        return sorted(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._items


def import_all(package: ModuleType) -> None:
    """Imports every module of `package`, so that each file in it registers what it holds."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
