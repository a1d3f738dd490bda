"""Layout `celeb-df`: Celeb-DF v1 and v2 (Li et al., CVPR 2020).

`Celeb-real/id0_0000.mp4`, `YouTube-real/00000.mp4`, `Celeb-synthesis/id0_id1_0000.mp4` and
`List_of_testing_videos.txt`, with lines such as `1 YouTube-real/00170.mp4` where 1 is REAL.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets import identities
from clew.datasets.disk import Disk, check_root, counted, inside, shown
from clew.datasets.items import FAKE, REAL, VIDEO, Item, Listing, layouts
from clew.datasets.listed import left, present
from clew.datasets.recognise import signs, wrong_layout
from clew.datasets.records import read_lines
from clew.media.videos import is_video

LIST = "List_of_testing_videos.txt"
LABELS = {"Celeb-real": REAL, identities.YOUTUBE: REAL, "Celeb-synthesis": FAKE}
GROUPS: dict[str, tuple[Callable[[str], tuple[str, ...]], int, str]] = {
    "Celeb-real": (identities.celebrities, 1, "id0_0000"),
    identities.YOUTUBE: (identities.youtube, 1, ""),
    "Celeb-synthesis": (identities.celebrities, 2, "id0_id1_0000"),
}
FLAGS = {"1": REAL, "0": FAKE}  # the other way round than everywhere else
WORDS = {REAL: "real", FAKE: "fake"}
EXPECTED = f"Celeb-real/, YouTube-real/, Celeb-synthesis/ and {LIST}"


@signs.register("celeb-df")
def looks_like_celeb_df(root: Path) -> bool:
    """Whether `root` has the folder Celeb-real or Celeb-synthesis."""
    return any(os.path.isdir(root / name) for name in ("Celeb-real", "Celeb-synthesis"))


@layouts.register("celeb-df")
def read_celeb_df(root: Path) -> Listing:
    """All videos; those of the list are test, all others train. The cluster is the target's identity (the first)."""
    found = check_root(root)
    if not {"Celeb-real", "Celeb-synthesis"} & set(found):
        raise wrong_layout(root, "celeb-df", EXPECTED, found)
    listed = _read_list(root / LIST)
    disk = Disk(root)
    names = {f"{folder}/{name}" for folder in LABELS for name in disk.files(folder) if is_video(Path(name))}
    items = [_item(disk, path, listed) for path in sorted(names | (listed or set()))]
    if not any(disk.has(item.source) for item in items):
        raise ClewError(f"{root} holds no videos: expected {EXPECTED}.")
    lacking = [name for name in LABELS if name not in found]
    notes = [f"{root} has no folder {name}: the set is not whole." for name in lacking]
    strangers = [name for name in found if name not in LABELS]
    notes += left(strangers, "folder", "no part of Celeb-DF")
    return Listing(items, (*notes, *_splits_note(root, items, listed)), official=listed is not None)


def _read_list(path: Path) -> set[str] | None:
    """The videos of the list; None where there is no list. Raises ClewError that names the line that is wrong."""
    if not os.path.lexists(path):
        return None
    listed = set()
    for number, line in read_lines(path):
        where = f"{path}, line {number}"
        flag, *rest = line.split(maxsplit=1)
        if flag not in FLAGS or not rest:
            raise ClewError(f"{where}: expected '1 YouTube-real/00170.mp4' (1 real, 0 fake); found '{shown(line)}'.")
        name = inside(rest[0], where)
        folder = name.partition("/")[0]
        if folder not in LABELS or name == folder:
            raise ClewError(f"{where}: expected a path in {', '.join(LABELS)}; found '{shown(name)}'.")
        if LABELS[folder] != FLAGS[flag]:
            raise ClewError(
                f"{where}: {flag} says {WORDS[FLAGS[flag]]} (in this list 1 is real), but {shown(name)} lies among "
                f"the {WORDS[LABELS[folder]]} videos. Take the official list."
            )
        listed.add(name)
    if not listed:
        raise ClewError(f"{path} names no videos: take the official list, or none for splits that are drawn here.")
    return listed


def _item(disk: Disk, source: str, listed: set[str] | None) -> Item:
    folder, _, name = source.partition("/")
    find, count, pattern = GROUPS[folder]
    groups = find(name.rpartition(".")[0])
    status, detail = "ok", ""
    if len(groups) != count:
        groups, status, detail = (), "left-out", f"{shown(source)}: expected a name such as {pattern}.mp4"
    item = Item(
        source=source,
        label=LABELS[folder],
        method="real" if LABELS[folder] == REAL else folder,
        split="" if listed is None else "test" if source in listed else "train",
        groups=groups,
        video=source,
        kind=VIDEO,
        cluster=groups[0] if groups else "",
        status=status,
        detail=detail,
    )
    return present(item, disk, LIST)


def _splits_note(root: Path, items: list[Item], listed: set[str] | None) -> list[str]:
    if listed is None:
        return [
            f"{LIST} is not there: the splits are drawn here, by target identity; for comparisons with published "
            f"figures put the official list into {root}."
        ]
    people = {
        part: {name for item in items if item.split == part for name in item.groups if name.startswith("id")}
        for part in ("train", "test")
    }
    shared = people["train"] & people["test"]
    if not shared:
        return []
    return [
        f"{counted(len(shared), 'identity')} of Celeb-DF stand in both the official "
        "test part and the training part: figures on it do not show how a detector does on new people."
    ]
