"""What lies in folders, in order, without holding the names of a large one in memory."""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clew.media import pictures, videos

RUN_NAMES = 50_000  # names that are sorted in memory at a time
_FOLDER, _FILE = b"d", b"f"
_LONGEST = 2**20  # bytes of a name: longer than any can be


@dataclass
class Skipped:
    """What a walk left out: files that are neither picture nor video by name, hidden ones, links to folders."""

    others: int = 0
    hidden: int = 0
    links: int = 0

    @property
    def text(self) -> str:
        """For people; empty where nothing was left out."""
        named = (
            (self.others, "file that is no picture or video by name", "files that are no picture or video by name"),
            (self.hidden, "hidden one", "hidden ones"),
            (self.links, "link to a folder", "links to folders"),
        )
        parts = [f"{count:,} {one if count == 1 else many}" for count, one, many in named if count]
        return f"skipped: {', '.join(parts)}" if parts else ""


def is_media(path: Path) -> bool:
    """Whether the name says that `path` is a picture or a video."""
    return pictures.is_picture(path) or videos.is_video(path)


def walk(folder: Path, skipped: Skipped) -> Iterator[tuple[Path, str]]:
    """The pictures and videos by name below a folder, and "", each folder's content where its name stands.

    Names are in the order of their bytes. Hidden ones and links to folders are left out, so that no circle is walked.
    A folder that cannot be listed comes with the reason. Memory does not grow with the number of files.
    """
    names, why = _names(folder, skipped)
    if why:
        yield folder, why
    stack = [(folder, names)]
    while stack:
        here, names = stack[-1]
        found = next(names, None)
        if found is None:
            stack.pop()
            continue
        path = here / os.fsdecode(found[:-1])
        if found[-1:] == _FOLDER:
            names, why = _names(path, skipped)
            if why:
                yield path, why
            stack.append((path, names))
        elif is_media(path):
            yield path, ""
        else:
            skipped.others += 1


def count_media(folder: Path) -> int:
    """How many entries `walk` gives, without sorting."""
    count, folders = 0, [folder]
    while folders:
        here = folders.pop()
        try:
            for entry in _entries(here, Skipped()):
                if entry[-1:] == _FOLDER:
                    folders.append(here / os.fsdecode(entry[:-1]))
                else:
                    count += is_media(Path(os.fsdecode(entry[:-1])))
        except OSError:
            count += 1
    return count


def _names(folder: Path, skipped: Skipped) -> tuple[Iterator[bytes], str]:
    """The names in a folder, each with its kind as its last byte, in order; none, and why, if it cannot be listed."""
    try:
        return _sorted(_entries(folder, skipped)), ""
    except OSError as error:
        return iter(()), f"the folder cannot be listed ({error.strerror or error})"


def listed(folder: Path) -> Iterator[tuple[str, bool]]:
    """What is not hidden in a folder, in the order of names, each with whether it is a folder or a link to one.

    Nothing where it cannot be listed.
    """
    try:
        for name in _sorted(_entries(folder, Skipped(), follow=True)):
            yield os.fsdecode(name[:-1]), name[-1:] == _FOLDER
    except OSError:
        return


def _entries(folder: Path, skipped: Skipped, follow: bool = False) -> Iterator[bytes]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                skipped.hidden += 1
            elif entry.is_dir(follow_symlinks=False):
                yield os.fsencode(entry.name) + _FOLDER
            elif entry.is_symlink() and os.path.isdir(entry.path):
                skipped.links += 1
                if follow:
                    yield os.fsencode(entry.name) + _FOLDER
            else:
                yield os.fsencode(entry.name) + _FILE


def _sorted(names: Iterator[bytes]) -> Iterator[bytes]:
    """The names in order; more than RUN_NAMES are sorted in parts, in temporary files, which are then merged."""
    runs: list[IO[bytes]] = []
    part: list[bytes] = []
    for name in names:
        part.append(name)
        if len(part) >= RUN_NAMES:
            runs.append(_run(part))
            part = []
    part.sort()
    return heapq.merge(*map(_read_run, runs), part) if runs else iter(part)


def _run(part: list[bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile(prefix="clew-")  # noqa: SIM115  # closed by _read_run
    file.writelines(name + b"\0" for name in sorted(part))
    file.seek(0)
    return file


def _read_run(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from pieces(file, b"\0")


def pieces(file: IO[bytes], end: bytes) -> Iterator[bytes]:
    """What lies between the `end` bytes of a file, the empty left out; a piece as long as a megabyte is cut there."""
    rest = b""
    while block := file.read(65536):
        *whole, rest = (rest + block).split(end)
        yield from filter(None, whole)
        if len(rest) > _LONGEST:
            yield rest
            rest = b""
    if rest:
        yield rest
