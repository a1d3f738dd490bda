"""Where real faces come from: the reals of a crop store, or a folder of pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.datasets.crop_pictures import crop_pictures
from clew.datasets.cropping import FACE_SCALE, FACE_SIZE, NONE, usual_size
from clew.datasets.disk import Walk, check_root, counted
from clew.datasets.groups import clusters, read_groups
from clew.datasets.items import REAL, Item
from clew.datasets.listed import NOT_A_FILE, legible, unreadable
from clew.datasets.plan import Plan
from clew.datasets.protocol import AS_GIVEN
from clew.datasets.protocol import Protocol as CropProtocol
from clew.datasets.recipe import Recipe
from clew.datasets.rows import Cropped, Entry
from clew.datasets.splits import split_items
from clew.datasets.store import CropStore, open_store
from clew.media.faces.base import make_detector
from clew.media.pictures import is_picture

UNIT = 64  # faces that are worked on at once


class Unit(Protocol):
    """Some real faces that one worker reads."""

    def __len__(self) -> int: ...

    def read(self) -> Iterator[Cropped]:
        """Their rows, with crops (S, S, 3) where they can be had."""


@dataclass(frozen=True)
class Source:
    """All the faces, in units, and what tells them from others (JSON)."""

    size: int
    units: tuple[Unit, ...]
    protocol: dict[str, Any]
    origin: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoreUnit:
    """The reals from `start` to `stop` of a crop store."""

    path: Path
    size: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self) -> Iterator[Cropped]:
        """The reals' rows and crops, resized."""
        store = _opened(self.path)
        for row in _reals(store).slice(self.start, len(self)).to_pylist():
            yield Cropped(row, resize(store.crop(row["crop"]), self.size))


@dataclass(frozen=True)
class FolderUnit:
    """Some pictures of a folder; `size` pixels are kept of the middle of each crop."""

    recipe: Recipe
    entries: tuple[Entry, ...]
    size: int

    def __len__(self) -> int:
        return len(self.entries)

    def read(self) -> Iterator[Cropped]:
        """The pictures' rows and crops, dropped ones too."""
        margin = (self.recipe.protocol.size - self.size) // 2
        kept = slice(margin, margin + self.size)
        for cropped in crop_pictures(self.recipe, self.entries, lambda: None):
            yield cropped if cropped.crop is None else replace(cropped, crop=cropped.crop[kept, kept])


@lru_cache(maxsize=2)
def _opened(path: Path) -> CropStore:
    return open_store(path)


def _reals(store: CropStore) -> pa.Table:
    return store.index.filter(pc.and_(pc.equal(store.index["label"], REAL), pc.equal(store.index["status"], "ok")))


def from_store(path: Path, size: int | None) -> Source:
    """The usable reals of a crop store, in their clusters and splits; raises ClewError when there are none."""
    store = open_store(path)
    count = _reals(store).num_rows
    if not count:
        raise ClewError(f"{path} holds no usable real faces: blends are made of reals.")
    size = size or store.size
    units = (StoreUnit(path.resolve(), size, at, min(at + UNIT, count)) for at in range(0, count, UNIT))
    origin = {"kind": "store", "name": store.name, "hash": store.hash}
    return Source(size, tuple(units), {**store.facts["protocol"], "size": size}, origin)


def from_folder(
    root: Path,
    size: int | None,
    faces: str = NONE,
    model: Path | None = None,
    scale: float = FACE_SCALE,
    centre: float = 1.0,
) -> Source:
    """Pictures of real faces in any tree of folders; splits are drawn by identity.

    A groups.csv (path, group) tells identities, else names like NAME_0001.jpg, else folders (see `identity`). With
    `faces` none the middle of each picture is taken, `centre` of its shorter side; else the largest face that the
    detector finds. Raises ClewError where there are no pictures.
    """
    if not 0.1 <= centre <= 1 or (centre < 1 and faces != NONE):
        raise ClewError(
            f"--centre {centre:g}: expected 0.1 to 1 of the picture's side, and no face detector beside it."
        )
    items = _items(root)
    size = size or (FACE_SIZE if faces != NONE else max(16, round(centre * usual_size(root, items))))
    if faces == NONE:
        told = CropProtocol(AS_GIVEN, 1, size, 1)
    else:
        told = CropProtocol(faces, 1, size, 1, scale, "largest", make_detector(faces, model).version)
    recipe = Recipe(
        root.resolve(), replace(told, size=round(size / centre)), faces, str(model.resolve()) if model else ""
    )
    cluster_of = clusters(items)
    plan = Plan(items, cluster_of, split_items(items, cluster_of), (), False)
    entries = [Entry(*triple) for triple in zip(plan.items, plan.clusters, plan.splits, strict=True)]
    units = tuple(FolderUnit(recipe, tuple(entries[at : at + UNIT]), size) for at in range(0, len(entries), UNIT))
    protocol = {**asdict(told), "videos": False, **({"centre": centre} if centre < 1 else {})}
    origin = {"kind": "folder", "name": root.resolve().name, "hash": plan.digest()}
    people = counted(len(set(cluster_of)), "cluster")
    return Source(size, units, protocol, origin, (f"{counted(len(items), 'picture')} in {people}.",))


def _items(root: Path) -> list[Item]:
    """The pictures below `root` in sorted order, each with its identity."""
    check_root(root)
    walk = Walk(root, is_picture)
    paths = [path.removeprefix("./") for path in walk.files(".")]
    if not paths:
        raise ClewError(f"{root} holds no pictures (.jpg, .png, .webp, .bmp): name a folder of real faces, or a store.")
    told = read_groups(root)
    guessed = {path: identity(path) for path in paths}
    telling = len(set(guessed.values())) > 1
    items = []
    for path in paths:
        groups = told[path][0] if path in told else ()
        if not told and telling and guessed[path]:
            groups = (guessed[path],)
        item = Item(path, REAL, "real", groups=groups)
        items.append(legible(unreadable(item, NOT_A_FILE) if f"./{path}" in walk.odd else item))
    return items


def identity(path: str) -> str:
    """Who a picture shows, as far as its name tells: NAME of NAME_0001.jpg, else its folder, else nobody ("")."""
    found = re.fullmatch(r"(.*?)[\s_.-]*\d+", PurePosixPath(path).stem)
    name = found.group(1) if found else PurePosixPath(path).stem
    if re.search(r"[^\W\d_]", name):
        return name
    folder = PurePosixPath(path).parent.as_posix()
    return "" if folder == "." else folder
