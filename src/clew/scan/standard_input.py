"""Standard input, kept in a private temporary file: a picture or video, or a list of paths."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clew.base.errors import ClewError
from clew.base.files import clear_errors
from clew.scan.listing import pieces

MOST_BYTES = 8 * 2**30
_BLOCK = 2**20
_IN_LISTS = frozenset(b"\0\t\n\r")  # the only bytes below a space that a list of paths is expected to hold


@dataclass(frozen=True)
class StandardInput:
    """What came in, in the file `path`; `media` whether that is a file's bytes, else it lists paths."""

    path: Path
    media: bool

    def paths(self) -> Iterator[Path]:
        """The paths of a list, NUL-separated where it holds a NUL, else one a line."""
        with self.path.open("rb") as file:
            end = b"\0" if b"\0" in file.read(_BLOCK) else b"\n"
            file.seek(0)
            for piece in pieces(file, end):
                name = piece if end == b"\0" else piece.removesuffix(b"\r")
                if name:
                    yield Path(os.fsdecode(name))


@contextmanager
def kept(stream: IO[bytes], most: int = MOST_BYTES) -> Iterator[StandardInput]:
    """Keeps what a stream holds while the block runs; raises ClewError if it is empty or has more than `most` bytes."""
    with tempfile.TemporaryDirectory(prefix="clew-") as folder:
        path = Path(folder) / "standard-input"
        with clear_errors(path):
            _copy(stream, path, most)
        with path.open("rb") as file:
            media = holds_a_file(file.read(400))
        yield StandardInput(path, media)


def _copy(stream: IO[bytes], path: Path, most: int) -> None:
    size = 0
    with path.open("wb") as file:
        while block := stream.read(_BLOCK):
            size += len(block)
            if size > most:
                raise ClewError(f"standard input has more than {most:,} bytes: save it as a file and give its path.")
            file.write(block)
    if not size:
        raise ClewError("standard input is empty: expected a picture, a video, or paths, one a line.")


def holds_a_file(head: bytes) -> bool:
    """Whether bytes begin a picture, a video or some other file, and not a list of paths.

    Every format that is read has zeros side by side or control characters in its first bytes; a list has neither.
    """
    return b"\0\0" in head or any(byte < 0x20 and byte not in _IN_LISTS for byte in head)
