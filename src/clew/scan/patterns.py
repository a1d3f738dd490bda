"""Patterns of paths, as a shell expands them: *, ?, [a-z] within a name, ** for folders at any depth."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path

from clew.scan.listing import is_media, listed

_MAGIC = re.compile(r"[*?\[]")
_ANY_DEPTH = "**"


def is_pattern(word: str) -> bool:
    """Whether a word is a pattern and not the name of something that is there."""
    return bool(_MAGIC.search(word)) and not os.path.lexists(word)


def matching(pattern: str) -> Iterator[Path]:
    """The paths that match, in the order of names, listed as they are needed.

    Hidden names match no wildcard. `**` enters no links to folders and gives files alone. A last part that is `*` or
    `**` takes folders and what is a picture or video by its name; any other takes every file that matches.
    """
    path = Path(pattern)
    parts = path.parts[1:] if path.anchor else path.parts
    deep = _ANY_DEPTH in parts
    named = parts[-1] not in ("*", _ANY_DEPTH)
    for found in _below(Path(path.anchor), parts):
        folder = os.path.isdir(found)
        if (folder and not deep) or (not folder and (named or is_media(found))):
            yield found


def _below(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts:
        yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == _ANY_DEPTH:
        while rest[:1] == (_ANY_DEPTH,):
            rest = rest[1:]
        for one in _folders(folder):
            yield from _below(one, rest or ("*",))
    elif not _MAGIC.search(first):
        if os.path.lexists(folder / first):
            yield from _below(folder / first, rest)
    else:
        for name, is_folder in listed(folder):
            if fnmatch.fnmatchcase(name, first) and (is_folder or not rest):
                yield from _below(folder / name, rest)


def _folders(folder: Path) -> Iterator[Path]:
    """A folder and all below it, those reached through links left out."""
    stack = [folder]
    while stack:
        here = stack.pop()
        yield here
        names = [name for name, is_folder in listed(here) if is_folder]
        stack += [here / name for name in reversed(names) if not (here / name).is_symlink()]
