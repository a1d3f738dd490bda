"""What lies on disk below the root of a dataset: folders listed once, links followed but never in circles."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from clew.base.errors import ClewError


def shown(name: object) -> str:
    """`name` as one printable line of at most 120 characters, for messages."""
    text = str(name)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= 120 else f"{text[:117]}..."


def counted(count: int, noun: str) -> str:
    """A count and its noun: "1 video", "2,000 videos", "59 identities"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def encodable(name: str) -> bool:
    """Whether `name` can be written as UTF-8; file names of other encodings cannot."""
    return name.isascii() or not re.search("[\ud800-\udfff]", name)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What `folder` holds, sorted by name, without hidden files; raises ClewError when it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise ClewError(f"{folder} cannot be read ({error.strerror or error}): mend its permissions.") from None


def folders(folder: Path) -> list[str]:
    """The names of the folders in `folder`, sorted; links to folders count."""
    return [entry.name for entry in entries(folder) if entry.is_dir()]


def check_root(root: Path) -> list[str]:
    """The names of the folders in `root`, sorted; raises ClewError when it is no folder or an empty one."""
    if not os.path.isdir(root):
        raise ClewError(f"{root} is not a folder: name the root folder of the dataset.")
    found = entries(root)
    if not found:
        raise ClewError(f"{root} is an empty folder: name the root folder of the dataset.")
    return [entry.name for entry in found if entry.is_dir()]


def inside(name: object, where: str) -> str:
    """`name` as a path below the root, with slashes; raises ClewError, which begins with `where`, for any other."""
    if not isinstance(name, str) or not encodable(name) or "\0" in name:
        raise ClewError(f"{where}: expected the path of a file, found {shown(repr(name))}.")
    text = name.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or re.match("[A-Za-z]:/", text) or ".." in parts or not parts:
        raise ClewError(
            f"{where}: '{shown(name)}' does not lie below the root of the dataset; expected a path relative to it."
        )
    return "/".join(parts)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; a link that leads nowhere (or to itself) is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file or a link to one."""
    try:
        return entry.is_file()
    except OSError:
        return False


class Disk:
    """The files of the folders below `root` that are asked for, each folder listed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[str, dict[str, bool]] = {}

    def files(self, folder: str) -> dict[str, bool]:
        """File name -> whether it is a regular file (or a link to one), sorted; empty where there is no folder."""
        if folder not in self._files:
            path = self.root / folder
            there = entries(path) if os.path.isdir(path) else []
            self._files[folder] = {entry.name: is_file(entry) for entry in there if not is_folder(entry)}
        return self._files[folder]

    def has(self, path: str) -> bool:
        """Whether `path`, relative to the root, is a file."""
        folder, _, name = path.rpartition("/")
        return self.files(folder).get(name, False)

    def unnamed(self, wanted: Callable[[Path], bool], named: Iterable[str]) -> list[str]:
        """The wanted files of all folders asked for so far that are not among `named`, sorted."""
        known = set(named)
        found = (f"{folder}/{name}".lstrip("/") for folder, names in self._files.items() for name in names)
        return sorted(path for path in found if path not in known and wanted(Path(path)))


FOREIGN = frozenset({".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".tga", ".ppm"})


class Walk:
    """Finds files in all folders below some folders of `root`; each folder on disk is read once.

    Links to folders are followed, after the folders themselves; one that leads to a folder that was read already
    (a circle, or a second name) is kept in `repeated`. Wanted names that are no files are kept in `odd`, pictures
    of kinds that Clew does not read in `foreign`.
    """

    def __init__(self, root: Path, wanted: Callable[[Path], bool]) -> None:
        self.root = root
        self.wanted = wanted
        self.repeated: list[str] = []
        self.odd: set[str] = set()
        self.foreign: list[str] = []
        self._seen: set[tuple[int, int]] = set()

    def files(self, folder: str) -> list[str]:
        """The wanted files below `folder`, relative to the root, in sorted order."""
        found: list[str] = []
        links = [folder]
        while links:
            stack = [links.pop(0)]
            while stack:
                here = stack.pop()
                if self._enter(here):
                    self._read(here, found, stack, links)
        return sorted(found, key=lambda path: path.split("/"))

    def _enter(self, folder: str) -> bool:
        facts = os.stat(self.root / folder)
        key = (facts.st_dev, facts.st_ino)
        if key in self._seen:
            self.repeated.append(folder)
            return False
        self._seen.add(key)
        return True

    def _read(self, folder: str, found: list[str], stack: list[str], links: list[str]) -> None:
        for entry in entries(self.root / folder):
            path = f"{folder}/{entry.name}"
            if is_folder(entry):
                (links if entry.is_symlink() else stack).append(path)
            elif self.wanted(Path(entry.name)):
                found.append(path)
                if not is_file(entry):
                    self.odd.add(path)
            elif Path(entry.name).suffix.lower() in FOREIGN:
                self.foreign.append(path)
