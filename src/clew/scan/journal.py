"""A file of findings, one a line, to which a scan that was stopped goes on adding."""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from clew.base.errors import ClewError
from clew.base.files import clear_errors
from clew.base.hashing import hash_file, hash_json
from clew.base.version import VERSION
from clew.scan.finding import Finding
from clew.scan.stored import finding_from

KIND = "clew findings"
FORMAT = 1
_MOST_LINE = 256 * 2**20  # bytes; a longer one is no finding
_SUM = 16  # hex digits of SHA-256 before each finding


class Journal:
    """The findings of one ticket and one choice of settings, kept in the file `path`; made where it is missing.

    The first line says which ticket and settings they are of, under a seal; each other line is one finding with its
    check sum. A line that is torn or damaged counts as not there. Only the place of each finding is held in memory, 16
    bytes a file. Raises ClewError for a file of another ticket, other settings or another version of Clew, for one
    that is no journal, and while another process writes to it.
    """

    def __init__(self, path: Path, ticket: str, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.head = _sealed(
            {"kind": KIND, "format": FORMAT, "version": VERSION, "ticket": ticket, "settings": settings}
        )
        self.damaged = 0  # lines that could not be used
        with clear_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: IO[bytes] = open(path, "a+b")  # noqa: SIM115  # closed by __exit__
        try:
            _lock(self.file, path)
            self._begin()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def add(self, name: str, finding: Finding) -> None:
        """Writes down the finding of the file called `name`; once this returns, no end of this process loses it.

        One that was there when the journal was opened is not written again.
        """
        if self._last(name) == finding:
            return
        with clear_errors(self.path):
            self.file.write(line_of(name, finding))
            self.file.flush()

    def known(self, name: str, path: Path) -> Finding | None:
        """The last finding of the file called `name` if that, at `path`, still holds the same bytes, else None.

        One that says that the file could not be read counts only where its bytes are known.
        """
        finding = self._last(name)
        return finding if finding is not None and _same(finding, path) else None

    def _last(self, name: str) -> Finding | None:
        key, finding = _key(name), None
        at = bisect_left(self.keys, key)
        while at < len(self.keys) and self.keys[at] == key:  # equal ones stand in the order of the file
            stored = self._read(int(self.places[at]))
            finding = stored.finding if stored is not None and stored.name == name else finding
            at += 1
        return finding

    def _begin(self) -> None:
        """Checks the first line, notes where each finding lies, and cuts off what was torn."""
        self.file.seek(0)
        first = self.file.readline(_MOST_LINE)
        if not first or (not first.endswith(b"\n") and self.head.startswith(first)):  # new, or killed at once
            self.file.truncate(0)
            self.file.write(self.head)
            self.file.flush()
        else:
            _check_head(self.path, first, self.head)
        keys, places, end = array("Q"), array("Q"), len(self.head)
        self.file.seek(end)
        while line := self.file.readline(_MOST_LINE):
            if not line.endswith(b"\n"):
                break
            value = _value_in(line)
            self.damaged += value is None
            if value is not None:
                keys.append(_key(value["name"]))
                places.append(end)
            end += len(line)
        if end < os.fstat(self.file.fileno()).st_size:
            self.damaged += 1
            self.file.truncate(end)
        order = np.argsort(np.frombuffer(keys, np.uint64), kind="stable") if keys else np.empty(0, int)
        self.keys = np.frombuffer(keys, np.uint64)[order] if keys else np.empty(0, np.uint64)
        self.places = np.frombuffer(places, np.uint64)[order] if places else np.empty(0, np.uint64)

    def _read(self, place: int) -> Stored | None:
        with self.path.open("rb") as file:
            file.seek(place)
            return stored_in(file.readline(_MOST_LINE))


@dataclass(frozen=True)
class Stored:
    """A finding, and the name that its file was given under, byte for byte."""

    name: str
    finding: Finding


def line_of(name: str, finding: Finding) -> bytes:
    """A finding as a line of a journal."""
    text = json.dumps({"name": name, "finding": finding.as_dict()}, allow_nan=False)
    return f"{_check_sum(text)} {text}\n".encode()


def stored_in(line: bytes) -> Stored | None:
    """The finding in a line of a journal, None where it is damaged."""
    value = _value_in(line)
    try:
        return None if value is None else Stored(value["name"], finding_from(value["finding"]))
    except ClewError:
        return None


def findings_in(path: Path) -> Iterator[Finding]:
    """The findings in a file of such lines, those in damaged ones left out."""
    with path.open("rb") as file:
        while line := file.readline(_MOST_LINE):
            stored = stored_in(line)
            if stored is not None:
                yield stored.finding


def _value_in(line: bytes) -> dict[str, Any] | None:
    """What a line holds, None where its check sum is not that of the rest."""
    check, _, text = line.rstrip(b"\n").partition(b" ")
    if check != hashlib.sha256(text).hexdigest()[:_SUM].encode():
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    right = isinstance(value, dict) and isinstance(value.get("name"), str) and "finding" in value
    return value if right else None


def _check_sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_SUM]


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _sealed(head: dict[str, Any]) -> bytes:
    plain = json.loads(json.dumps(head))
    return json.dumps({**plain, "seal": hash_json(plain)}, sort_keys=True).encode() + b"\n"


def _check_head(path: Path, line: bytes, wanted: bytes) -> None:
    """Raises ClewError that says what is another than wanted."""
    if line == wanted:
        return
    asked = json.loads(wanted)
    try:
        found = json.loads(line)
        seal = found.pop("seal")
        right = found["kind"] == KIND and seal == hash_json(found)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        right = False
    if not right:
        raise ClewError(f"{path} is not a file of findings, or its first line is damaged: choose another.")
    differs = [
        _difference(key, found.get(key), asked[key]) for key in asked if key != "seal" and found.get(key) != asked[key]
    ]
    raise ClewError(
        f"{path} holds findings of another scan: {'; '.join(differs)}. Give the same, or choose another file."
    )


def _difference(key: str, found: Any, asked: Any) -> str:
    if not isinstance(found, dict) or not isinstance(asked, dict):
        return f"its {key} is {str(found)[:16]}, asked for is {str(asked)[:16]}"
    names = sorted(name for name in {*found, *asked} if found.get(name) != asked.get(name))
    return ", ".join(f"its {name} is {found.get(name)}, asked for is {asked.get(name)}" for name in names)


def _same(finding: Finding, path: Path) -> bool:
    """Whether a file still holds the bytes that a finding is of."""
    wanted = finding.file.get("sha256")
    try:
        size = finding.file.get("bytes")
        return bool(wanted) and path.is_file() and path.stat().st_size == size and hash_file(path) == wanted
    except OSError:
        return False


def _lock(file: IO[bytes], path: Path) -> None:
    """Keeps a file for this process while it is open."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ClewError(f"{path} is in use by another scan.") from None
