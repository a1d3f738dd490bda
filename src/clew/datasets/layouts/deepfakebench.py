"""Layout `deepfakebench`: what DeepfakeBench's preprocessing leaves (Yan et al., NeurIPS 2023).

Folders of frames, and JSON lists `{DATASET: {LABEL: {SPLIT: {[COMPRESSION:] {VIDEO: {"label", "frames"}}}}}}` at the
root, in dataset_json/ or in preprocessing/dataset_json/.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from clew.base.errors import ClewError
from clew.datasets import identities
from clew.datasets.disk import check_root, counted, folders, shown
from clew.datasets.frame_lists import FrameFinder, ListedVideo, is_frame_list, is_real, listed_videos, lists_in
from clew.datasets.items import FAKE, FRAMES, REAL, Item, Listing, layouts
from clew.datasets.listed import left
from clew.datasets.recognise import signs, wrong_layout
from clew.datasets.records import read_value
from clew.media.pictures import is_picture

METHODS = {
    "FF-DF": "Deepfakes",
    "FF-F2F": "Face2Face",
    "FF-FS": "FaceSwap",
    "FF-NT": "NeuralTextures",
    "FF-FH": "FaceShifter",
}
EXPECTED = 'lists {DATASET: {LABEL: {SPLIT: {VIDEO: {"label", "frames"}}}}} (*.json) beside the folders of frames'
BEGINNING = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*\{\s*"[^"]*"\s*:\s*\{\s*"(train|val|valid|validation|test)"\s*:\s*\{')
# DeepfakeBench's lists repeat test or train as val, and some hold the test videos in train: which of them counts.
PRECEDENCE = ("test", "train", "val")


@signs.register("deepfakebench")
def looks_like_deepfakebench(root: Path) -> bool:
    """Whether a JSON file in one of the known places begins as these lists do."""
    try:
        return any(BEGINNING.match(_head(path)) for path in lists_in(root))
    except (OSError, ClewError):
        return False


def _head(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(4096)


class Draft:
    """All that the lists say of one folder of frames."""

    def __init__(self, video: ListedVideo, source: str, there: bool) -> None:
        self.video = video
        self.source = source
        self.there = there
        self.frames: dict[str, tuple[str, ...]] = {}

    @property
    def split(self) -> str:
        return next(split for split in PRECEDENCE if split in self.frames)

    def add(self, video: ListedVideo, path: Path) -> None:
        """Takes in one more entry; raises ClewError when it speaks of another kind of video."""
        mine, other = (_claim(v) for v in (self.video, video))
        if mine != other:
            raise ClewError(
                f"{path}: {shown(self.source)} would be {mine} and {other}; expected one folder of frames for each "
                "video: name the root folder that holds all of the set."
            )
        known = self.frames.get(video.split, ())
        self.frames[video.split] = tuple(dict.fromkeys((*known, *video.frames))) if known else video.frames


@layouts.register("deepfakebench")
def read_deepfakebench(root: Path) -> Listing:
    """One item for each video of all lists, with those of its frames that are there."""
    found = check_root(root)
    finder = FrameFinder(root)
    drafts: dict[str, Draft] = {}
    others = []
    for path in lists_in(root):
        value = read_value(path)
        if is_frame_list(value):
            for video in listed_videos(value, path):
                _enter(drafts, video, finder, path)
        else:
            others.append(path.name)
    if not drafts:
        raise wrong_layout(root, "deepfakebench", EXPECTED, [*found, *others])
    lost: dict[str, int] = {}
    unnamed: list[str] = []
    items = [_item(drafts[key], finder, lost, unnamed) for key in sorted(drafts)]
    notes = [
        *left(others, "JSON file", "no list of frames"),
        *_shared_splits(drafts),
        *_lost_frames(lost),
        *left(unnamed, "picture", "not named by any list"),
        *left(_unnamed_folders(root, drafts), "folder", "not named by any list"),
    ]
    return Listing(items, tuple(notes), official=True)


def _enter(drafts: dict[str, Draft], video: ListedVideo, finder: FrameFinder, path: Path) -> None:
    there = finder.folder(video.folder)
    source = there or video.folder or f"{video.dataset}/{video.label}/{video.compression}/{video.name}"
    drafts.setdefault(source, Draft(video, source, there is not None)).add(video, path)


def _claim(video: ListedVideo) -> str:
    return f"{_method(video.label)} {video.compression}".strip()


def _method(label: str) -> str:
    """The method that a label names: "FF-real" -> real, "FF-DF" -> Deepfakes, "DFDCP_FakeA" -> FakeA."""
    return "real" if is_real(label) else METHODS.get(label) or re.split("[-_]", label, maxsplit=1)[-1] or label


def _groups(video: ListedVideo) -> tuple[str, ...]:
    """The identities in the name of a video of FaceForensics++, DeepFakeDetection or Celeb-DF, else none."""
    if video.label.startswith("FF-"):
        return identities.faceforensics(video.name)
    if video.label.startswith("DFD_"):
        return identities.actors(video.name)
    if video.label.startswith("CelebDF") or video.dataset.startswith("Celeb-DF"):
        real_youtube = is_real(video.label) and video.name.isdecimal()
        return identities.youtube(video.name) if real_youtube else identities.celebrities(video.name)
    return ()


def _item(draft: Draft, finder: FrameFinder, lost: dict[str, int], unnamed: list[str]) -> Item:
    video, listed = draft.video, draft.frames[draft.split]
    there = finder.files(draft.source) if draft.there else set()
    frames = tuple(f"{draft.source}/{name}" for name in listed if name in there)
    if listed and len(frames) < len(listed):
        lost[draft.source] = len(listed) - len(frames)
    known = {name for names in draft.frames.values() for name in names}
    unnamed += sorted(f"{draft.source}/{name}" for name in there - known if is_picture(Path(name)))
    groups = _groups(video)
    names_target = groups[:1] if not video.label.startswith("FF-") else ()
    why = f"none of its {len(listed)} frames is there" if listed else "the list names no frames of it"
    return Item(
        source=draft.source,
        label=REAL if is_real(video.label) else FAKE,
        method=_method(video.label),
        split=draft.split,
        groups=groups,
        video=draft.source,
        compression=video.compression,
        region="" if is_real(video.label) else finder.masks(draft.source, video.compression),
        kind=FRAMES,
        cluster="".join(names_target),
        frames=frames,
        status="ok" if frames else "missing",
        detail="" if frames else f"{shown(draft.source)}: {why}",
    )


def _shared_splits(drafts: dict[str, Draft]) -> list[str]:
    """Notes on the videos that the lists put into several splits, one for each combination."""
    shared: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for source in sorted(drafts):
        parts = tuple(split for split in PRECEDENCE if split in drafts[source].frames)
        if len(parts) > 1:
            shared[parts].append(source)
    return [
        f"{counted(len(sources), 'video')} in {' and '.join(parts)} of the lists: taken as {parts[0]} only, the first "
        f"{shown(sources[0])}."
        for parts, sources in sorted(shared.items())
    ]


def _lost_frames(lost: dict[str, int]) -> list[str]:
    if not lost:
        return []
    frames, videos = counted(sum(lost.values()), "listed frame"), counted(len(lost), "video")
    return [f"{frames} of {videos} not there, the first of {shown(next(iter(lost)))}."]


def _unnamed_folders(root: Path, drafts: dict[str, Draft]) -> list[str]:
    """The folders beside the folders of frames that no list names."""
    holders = {source.rpartition("/")[0] for source, draft in drafts.items() if draft.there} - {""}
    known = {"/".join(parts[:end]) for parts in (key.split("/") for key in drafts) for end in range(1, len(parts) + 1)}
    beside = (f"{holder}/{name}" for holder in sorted(holders) for name in folders(root / holder))
    return [path for path in beside if path not in known]
