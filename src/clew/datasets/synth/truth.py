"""What a synthetic set really holds, one row per sample: readers of its layout can be checked against it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError

TRUTH = "truth.csv"
COLUMNS = ("path", "face", "label", "method", "split", "groups", "cluster", "compression", "region")


@dataclass(frozen=True)
class Truth:
    """One sample: a video, a folder of frames, or one face of a picture."""

    path: str  # relative to the set's folder, with /
    label: int  # 0 real, 1 fake
    method: str  # "real", or the manipulation as the layout calls it
    split: str  # as the layout's own lists say
    groups: tuple[str, ...]  # the identities in it, as the layout names them
    cluster: str
    compression: str = ""  # "" where the layout does not tell it
    region: str = ""  # where the forged region lies; "" where there is none
    face: str = ""  # which face of the picture, where there are several


def write_truth(rows: Iterable[Truth]) -> str:
    """The rows as the text of a CSV file; groups are joined by `;`."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        values = {**row.__dict__, "groups": ";".join(row.groups)}
        table.writerow([values[name] for name in COLUMNS])
    return text.getvalue()


def read_truth(root: Path) -> list[Truth]:
    """The rows of `root`'s truth.csv; raises ClewError when it is missing or has other columns."""
    path = root / TRUTH
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError) as error:
        raise ClewError(f"{path} cannot be read ({error}). Is {root} a set that `clew data synth` wrote?") from None
    if rows and tuple(rows[0]) != COLUMNS:
        raise ClewError(f"{path} has the columns {', '.join(map(str, rows[0]))}; expected {', '.join(COLUMNS)}.")
    return [_row(row) for row in rows]


def _row(values: Mapping[str, str]) -> Truth:
    groups = tuple(values["groups"].split(";")) if values["groups"] else ()
    return Truth(**{**values, "label": int(values["label"]), "groups": groups})  # type: ignore[arg-type]
