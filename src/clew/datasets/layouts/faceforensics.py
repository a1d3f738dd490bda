"""Layout `faceforensics`: FaceForensics++ (Rössler et al., ICCV 2019) with FaceShifter and DeepFakeDetection.

`original_sequences/{youtube,actors}/{raw,c23,c40}/videos/ID.mp4`,
`manipulated_sequences/METHOD/{raw,c23,c40}/videos/TARGET_SOURCE.mp4`, masks of the forged areas in METHOD/masks, and
the official lists train.json, val.json and test.json.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets import identities
from clew.datasets.disk import Disk, check_root, counted, folders, shown
from clew.datasets.items import FAKE, REAL, VIDEO, Item, Listing, layouts
from clew.datasets.listed import left, present
from clew.datasets.official_lists import OfficialLists, read_official_lists
from clew.datasets.recognise import signs, wrong_layout
from clew.media.videos import is_video

ORIGINALS, FAKES = "original_sequences", "manipulated_sequences"
YOUTUBE, ACTORS, ACTOR_FAKES = "youtube", "actors", "DeepFakeDetection"
COMPRESSIONS = ("raw", "c23", "c40")
EXPECTED = f"{ORIGINALS}/{{youtube,actors}}/ and {FAKES}/METHOD/, with {{raw,c23,c40}}/videos/*.mp4"


@signs.register("faceforensics")
def looks_like_faceforensics(root: Path) -> bool:
    """Whether `root` has one of the two folders of sequences."""
    return any(os.path.isdir(root / name) for name in (ORIGINALS, FAKES))


@dataclass(frozen=True)
class Shelf:
    """One folder of videos: those of a sequence (youtube, actors, or a method) in one compression."""

    sequence: str
    name: str
    compression: str

    @property
    def folder(self) -> str:
        return f"{self.sequence}/{self.name}/{self.compression}/videos"

    @property
    def label(self) -> int:
        return REAL if self.sequence == ORIGINALS else FAKE

    @property
    def of_actors(self) -> bool:
        return self.name in (ACTORS, ACTOR_FAKES)


@layouts.register("faceforensics")
def read_faceforensics(root: Path) -> Listing:
    """All videos; a manipulated one belongs to the split of both its ids, and is left out where there is none."""
    found = check_root(root)
    if not {ORIGINALS, FAKES} & set(found):
        raise wrong_layout(root, "faceforensics", EXPECTED, found)
    lists = read_official_lists(root)
    shelves, notes = _shelves(root)
    disk = Disk(root)
    items = []
    for shelf in shelves:
        names = [name for name in disk.files(shelf.folder) if is_video(Path(name))]
        items += [_item(disk, shelf, name, lists) for name in names]
        notes += _absent(shelf, names, lists)
    if not items:
        raise ClewError(f"{root} holds no videos: expected {EXPECTED}.")
    return Listing(items, (*notes, *_drawn(root, items, lists)), official=lists is not None)


def _shelves(root: Path) -> tuple[list[Shelf], list[str]]:
    """All folders of videos in a fixed order, and notes on folders that are not laid out as they should be."""
    shelves, strangers = [], []
    for sequence in (ORIGINALS, FAKES):
        names = folders(root / sequence) if os.path.isdir(root / sequence) else []
        for name in names:
            here = [Shelf(sequence, name, compression) for compression in COMPRESSIONS]
            here = [shelf for shelf in here if os.path.isdir(root / shelf.folder)]
            known = sequence == FAKES or name in (YOUTUBE, ACTORS)
            shelves += here if known else []
            strangers += [] if here and known else [f"{sequence}/{name}"]
    return shelves, left(strangers, "folder", "without {raw,c23,c40}/videos or of no known kind")


def _item(disk: Disk, shelf: Shelf, name: str, lists: OfficialLists | None) -> Item:
    stem = name.rpartition(".")[0]
    groups = identities.actors(stem) if shelf.of_actors else identities.faceforensics(stem)
    source = f"{shelf.folder}/{name}"
    split, why = "", ""
    if len(groups) != (1 if shelf.label == REAL else 2):
        groups, why = (), f"its name is not that of {'an original' if shelf.label == REAL else 'TARGET_SOURCE'}"
    elif lists and not shelf.of_actors:
        split, why = lists.place(groups)
    item = Item(
        source=source,
        label=shelf.label,
        method="real" if shelf.label == REAL else shelf.name,
        split=split,
        groups=groups,
        video=source,
        compression=shelf.compression,
        region=_region(disk, shelf, name) if shelf.label == FAKE else "",
        kind=VIDEO,
        cluster=groups[0] if groups and shelf.of_actors else "",
        status="left-out" if why else "ok",
        detail=f"{shown(source)}: {why}" if why else "",
    )
    return present(item, disk)


def _region(disk: Disk, shelf: Shelf, name: str) -> str:
    """The video of the forged area: of this compression, as some copies have it, else the one for all of them."""
    masks = f"{shelf.sequence}/{shelf.name}/masks"
    places = (f"{masks}/{shelf.compression}/videos/{name}", f"{masks}/videos/{name}")
    return next((path for path in places if disk.has(path)), "")


def _absent(shelf: Shelf, names: list[str], lists: OfficialLists | None) -> list[str]:
    """A note on the videos of a folder that the official lists stand for and that are not there."""
    if lists is None or shelf.of_actors:
        return []
    expected = lists.names(fakes=shelf.label == FAKE)
    lost = sorted(expected - {name.rpartition(".")[0] for name in names})
    if not lost:
        return []
    return [
        f"{shelf.folder} lacks {len(lost):,} of the {len(expected):,} videos that the official lists name, "
        f"the first {lost[0]}."
    ]


def _drawn(root: Path, items: list[Item], lists: OfficialLists | None) -> list[str]:
    """A note on the videos whose splits are drawn here."""
    if lists is None:
        return [
            "train.json, val.json and test.json are not there: the splits are drawn here, by identity; for "
            f"comparisons with published figures put the official lists into {root}."
        ]
    outside = sum(1 for item in items if item.status == "ok" and not item.split)
    if not outside:
        return []
    return [
        f"{counted(outside, 'video')} of {ACTORS} and {ACTOR_FAKES} stand outside of the official lists: their "
        "splits are drawn here, by target actor."
    ]
