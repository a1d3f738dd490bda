"""DeepfakeBench's lists of frames: which videos they name, and where their frames lie below another root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import Any

from clew.base.errors import ClewError
from clew.datasets.disk import encodable, entries, shown
from clew.datasets.records import as_list, as_object, kind

PLACES = ("", "dataset_json", "preprocessing/dataset_json")
SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """One video as a list names it; `folder` is the path of its frames there, "" when it names none."""

    dataset: str
    label: str
    split: str
    compression: str
    name: str
    folder: str
    frames: tuple[str, ...]  # file names, in order of their number


def lists_in(root: Path) -> list[Path]:
    """The JSON files in the places where such lists lie, sorted; raises ClewError where a place cannot be read."""
    found: list[Path] = []
    for place in PLACES:
        folder = root / place
        if os.path.isdir(folder):
            found += [folder / e.name for e in entries(folder) if e.name.endswith(".json") and e.is_file()]
    return found


def is_frame_list(value: object) -> bool:
    """Whether a JSON value has the shape {DATASET: {LABEL: {SPLIT: {...}}}}."""
    if not isinstance(value, dict) or not value or not all(isinstance(labels, dict) for labels in value.values()):
        return False
    parts = [splits for labels in value.values() for splits in labels.values()]
    return bool(parts) and all(isinstance(p, dict) for p in parts) and any(SPLIT_NAMES.keys() & p for p in parts)


def listed_videos(value: dict[str, Any], path: Path) -> Iterator[ListedVideo]:
    """All videos that a list names, in its order; raises ClewError, naming the entry, where it is malformed."""
    for dataset, labels in value.items():
        for label, splits in labels.items():
            for split, content in splits.items():
                where = f"{path}, {shown(dataset)}/{shown(label)}/{shown(split)}"
                if split not in SPLIT_NAMES or not encodable(dataset + label):
                    raise ClewError(f"{where}: expected a split called {', '.join(SPLIT_NAMES)}.")
                for compression, name, record in _records(as_object(content, where), where):
                    yield _video(dataset, label, SPLIT_NAMES[split], compression, name, record, where)


def _records(content: dict[str, Any], where: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Compression, name and record of the videos of a split."""
    lone = isinstance(content.get("frames"), list)
    if lone:  # DeepfakeBench writes one video of DFDC right into the split, without its name
        yield "", "", content
    for key, entry in content.items():
        if lone and not isinstance(entry, dict):
            continue
        entry = as_object(entry, f"{where}/{shown(key)}")
        if "frames" in entry or isinstance(entry.get("label"), str):
            yield "", key, entry
        else:
            for name, record in entry.items():
                yield key, name, as_object(record, f"{where}/{shown(key)}/{shown(name)}")


def _video(
    dataset: str, label: str, split: str, compression: str, name: str, record: dict[str, Any], where: str
) -> ListedVideo:
    where = f"{where}/{shown(name)}"
    given = record.get("label", label)
    if not isinstance(given, str) or is_real(given) != is_real(label):
        raise ClewError(f"{where}: expected a label such as {shown(label)}, found {kind(given)}.")
    if not encodable(name + compression + given):
        raise ClewError(f"{where}: expected names in UTF-8.")
    folder, frames = _frames(as_list(record.get("frames"), f"{where}, frames"), where)
    name = name or folder.rpartition("/")[2]
    return ListedVideo(dataset, given, split, compression, name, folder, frames)


def is_real(label: str) -> bool:
    """Whether a label such as FF-real or UADFV_Real is that of real videos."""
    return label.lower().endswith("real")


def _frames(paths: list[Any], where: str) -> tuple[str, tuple[str, ...]]:
    """The one folder of the frames and their names in order; backslashes come from lists written on Windows."""
    folders, names = set(), set()
    for path in paths:
        if not isinstance(path, str) or "\0" in path or not encodable(path):
            raise ClewError(f"{where}, frames: expected paths, found {kind(path)}.")
        folder, _, name = path.replace("\\", "/").rpartition("/")
        if name in ("", ".", ".."):
            raise ClewError(f"{where}, frames: expected the path of a picture, found '{shown(path)}'.")
        folders.add(folder)
        names.add(intern(name))
    tidy = {_tidy(folder) for folder in folders}
    if len(tidy) > 1:
        raise ClewError(f"{where}, frames: expected one folder, found {' and '.join(map(shown, sorted(tidy)[:2]))}.")
    return next(iter(tidy), ""), tuple(sorted(names, key=_number))


def _tidy(folder: str) -> str:
    """A path without drive, root, "." and all that comes before a "..": nothing in it leads upwards."""
    parts = [part for part in folder.split("/") if part not in ("", ".") and not part.endswith(":")]
    for place in reversed(range(len(parts))):
        if parts[place] == "..":
            return "/".join(parts[place + 1 :])
    return "/".join(parts)


@lru_cache(maxsize=65536)  # the same few names stand in every folder
def _number(name: str) -> tuple[int, str]:
    digits = NUMBER.findall(name.rpartition(".")[0])
    return int(digits[-1][:18]) if digits else -1, name


class FrameFinder:
    """Finds folders of frames below `root` whose paths were written on another machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tops = {entry.name for entry in entries(root) if entry.is_dir()}

    def folder(self, path: str) -> str | None:
        """The longest end of `path` that is a folder below the root; None when there is none."""
        parts = path.split("/")
        for start, part in enumerate(parts):
            if part in self._tops:
                end = "/".join(parts[start:])
                if os.path.isdir(self.root / end):
                    return end
        return None

    def masks(self, folder: str, compression: str) -> str:
        """The folder of the forged areas of the frames in `folder`: of its compression, else of c23; "" for none."""
        above, _, name = folder.rpartition("/")
        if not above.endswith("frames"):
            return ""
        own = f"{above.removesuffix('frames')}masks/{name}"
        places = (own, own.replace(f"/{compression}/masks/", "/c23/masks/"))
        return next((place for place in places if os.path.isdir(self.root / place)), "")

    def files(self, folder: str) -> set[str]:
        """The names of the files in a folder below the root."""
        return {entry.name for entry in entries(self.root / folder) if entry.is_file()}
