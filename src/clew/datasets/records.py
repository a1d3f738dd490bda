"""Lists and metadata that come with a dataset: read as hostile, with errors that name the file and the entry."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.datasets.disk import encodable, shown

LINE_ENDS = re.compile("\r\n|\r|\n")  # str.splitlines would also split at characters that names may hold


def read_value(path: Path) -> Any:
    """The value in a JSON file; raises ClewError when it is no file or no JSON."""
    if not os.path.isfile(path):
        raise ClewError(f"{path} is not a file.")
    return read_json(path)


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises ClewError when there is anything else."""
    return as_object(read_value(path), str(path))


def as_object(value: object, where: str) -> dict[str, Any]:
    """`value` when it is a JSON object; raises ClewError, which begins with `where`, otherwise."""
    if not isinstance(value, dict):
        raise ClewError(f"{where}: expected an object {{...}}, found {kind(value)}.")
    return value


def as_list(value: object, where: str) -> list[Any]:
    """`value` when it is a JSON list; raises ClewError, which begins with `where`, otherwise."""
    if not isinstance(value, list):
        raise ClewError(f"{where}: expected a list [...], found {kind(value)}.")
    return value


def choose(value: object, choices: Mapping[str, Any], where: str) -> Any:
    """What `choices` hold under `value`; raises ClewError, which begins with `where`, for another value."""
    if not isinstance(value, str) or value not in choices:
        raise ClewError(f"{where}: expected {' or '.join(choices)}, found {kind(value)}.")
    return choices[value]


def kind(value: object) -> str:
    """A JSON value in a few words, for messages."""
    names = {dict: "an object", list: "a list", type(None): "nothing", bool: str(value).lower()}
    return names.get(type(value)) or shown(repr(value))


def identity(value: object, where: str) -> str:
    """An identity that JSON gives as text or whole number, as text; "" for null."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or not encodable(str(value)):
        raise ClewError(f"{where}: expected an identity, found {kind(value)}.")
    return str(value)


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a UTF-8 text that hold anything, stripped, each with its number from 1."""
    if not os.path.isfile(path):
        raise ClewError(f"{path} is not a file.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ClewError(f"{path} cannot be read as UTF-8 text ({error}).") from None
    stripped = ((number, line.strip()) for number, line in enumerate(LINE_ENDS.split(text), 1))
    return [(number, line) for number, line in stripped if line]


def read_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with their line numbers; missing cells are "". Raises ClewError without the `columns`."""
    if not os.path.isfile(path):
        raise ClewError(f"{path} is not a file.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle, restval="")
            if not set(columns) <= set(reader.fieldnames or ()):
                found = shown(",".join(reader.fieldnames or ())) or "an empty file"
                raise ClewError(f"{path}: expected the columns {','.join(columns)}; found {found}.")
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ClewError(f"{path} cannot be read as CSV ({error}).") from None
