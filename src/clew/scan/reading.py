"""What may go wrong with a file from anywhere, turned into one kind of error that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import av.error
import cv2

from clew.base.errors import ClewError

T = TypeVar("T")

# What decoders and the code around them raise for damaged data; errors of ours in what follows are not among them.
_DAMAGE = (
    ClewError,
    OSError,
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    MemoryError,
    cv2.error,
    av.error.FFmpegError,
)


class Unreadable(Exception):
    """A file cannot be read; its text says why, as the end of a sentence that begins with the file."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what decoders raise for a damaged file into `Unreadable`."""
    try:
        yield
    except _DAMAGE as error:
        raise Unreadable(_told(error, path)) from error


def as_far(path: Path, items: Callable[[], Iterable[T]], damaged: Callable[[str], None]) -> Iterator[T]:
    """The items up to the first error of a decoder, which `damaged` is told; what their user raises is not caught."""
    try:
        yield from items()
    except _DAMAGE as error:
        damaged(_told(error, path))


def _told(error: BaseException, path: Path) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, ClewError):
        text = f"it cannot be decoded ({text})"
    return text.replace(f"file:{path}", "it").replace(str(path), "it").rstrip(".")[:300]
