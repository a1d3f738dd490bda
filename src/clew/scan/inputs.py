"""What a user asks to scan, one file after the other: files, folders, patterns, a list or bytes on standard input."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clew.base.errors import ClewError
from clew.scan.listing import Skipped, count_media, walk
from clew.scan.patterns import is_pattern, matching
from clew.scan.standard_input import StandardInput

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Entry:
    """One file to scan: where it lies, what it is called, and why it cannot be read ("": that is not known yet)."""

    path: Path
    name: str
    why: str = ""


@dataclass
class Inputs:
    """What `words` name, listed anew each time: paths, folders, patterns, and "-" for `standard`.

    Folders are walked in the order of names; a file that a word, a pattern or the list names is scanned whatever it is
    called. `skipped` says what folders hold besides, after the last listing.
    """

    words: Sequence[str]
    standard: StandardInput | None = None
    skipped: Skipped = field(default_factory=Skipped)

    def __post_init__(self) -> None:
        if not self.words:
            raise ClewError("nothing to scan: give a picture, a video, a folder, a pattern, or - for standard input.")
        if list(self.words).count(STANDARD_INPUT) > 1:
            raise ClewError("- stands for standard input: give it once.")

    @property
    def single(self) -> bool:
        """Whether they are one file, named as such."""
        if len(self.words) != 1:
            return False
        word = self.words[0]
        if word == STANDARD_INPUT:
            return self.standard is not None and self.standard.media
        return not os.path.isdir(word) and not is_pattern(word)

    def __iter__(self) -> Iterator[Entry]:
        self.skipped = Skipped()
        for path in self._given():
            if self.standard is not None and path == self.standard.path:
                yield Entry(path, STANDARD_INPUT)
            elif os.path.isdir(path):
                for found, why in walk(path, self.skipped):
                    yield Entry(found, str(found), why)
            else:
                yield Entry(path, str(path))

    def count(self) -> int:
        """How many there are; raises ClewError when there are none, or for a pattern that nothing matches."""
        found = sum(count_media(path) if os.path.isdir(path) else 1 for path in self._given())
        if not found:
            list(self)  # notes what is left out
            told = f" ({self.skipped.text})" if self.skipped.text else ""
            raise ClewError(f"{', '.join(self.words)}: no picture or video there{told}.")
        return found

    def _given(self) -> Iterator[Path]:
        """The paths that were named, folders not entered."""
        for word in self.words:
            if word == STANDARD_INPUT:
                if self.standard is not None:
                    yield from [self.standard.path] if self.standard.media else self.standard.paths()
            elif is_pattern(word):
                found = None
                for found in matching(word):
                    yield found
                if found is None:
                    raise ClewError(f"{word}: nothing matches.")
            else:
                yield Path(word)
