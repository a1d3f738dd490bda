"""Networks from outside are somebody's code: it runs because the user names it, never because a file does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from clew.base.errors import ClewError

Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE:FACTORY",
        help="A network from outside whose code may run, such as own_detector:Small; a ticket never makes it run "
        "by itself; repeatable.",
    ),
]


def trust(names: Iterable[str]) -> None:
    """Imports the module of each `package.module:factory`; raises ClewError for one that is no network."""
    from clew.detectors.build import facts_of, is_outside

    for name in names:
        if not is_outside(name) or not all(name.split(":", 1)):
            raise ClewError(f"--trust {name}: expected package.module:factory, such as own_detector:Small.")
        look_here(name)
        facts_of(name)


def look_here(*words: str) -> None:
    """Modules in the folder where the command runs are found, after all others, if a word (or KEY=word) names one."""
    from clew.detectors.build import is_outside

    here = os.getcwd()
    if any(is_outside(word.partition("=")[2] or word) for word in words) and here not in sys.path:
        sys.path.append(here)
