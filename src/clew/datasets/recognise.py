"""Which public layout a folder looks like: what the error for a wrong `--layout` tells."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.registry import Registry
from clew.datasets.disk import shown

MOST_CHILDREN = 64

signs: Registry[Callable[[Path], bool]] = Registry("sign of a layout")
"""Each layout registers a quick look, under its own name, that tells whether a folder is laid out so."""


def names_in(folder: Path) -> list[str]:
    """The names in `folder`, sorted; none where it cannot be read: a quick look never fails."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def looks_like(root: Path) -> list[str]:
    """The names of the layouts that `root` looks like, sorted."""
    return [name for name in signs if signs.get(name)(root)]


def wrong_layout(root: Path, layout: str, expected: str, found: Sequence[str]) -> ClewError:
    """The error for a root that is not laid out as `layout`, with the layout or the folder that may be meant."""
    listed = ", ".join(shown(name) for name in found[:8])
    listed = listed or f"no folders, only files such as {shown(names_in(root)[0])}"
    return ClewError(f"{root} is not laid out as '{layout}': expected {expected}; found {listed}.{_hint(root, layout)}")


def _hint(root: Path, layout: str) -> str:
    others = [name for name in looks_like(root) if name != layout]
    if others:
        return f" It looks like --layout {' or --layout '.join(others)}."
    looks = signs.get(layout)
    children = [root / name for name in names_in(root)[:MOST_CHILDREN] if os.path.isdir(root / name)]
    for folder in [*children, Path(os.path.abspath(root)).parent]:
        if looks(folder):
            return f" Did you mean {folder}?"
    return ""
