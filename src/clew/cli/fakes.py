"""Which manipulation methods a search is on: as words of the command line, and as a line of its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from clew.cli.tables import plain

if TYPE_CHECKING:
    from clew.tickets.ladder import Ladder

ALL = "all"


def method_names(text: str) -> tuple[str, ...]:
    """The methods in a list with commas; none where it is empty or says all."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    return () if found == (ALL,) else found


def origin_lines(ladder: Ladder) -> list[str]:
    """Of tickets that are brought along, where from, and what to be warned of."""
    from clew.tickets.origin import origin_name, warnings

    origin = ladder.settings.get("origin") or {}
    if not origin:
        return []
    return [f"tickets brought along were found on {plain(origin_name(origin))}", *warning_lines(warnings(ladder))]


def warning_lines(texts: Iterable[str]) -> list[str]:
    """Warnings, marked as such."""
    return [f"warning: {text}" for text in texts]


def fakes_lines(settings: Mapping[str, Any]) -> list[str]:
    """Of a search on some methods alone, a line that names them."""
    names = settings.get("fakes") or []
    return [f"fakes: {', '.join(plain(name) for name in names)} only"] if names else []
