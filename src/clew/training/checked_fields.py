"""Fields of a dictionary that came from a file, checked: such a file is hostile until it is shown not to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clew.base.errors import ClewError

MOST = 2**53  # the largest count that every JSON reader keeps exactly


@dataclass(frozen=True)
class Number:
    """What a number must be: from `low` to `high`, and `whole` for a count."""

    low: float = 0.0
    high: float = 1.0
    whole: bool = False

    def fits(self, value: object) -> bool:
        """Whether the value is such a number; NaN, text and booleans are not."""
        kinds = (int,) if self.whole else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"a {'whole ' if self.whole else ''}number from {self.low:g} to {self.high:g}"


COUNT = Number(1, MOST, whole=True)


def checked_fields(found: object, fields: Mapping[str, Number | type[bool]], what: str) -> dict[str, Any]:
    """The fields of `found`, numbers as float or int; raises ClewError naming `what` and the field that is wrong."""
    if not isinstance(found, Mapping):
        raise ClewError(f"{what}: expected a table of fields, found {type(found).__name__}.")
    if set(found) != set(fields):
        raise ClewError(f"{what}: expected the fields {', '.join(fields)}; make the file again.")
    checked: dict[str, Any] = {}
    for name, kind in fields.items():
        value = found[name]
        if not (kind.fits(value) if isinstance(kind, Number) else isinstance(value, bool)):
            wanted = kind if isinstance(kind, Number) else "true or false"
            raise ClewError(f"{what}: expected {name} as {wanted}, found {_short(value)}.")
        checked[name] = float(value) if isinstance(kind, Number) and not kind.whole else value
    return checked


def _short(value: object) -> str:
    """A value on one short line; what may be large is told by its type."""
    if isinstance(value, float | bool) or value is None:
        return str(value)
    return f"{value:.3g}" if isinstance(value, int) and abs(value) < MOST else f"a value of type {type(value).__name__}"
