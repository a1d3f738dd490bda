"""From a dataset on disk to a crop store: on all cores or many machines, resumed where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor
from clew.base.jobs import Executor, Job, Report
from clew.base.memory import give_large_blocks_back
from clew.base.progress import SILENT, Progress
from clew.datasets.crop_frames import crop_frames
from clew.datasets.crop_pictures import crop_pictures
from clew.datasets.crop_videos import crop_video
from clew.datasets.items import FRAMES, PICTURE, VIDEO, Item
from clew.datasets.packing import StoreWriter, begin_store, part_exists, write_part
from clew.datasets.plan import Plan, plan_dataset
from clew.datasets.protocol import AS_GIVEN, BOXES, Protocol
from clew.datasets.recipe import Recipe
from clew.datasets.rows import Cropped, Entry, stack
from clew.datasets.store import CropStore
from clew.media.faces.base import make_detector
from clew.media.pictures import read_picture

UNIT_BYTES = 24 * 2**20
MOST_PICTURES = 256
FACE_SIZE, FACE_SCALE = 256, 1.3
AUTO, NONE = "auto", "none"


def crop_dataset(
    root: Path | str,
    layout: str,
    out: Path | str,
    *,
    faces: str = AUTO,
    model: Path | str | None = None,
    size: int | None = None,
    frames: int = 32,
    scale: float | None = None,
    people: str = "all",
    splits: str = "official",
    compression: Sequence[str] = (),
    methods: Sequence[str] = (),
    limit: int | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> CropStore:
    """Crops the faces of a dataset into a store, and opens it.

    `faces`: dlib, opencv or yunet; none: pictures and frames as they are; auto: dlib for videos, none for
    pictures. `model`: the detector's file, where it has one. `size` in pixels (None: 256 for faces, for ready
    crops their usual size); `frames`: so many of each video, evenly spaced; `scale`: times the detector's box
    (None: 1.3); `people`: all faces as tracks, or the largest of each frame. `splits`, `compression`, `methods`
    and `limit`: see `plan_dataset`. A finished store of the same plan is opened as it is, an unfinished one is
    gone on with. Raises ClewError for a wrong layout, a store made otherwise, or when nothing gives a crop.
    """
    root, out = Path(root), Path(out)
    plan = plan_dataset(root, layout, splits=splits, compression=compression, methods=methods, limit=limit)
    recipe = _recipe(root, plan, faces, model, size, frames, scale, people)
    facts = _facts(layout, plan, recipe)
    for note in plan.notes:
        progress.say(note)
    finished = begin_store(out, facts)
    if finished is not None:
        return finished
    units = make_units(plan, recipe.protocol.size)
    with StoreWriter(out, recipe.protocol.size) as writer:
        _work(out, recipe, units, writer, executor or LocalExecutor(), f"cropping {root.name}", progress)
        return writer.finish(facts)


def _recipe(
    root: Path,
    plan: Plan,
    faces: str,
    model: Path | str | None,
    size: int | None,
    frames: int,
    scale: float | None,
    people: str,
) -> Recipe:
    """The crop protocol and what carries it out; raises ClewError for settings that cannot be meant."""
    videos = any(item.kind == VIDEO for item in plan.items)
    boxes = any(item.box is not None for item in plan.items)
    faces = ("dlib" if videos and not boxes else NONE) if faces == AUTO else faces
    if boxes and faces != NONE:
        raise ClewError(f"--faces {faces}: this dataset tells where its faces are; leave --faces out.")
    finder = "" if faces == NONE else make_detector(faces, Path(model) if model else None).version
    found = faces != NONE or boxes
    size = size or (FACE_SIZE if found else usual_size(root, plan.items))
    scale = scale if scale is not None else FACE_SCALE if found else 1.0
    name = faces if faces != NONE else BOXES if boxes else AS_GIVEN
    return Recipe(
        root.resolve(),
        Protocol(name, 1, size, frames, scale, people, finder),
        faces,
        str(Path(model).resolve()) if model else "",
    )


def _facts(layout: str, plan: Plan, recipe: Recipe) -> dict[str, Any]:
    """What tells this store from any other, as store.json says it."""
    protocol = asdict(recipe.protocol)
    protocol["videos"] = any(item.kind != PICTURE for item in plan.items)
    return {
        "layout": layout,
        "protocol": protocol,
        "official": plan.official,
        "notes": list(plan.notes),
        "plan": plan.digest(),
    }


def usual_size(root: Path, items: Sequence[Item]) -> int:
    """The median short side of up to 32 of the pictures (or first frames), at most 512 pixels; 256 for videos."""
    sides = []
    pictures = [item.frames[0] if item.frames else item.source for item in items if item.kind != VIDEO]
    for source in pictures[:: max(1, len(pictures) // 32)]:
        try:
            sides.append(min(read_picture(root / source).shape[:2]))
        except ClewError:
            continue
    return int(np.clip(np.median(sides), 16, 512)) if sides else 256


def make_units(plan: Plan, size: int) -> list[tuple[Entry, ...]]:
    """The units of work, in order: one video, or as many pictures as fit well; faces of one picture stay together."""
    most = int(np.clip(UNIT_BYTES // (size * size * 3), 16, MOST_PICTURES))
    units: list[tuple[Entry, ...]] = []
    open_unit: list[Entry] = []
    for entry in map(Entry, plan.items, plan.clusters, plan.splits):
        picture = entry.item.kind == PICTURE
        same = bool(open_unit) and open_unit[-1].item.source == entry.item.source
        if open_unit and (not picture or (len(open_unit) >= most and not same)):
            units.append(tuple(open_unit))
            open_unit = []
        if picture:
            open_unit.append(entry)
        else:
            units.append((entry,))
    return [*units, tuple(open_unit)] if open_unit else units


def crop_unit(out: Path, number: int, recipe: Recipe, unit: tuple[Entry, ...], report: Report) -> None:
    """Crops one unit and writes its part."""

    def done() -> None:
        report(1, unit[0].item.source)

    kind = unit[0].item.kind
    if kind == VIDEO:
        cropped = list(crop_video(recipe, unit[0], done))
    elif kind == FRAMES:
        cropped = list(crop_frames(recipe, unit[0], done))
    else:
        cropped = list(crop_pictures(recipe, unit, done))
    write_part(out, number, *stack(cropped, recipe.protocol.size))


def crop_job(out: Path, number: int, recipe: Recipe, unit: tuple[Entry, ...], report: Report) -> None:
    """`crop_unit` in a process of its own."""
    give_large_blocks_back()
    cv2.setNumThreads(1)
    crop_unit(out, number, recipe, unit, report)


def _work(
    out: Path,
    recipe: Recipe,
    units: Sequence[tuple[Entry, ...]],
    writer: StoreWriter,
    executor: Executor,
    description: str,
    progress: Progress,
) -> None:
    """Crops what is missing; finished parts go into shards as soon as their turn comes."""

    def pack(name: str = "", result: None = None) -> None:
        while writer.next < len(units) and writer.take():
            pass

    def failed(name: str, why: str, killed: bool) -> bool:
        """A file that ends the process that reads it is a row as well; anything else ends the run."""
        if not killed:
            raise ClewError(f"{units[int(name)][0].item.source}: {why}")
        lost: list[Cropped] = [e.lost("unreadable", f"{e.item.source}: reading it crashed.") for e in units[int(name)]]
        write_part(out, int(name), *stack(lost, recipe.protocol.size))
        pack()
        return True

    missing = [n for n in range(writer.next, len(units)) if not part_exists(out, n)]
    pack()
    if len(units) == 1 and missing:  # not worth a process of its own
        with progress.task(description, len(units[0])) as task:
            crop_unit(out, 0, recipe, units[0], lambda steps, note: task.advance(steps, note))
    else:
        jobs = [Job(str(n), crop_job, (out.resolve(), n, recipe, units[n]), size=len(units[n])) for n in missing]
        executor.run(jobs, description, progress, pack, failed)
    pack()
