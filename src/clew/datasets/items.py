"""What a layout's reader says of each file, before anything is cropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clew.base.registry import Registry

REAL, FAKE = 0, 1
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Item:
    """One picture of a dataset.

    `source` and `region` (the picture of its forged area, "" when unknown) are paths relative to the root, with
    slashes; `label` 0 real, 1 fake; `groups` the identities or the source group that it belongs to (empty:
    unknown); `split` train, val, test, or "" when the layout names none.
    """

    source: str
    label: int
    method: str
    split: str = ""
    groups: tuple[str, ...] = ()
    video: str = ""
    compression: str = ""
    region: str = ""


layouts: Registry[Callable[[Path], list[Item]]] = Registry("layout")
