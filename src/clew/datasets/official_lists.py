"""The official split lists of FaceForensics++: train.json, val.json and test.json, pairs of ids."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets.disk import encodable
from clew.datasets.items import SPLITS
from clew.datasets.records import as_list, kind, read_value

PLACES = ("", "splits", "dataset/splits")


@dataclass(frozen=True)
class OfficialLists:
    """Which split each id is in, and all names of videos that the lists stand for."""

    folder: str
    split_of: dict[str, str]
    pairs: tuple[tuple[str, str], ...]

    def place(self, ids: tuple[str, ...]) -> tuple[str, str]:
        """The split that holds all `ids` and "", or "" and why there is none."""
        unknown = [name for name in ids if name not in self.split_of]
        if unknown:
            return "", f"the id {unknown[0]} stands in none of the official lists"
        parts = {self.split_of[name] for name in ids}
        if len(parts) > 1:
            return "", " and ".join(f"{name} stands in {self.split_of[name]}" for name in ids)
        return parts.pop(), ""

    def names(self, fakes: bool) -> set[str]:
        """The stems of all originals, or of all fakes of one method."""
        if not fakes:
            return set(self.split_of)
        return {f"{a}_{b}" for a, b in self.pairs} | {f"{b}_{a}" for a, b in self.pairs}


def read_official_lists(root: Path) -> OfficialLists | None:
    """The lists at `root`, or in its splits/ or dataset/splits/; None where there are none.

    Raises ClewError where only some of the three are there, for a malformed one, and for an id in two of them.
    """
    for place in PLACES:
        folder = root / place
        there = [part for part in SPLITS if os.path.lexists(folder / f"{part}.json")]
        if there:
            lacking = [f"{part}.json" for part in SPLITS if part not in there]
            if lacking:
                raise ClewError(
                    f"{folder} holds {there[0]}.json but not {' and '.join(lacking)}: expected all three of the "
                    "official lists (or none, for splits that are drawn here)."
                )
            return _read_three(folder)
    return None


def _read_three(folder: Path) -> OfficialLists:
    split_of: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    for part in SPLITS:
        path = folder / f"{part}.json"
        for pair in _read_pairs(path):
            for name in pair:
                if split_of.setdefault(name, part) != part:
                    raise ClewError(f"{path}: the id {name} stands in {split_of[name]}.json too; expected it in one.")
            pairs.append(pair)
    return OfficialLists(str(folder), split_of, tuple(pairs))


def _read_pairs(path: Path) -> list[tuple[str, str]]:
    found = []
    for number, pair in enumerate(as_list(read_value(path), str(path)), 1):
        if not isinstance(pair, list) or len(pair) != 2 or not all(_is_id(name) for name in pair):
            raise ClewError(f'{path}: expected pairs of ids such as ["071", "054"]; entry {number} is {kind(pair)}.')
        found.append((pair[0], pair[1]))
    if not found:
        raise ClewError(f"{path} names no ids: take the official list.")
    return found


def _is_id(name: object) -> bool:
    return isinstance(name, str) and name.isalnum() and encodable(name)
