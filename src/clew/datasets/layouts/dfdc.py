"""Layout `dfdc`: the Deepfake Detection Challenge (Dolhansky et al., 2020).

Parts such as `dfdc_train_part_0/` with a metadata.json each, and a test folder with labels.csv (1 = fake); the root
may be one part itself.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets.disk import Disk, check_root, folders, inside, shown
from clew.datasets.items import FAKE, REAL, VIDEO, Item, Listing, layouts
from clew.datasets.listed import distinct, left, not_named, present
from clew.datasets.recognise import names_in, signs, wrong_layout
from clew.datasets.records import as_object, choose, read_object, read_rows
from clew.media.videos import is_video

METADATA, LABELS = "metadata.json", "labels.csv"
PART = re.compile(r"dfdc_train_part_\d+")
TEST = re.compile(r"test|test_videos|dfdc_test.*")
VALIDATION = re.compile(r"validation|val|validation_videos")
WORDS = {"REAL": REAL, "FAKE": FAKE}
FLAGS = {"0": REAL, "1": FAKE}
SPLIT_NAMES = {"train": "train", "validation": "val", "val": "val", "test": "test"}
EXPECTED = f"dfdc_train_part_N/ with videos and {METADATA}, or test/ with videos and {LABELS} (filename,label)"


@dataclass
class Places:
    """Where the lists are: folders with metadata.json, and folders of videos by the labels.csv that names them."""

    parts: list[str] = field(default_factory=list)
    labelled: dict[str, list[str]] = field(default_factory=dict)


@signs.register("dfdc")
def looks_like_dfdc(root: Path) -> bool:
    """Whether `root` or one of its folders of the right name holds metadata.json, or a test folder labels.csv."""
    inner = [name for name in names_in(root) if PART.fullmatch(name) or TEST.fullmatch(name)]
    return os.path.isfile(root / METADATA) or any(
        os.path.isfile(root / name / known) for name in inner for known in (METADATA, LABELS)
    )


@layouts.register("dfdc")
def read_dfdc(root: Path) -> Listing:
    """All videos that the lists name; a fake and its original make one group."""
    found = check_root(root)
    places = _places(root, found)
    if not places.parts and not places.labelled:
        raise wrong_layout(root, "dfdc", EXPECTED, found)
    disk = Disk(root)
    items: list[Item] = []
    for part in places.parts:
        items += _part_items(root, part, disk)
    for path, holders in places.labelled.items():
        items += _labelled_items(root, path, holders, disk)
    items = distinct(items, f"the lists in {root}")
    if not items:
        raise ClewError(f"{root}: the lists of this dfdc set name no videos.")
    notes = [*not_named(disk, items, f"{METADATA} or {LABELS}"), *_unlisted(disk, found, places)]
    notes.append("dfdc names no identities: the same actors may stand in several clusters and splits.")
    return Listing(items, tuple(notes), official=True)


def _places(root: Path, found: list[str]) -> Places:
    places = Places()
    tests = [name for name in found if TEST.fullmatch(name)]
    if os.path.lexists(root / LABELS):
        places.labelled[LABELS] = tests or [""]
    elif os.path.lexists(root / METADATA):
        places.parts.append("")
    for name in found:
        if os.path.lexists(root / name / LABELS):  # the official test set has a metadata.json of another kind, too
            places.labelled[f"{name}/{LABELS}"] = [name]
        elif os.path.lexists(root / name / METADATA):
            places.parts.append(name)
        else:  # unpacked with one folder too many, or all parts below train/
            inner = [sub for sub in folders(root / name) if sub == name or (name == "train" and PART.fullmatch(sub))]
            places.parts += [f"{name}/{sub}" for sub in inner if os.path.lexists(root / name / sub / METADATA)]
    return places


def _part_items(root: Path, part: str, disk: Disk) -> list[Item]:
    path = root / part / METADATA
    items = []
    for name, record in sorted(read_object(path).items()):
        source = _join(part, inside(name, str(path)))
        where = f"{path}, {shown(name)}"
        facts = as_object(record, where)
        label = choose(facts.get("label"), WORDS, f"{where}, label")
        original = facts.get("original")
        if label == REAL:
            group = source
        else:
            group = "" if original is None else _join(part, inside(original, f"{where}, original"))
        split = choose(facts.get("split", "train"), SPLIT_NAMES, f"{where}, split")
        items.append(present(_video(source, label, split, group), disk, _join(part, METADATA)))
    return items


def _labelled_items(root: Path, listed: str, holders: list[str], disk: Disk) -> list[Item]:
    labels: dict[str, int] = {}
    for number, row in read_rows(root / listed, ("filename", "label")):
        where = f"{root / listed}, line {number}"
        name = inside(row["filename"], where)
        label = choose(row["label"].strip(), FLAGS, where)
        if labels.setdefault(name, label) != label:
            raise ClewError(f"{where}: {shown(name)} is real and fake; expected one label.")
    items = []
    for name, label in sorted(labels.items()):
        places = [_join(holder, name) for holder in holders]
        source = next((path for path in places if disk.has(path)), places[0])
        split = "val" if VALIDATION.fullmatch(holders[0]) else "test"
        items.append(present(_video(source, label, split, ""), disk, listed))
    return items


def _video(source: str, label: int, split: str, group: str) -> Item:
    method = "real" if label == REAL else "fake"
    return Item(source, label, method, split, (group,) if group else (), video=source, kind=VIDEO)


def _unlisted(disk: Disk, found: list[str], places: Places) -> list[str]:
    """A note on the folders of videos that no list speaks of."""
    known = {*places.parts, *(holder for holders in places.labelled.values() for holder in holders)}
    strange = [name for name in found if not any(part == name or part.startswith(f"{name}/") for part in known)]
    lost = [name for name in strange if any(is_video(Path(file)) for file in disk.files(name))]
    return left(lost, "folder", f"without {METADATA} or {LABELS}")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
