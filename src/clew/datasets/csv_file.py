"""Tables as CSV for spreadsheets: written in pieces, whole or not there, no text in it a formula.

A spreadsheet runs a cell that begins with = + - or @ (after a tab or a line's end, too), and the names of files and
videos are anybody's: https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from clew.base.errors import ClewError
from clew.base.files import atomic_path

FORMULA = r"^['=+\-@\t\r\n]"  # the apostrophe with them, so that one in front is always one that was put there


def check_csv(path: Path) -> None:
    """Raises ClewError when a CSV file cannot stand at `path`: call it before the work."""
    if path.is_dir():
        raise ClewError(f"--csv {path} is a folder: expected the name of a file, such as {path / 'scores.csv'}.")
    if path.parent.exists() and not path.parent.is_dir():
        raise ClewError(f"--csv {path}: {path.parent} is a file, not a folder.")


def write_csv(path: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> int:
    """Writes tables of `schema`, one after another, with a header line; returns how many rows there are.

    UTF-8, lines end with a line feed, text in quotes where it must be. A text that begins with one of = + - @, a tab,
    a line's end or an apostrophe gets an apostrophe in front; taking one leading apostrophe away gives it back. An
    empty field is a number that is not known.
    """
    check_csv(path)
    count = 0
    with atomic_path(path) as temporary, csv.CSVWriter(temporary, schema) as writer:
        for part in parts:
            writer.write_table(harmless(part.select(schema.names)))
            count += part.num_rows
    return count


def harmless(table: pa.Table) -> pa.Table:
    """The table with an apostrophe before every text that a spreadsheet might take for a formula."""
    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            safe = pc.replace_substring_regex(table[field.name], FORMULA, r"'\0")
            table = table.set_column(at, field, safe)
    return table
