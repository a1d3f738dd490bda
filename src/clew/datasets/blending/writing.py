"""From real faces to a crop store of reals and their self-blended fakes, resumed where it stopped."""

from __future__ import annotations

from pathlib import Path

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor
from clew.base.hashing import hash_json
from clew.base.jobs import Executor, Job, Report
from clew.base.progress import SILENT, Progress
from clew.datasets.blending.rows import METHOD, blend_rows
from clew.datasets.blending.settings import BlendSettings
from clew.datasets.blending.sources import Source, Unit, from_folder, from_store
from clew.datasets.cropping import FACE_SCALE, NONE
from clew.datasets.packing import StoreWriter, begin_store, part_exists, write_part
from clew.datasets.rows import stack
from clew.datasets.store import CropStore

VERSION = 1  # of what a blend is: another one makes other bytes of the same seed
IN_PROCESS = 4  # units of work that are not worth processes of their own


def blend_faces(
    faces: Path | str,
    out: Path | str,
    *,
    per_face: int = 1,
    size: int | None = None,
    seed: int = 0,
    faces_detector: str = NONE,
    model: Path | str | None = None,
    scale: float = FACE_SCALE,
    centre: float = 1.0,
    settings: BlendSettings | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> CropStore:
    """Writes real faces, and `per_face` self-blended fakes of each, into a crop store, and opens it.

    `faces`: a crop store, whose reals are taken with their clusters and splits, or a folder of pictures of real
    faces (see `from_folder` for `faces_detector`, `model`, `scale` and `centre`). `size` in pixels (None: as the
    source). Everything follows from `seed`. A finished store of the same faces is opened as it is, an unfinished
    one is gone on with. Raises ClewError for a folder without pictures, wrong settings, or a store made otherwise.
    """
    faces, out, settings = Path(faces), Path(out), settings or BlendSettings()
    if not 1 <= per_face <= 1000:
        raise ClewError(f"--per-face {per_face}: expected 1 to 1000 blends of each face.")
    if size is not None and not 16 <= size <= 4096:
        raise ClewError(f"--size {size}: expected 16 to 4096 pixels.")
    if (faces / "store.json").exists():
        if faces_detector != NONE or centre != 1:
            raise ClewError(f"{faces} is a store of crops: leave --faces and --centre out.")
        source = from_store(faces, size)
    else:
        source = from_folder(faces, size, faces_detector, Path(model) if model else None, scale, centre)
    facts = {
        "layout": METHOD,
        "protocol": source.protocol,
        "official": False,
        "notes": list(source.notes),
        "blend": {
            "version": VERSION,
            "of": source.origin,
            "per_face": per_face,
            "seed": seed,
            "settings": settings.as_dict(),
        },
    }
    facts["plan"] = hash_json([facts["protocol"], facts["blend"]])
    for note in source.notes:
        progress.say(note)
    finished = begin_store(out, facts)
    if finished is not None:
        return finished
    with StoreWriter(out, source.size) as writer:
        _work(out, source, per_face, seed, settings, writer, executor, f"blending {faces.name}", progress)
        return writer.finish(facts)


def blend_unit(
    out: Path, number: int, unit: Unit, size: int, per_face: int, seed: int, settings: BlendSettings, report: Report
) -> None:
    """Blends the faces of one unit and writes its part."""
    made = []
    for face in unit.read():
        made += blend_rows(face, per_face, seed, settings)
        report(1, str(face.row["sample"]))
    write_part(out, number, *stack(made, size))


def _work(
    out: Path,
    source: Source,
    per_face: int,
    seed: int,
    settings: BlendSettings,
    writer: StoreWriter,
    executor: Executor | None,
    description: str,
    progress: Progress,
) -> None:
    """Blends what is missing; finished parts go into shards as soon as their turn comes."""

    def pack(name: str = "", result: None = None) -> None:
        while writer.next < len(source.units) and writer.take():
            pass

    def failed(name: str, why: str, killed: bool) -> bool:
        raise ClewError(f"blending stopped: {why}")

    missing = [n for n in range(writer.next, len(source.units)) if not part_exists(out, n)]
    pack()
    common = (source.size, per_face, seed, settings)
    if executor is None and len(missing) <= IN_PROCESS:
        with progress.task(description, sum(len(source.units[n]) for n in missing)) as task:
            for n in missing:
                blend_unit(out, n, source.units[n], *common, lambda steps, note: task.advance(steps, note))
                pack()
    else:
        units = [(n, source.units[n]) for n in missing]
        jobs = [Job(str(n), blend_unit, (out.resolve(), n, unit, *common), size=len(unit)) for n, unit in units]
        (executor or LocalExecutor()).run(jobs, description, progress, pack, failed)
    pack()
