"""A form with one file, read as it arrives: the file to the disk, counted while it is written; the fields to memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from clew.serve.limits import Limits
from clew.serve.problems import Problem

FILE = "file"
_HEADERS, _HEADER_BYTES = 8, 4096


@dataclass
class Form:
    """What a form held: the file's name as given (never a path to write to), its size, the other fields."""

    name: str = ""
    bytes: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    has_file: bool = False


class FormReader:
    """Takes a form's bytes as they come and writes the file to `path`; raises Problem at the first thing too much.

    `known` are the fields that may come with the file; `grew` is told of each byte count that is written.
    """

    def __init__(
        self, content_type: str, path: Path, limits: Limits, known: tuple[str, ...], grew: Callable[[int], None]
    ) -> None:
        self.form, self.limits, self.known, self.grew = Form(), limits, known, grew
        self._parts = 0
        self._ended = False
        self._header = [bytearray(), bytearray()]  # name and value, as far as they came
        self._told: dict[bytes, bytes] = {}
        self._field, self._value = "", bytearray()
        self._parser = self._made(content_type)
        self._out: BinaryIO = path.open("xb")

    def _made(self, content_type: str) -> MultipartParser:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise Problem("not-a-form", f"expected multipart/form-data with the field '{FILE}'.")
        calls = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headed,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all,
        }
        try:
            return MultipartParser(
                options[b"boundary"],
                calls,  # type: ignore[arg-type]
                max_header_count=_HEADERS,
                max_header_size=_HEADER_BYTES,
            )
        except FormParserError as error:
            raise Problem("bad-form", f"{error}.") from None

    def write(self, data: bytes) -> None:
        """The next piece."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Problem("bad-form", f"{error}.") from None

    def finish(self) -> Form:
        """What the form held, once all of it came."""
        if not self._ended:
            raise Problem("bad-form", "the form breaks off before its end.")
        if not self.form.has_file:
            raise Problem("bad-value", f"the form has no file in the field '{FILE}'.")
        if not self.form.bytes:
            raise Problem("empty", "the file has no bytes.")
        return self.form

    def close(self) -> None:
        """Closes the file."""
        self._out.close()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self.limits.fields:
            raise Problem("bad-form", f"the form has more than {self.limits.fields} fields.")
        self._told, self._value = {}, bytearray()

    def _header_ends(self) -> None:
        self._told[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = [bytearray(), bytearray()]

    def _headed(self) -> None:
        kind, options = parse_options_header(self._told.get(b"content-disposition"))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or self._field not in (FILE, *self.known):
            known = ", ".join((FILE, *self.known))
            raise Problem("bad-value", f"the form has a field {self._field[:80]!r}; known: {known}.")
        if self._field == FILE:
            self._file_begins(options.get(b"filename", b"").decode("utf-8", "replace"))
        elif self._field in self.form.fields:
            raise Problem("bad-value", f"the form has the field '{self._field}' twice.")

    def _file_begins(self, name: str) -> None:
        if self.form.has_file:
            raise Problem("bad-value", f"the form has the field '{FILE}' twice.")
        self.form.has_file = True
        self.form.name = shown_name(name, self.limits.name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field != FILE:
            self._value += data[start:end]
            if len(self._value) > self.limits.name:
                raise Problem("bad-value", f"'{self._field}' is longer than {self.limits.name} bytes.")
            return
        self.form.bytes += end - start
        if self.form.bytes > self.limits.bytes:
            raise too_large(self.limits)
        self.grew(end - start)
        self._out.write(memoryview(data)[start:end])

    def _end(self) -> None:
        if self._field != FILE:
            self.form.fields[self._field] = self._value.decode("utf-8", "replace")

    def _all(self) -> None:
        self._ended = True


def too_large(limits: Limits) -> Problem:
    """For a file, or a form around it, of too many bytes."""
    return Problem("too-large", f"files have at most {limits.bytes:,} bytes.")


def shown_name(name: str, most: int) -> str:
    """The last part of a file name as a finding may show it: printable, short, without any folder."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = "".join(letter for letter in last if letter.isprintable())
    return kept[:most] if kept.strip(". ") else "upload"
