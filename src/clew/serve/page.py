"""The page's files: read once, served by their exact names, so that no name leads anywhere else."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

INDEX = "index.html"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


@dataclass(frozen=True)
class PageFile:
    """A file of the page; `tag` changes with its content."""

    data: bytes
    media_type: str
    tag: str


def page_files() -> dict[str, PageFile]:
    """All files of the package's folder `page` by their paths in it; `` is the index. None where it has no page."""
    folder = files("clew.serve") / "page"
    found = dict(_below(folder, "")) if folder.is_dir() else {}
    return {**found, "": found[INDEX]} if INDEX in found else found


def _below(folder: Traversable, prefix: str) -> list[tuple[str, PageFile]]:
    found = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _below(entry, f"{name}/")
        elif not entry.name.startswith((".", "_")) and not entry.name.endswith(".py"):
            found.append((name, _file(entry)))
    return found


def _file(entry: Traversable) -> PageFile:
    data = entry.read_bytes()
    suffix = entry.name[entry.name.rfind(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
    return PageFile(data, kind, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
