"""The one kind of error that a user is meant to read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ClewError(Exception):
    """Something the user can mend: says what was expected, what was found (naming the file) and what to do."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ClewError:
    """The error for a name that nothing is registered under: lists the known ones."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return ClewError(f"unknown {kind} '{name}'.{hint} Known: {', '.join(names) or 'none'}.")
