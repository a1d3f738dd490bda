"""Runs a study: all its trainings as one queue, here or on a cluster; killed at any moment, it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from clew.base.errors import ClewError
from clew.base.files import read_json, strangers, write_json
from clew.base.jobs import Executor
from clew.base.progress import SILENT, Progress
from clew.datasets.store import open_store
from clew.studies.cells import TRANSFERS, Cell, cells, config_of, pairs, training_of, transfer_name
from clew.studies.sharing import Shared, leave_points, share
from clew.studies.study import Study, Transfer
from clew.tickets.ladder import open_ladder
from clew.tickets.methods.moved import OWNERS, moved_name
from clew.tickets.origin import origin_of, origin_warnings
from clew.tickets.plan import plan
from clew.tickets.search import Begun, begun, local_executor
from clew.training.choices import Choices, Wishes, choose

STUDY, LOCK = "study.json", ".lock"
FORMAT = 1


@dataclass
class Result:
    """What became of a study: the cells whose ladders are whole, and what failed, by job."""

    cells: list[Cell]
    finished: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every ladder is whole."""
        return not self.errors and len(self.finished) == len(self.cells)


def run_study(
    study: Study, out: Path | str, *, executor: Executor | None = None, progress: Progress = SILENT
) -> Result:
    """Trains all that is missing of a study in the folder `out`; one training's failure stops what needs it alone.

    Precision, layout and threads are chosen once for each detector and kept in `study.json`. First all searches of
    the grid, as one queue; then the transfers between their ladders. Raises ClewError before any training for stores,
    settings or a folder that cannot work.
    """
    out = Path(out)
    if out.is_file() or (strangers(out, [LOCK]) and not (out / STUDY).exists()):
        raise ClewError(f"{out} holds something else than a study: choose another --out.")
    kept = read_choices(out)
    grid = cells(study, out, {one.name: kept.get(one.name, Choices()) for one in study.detectors})  # checks
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ClewError(f"{out}: this study is being run already; wait for it or choose another --out.") from None
    with lock:
        choices = _choices(study, kept, progress)
        facts = {name: one.as_dict() for name, one in choices.items()}
        write_json(out / STUDY, {"format": FORMAT, "study": study.as_dict(), "choices": facts})
        grid = leave_points(cells(study, out, choices))
        runner = executor or local_executor(
            max(choices.values(), key=lambda one: (one.device != "cpu", one.threads * one.devices))
        )
        result = Result(grid)
        _wave(grid, {}, runner, "studying", progress, result)
        moved = transfers(study, out, grid, result.finished)
        for cell, _ in moved:
            data = [{"name": store.name, "protocol": store.protocol} for store in map(open_store, cell.place.stores)]
            for text in origin_warnings(cell.settings.origin, data):
                progress.say(f"warning: {cell.name}: {text}")
        result.cells = [*grid, *(cell for cell, _ in moved)]
        result.cells += [replace(cell, name=name) for name, cell in _not_begun(study, grid, result.finished)]
        _wave(
            [cell for cell, _ in moved], {cell.name: path for cell, path in moved}, runner, "moving", progress, result
        )
        return result


def read_choices(out: Path) -> dict[str, Choices]:
    """What was settled when the study was begun, by detector; raises ClewError for a damaged file."""
    if not (out / STUDY).exists():
        return {}
    try:
        found = read_json(out / STUDY)
        if found["format"] != FORMAT:
            raise ClewError(f"{out / STUDY} has format {found['format']!r}; this version of Clew reads {FORMAT}.")
        return {str(name): Choices(**one) for name, one in found["choices"].items()}
    except (TypeError, KeyError, AttributeError):
        raise ClewError(f"{out / STUDY} is not the description of a study: choose another --out.") from None


def _choices(study: Study, kept: Mapping[str, Choices], progress: Progress) -> dict[str, Choices]:
    """Precision, layout and threads of each detector: as kept, else chosen now."""
    found = {}
    for network in study.detectors:
        wishes: Wishes = study.wishes
        before = kept.get(network.name)
        if before is not None and wishes.met_by(before):
            found[network.name] = before
            continue
        found[network.name], reason = choose(config_of(study, network), training_of(study, network).batch_size, wishes)
        chosen = found[network.name]
        progress.say(f"{network.name}: {chosen.precision} {chosen.memory_format}, {chosen.threads} thread ({reason})")
    return found


def transfers(study: Study, out: Path, grid: Sequence[Cell], finished: Sequence[str]) -> list[tuple[Cell, Path]]:
    """The transfers whose two ladders are whole, each with the target's own ladder, whose runs it shares."""
    found = []
    for transfer, source, target in pairs(study, list(grid)):
        if source.name in finished and target.name in finished:
            found.append((_moved(transfer, source, target, out), target.place.ladder))
    return found


def _not_begun(study: Study, grid: Sequence[Cell], finished: Sequence[str]) -> list[tuple[str, Cell]]:
    return [
        (transfer_name(source, target), target)
        for _, source, target in pairs(study, list(grid))
        if source.name not in finished or target.name not in finished
    ]


def _moved(transfer: Transfer, source: Cell, target: Cell, out: Path) -> Cell:
    """The search on the target's data that brings the source's tickets along."""
    owners = [name for name in source.settings.methods if name in OWNERS]
    moved = [moved_name(owner, kind) for owner in owners for kind in transfer.weights]
    settings = replace(
        target.settings,
        methods=tuple(sorted({*owners, *moved, "random", "zero-shot"})),
        origin=origin_of(open_ladder(source.place.ladder)),
        moved_levels=transfer.levels,
    )
    name = transfer_name(source, target)
    place = replace(target.place, ladder=(out / TRANSFERS / name).resolve(), origin=source.place.ladder, points=())
    return Cell(name, target.dataset, target.detector, place, settings, source.dataset)


def count_trainings(grid: Sequence[Cell]) -> int:
    """How many trainings the searches of a grid are, shared ones once."""
    dense: set[tuple[str, ...]] = set()
    count = 0
    for cell in grid:
        for run in plan(cell.settings)[0]:
            if run.method == "dense" and not run.weights_from:
                dense.add((cell.dataset, cell.detector, run.id))
            else:
                count += run.trains
    return count + len(dense)


def _wave(
    wanted: Sequence[Cell],
    ready: Mapping[str, Path],
    executor: Executor,
    description: str,
    progress: Progress,
    result: Result,
) -> None:
    """Runs the missing trainings of some searches together; a ladder is finished as soon as nobody needs its parts."""
    with ExitStack() as stack:
        by_name = {cell.name: cell for cell in wanted}
        open_ = {name: stack.enter_context(_opened(cell)) for name, cell in by_name.items()}
        shared = share(open_, by_name, ready)
        progressing = _Progressing(open_, shared, result)
        outcome = executor.run(shared.jobs, description, progress, progressing.done)
        result.errors |= outcome.errors
        result.skipped += outcome.skipped
        progressing.rest()


@contextmanager
def _opened(cell: Cell) -> Iterator[Begun]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(begun(cell.place, cell.settings, "the study's"))
        except ClewError as error:
            raise ClewError(f"{cell.name}: {error}") from None
        yield found


class _Progressing:
    """Finishes ladders as their last jobs end."""

    def __init__(self, open_: Mapping[str, Begun], shared: Shared, result: Result) -> None:
        self.open, self.shared, self.result = dict(open_), shared, result
        self.left: dict[str, set[str]] = {name: set(shared.takers.get(name, ())) for name in open_}
        for job, (cell, _) in shared.owners.items():
            self.left[cell].add(job)
        for name in list(self.open):
            self._finish(name)

    def done(self, job: str, cost: dict[str, float]) -> None:
        """Notes a job's cost, and finishes the ladders that waited for nothing else."""
        cell, run = self.shared.owners[job]
        self.open[cell].finished(run, cost)
        for name, jobs in self.left.items():
            jobs.discard(job)
            if job in self.shared.takers.get(name, ()) or name == cell:
                self._finish(name)

    def rest(self) -> None:
        """What is left when some failed: a ladder whose own runs are all there is whole."""
        for name, search in self.open.items():
            if name not in self.result.finished and not search.missing():
                self.left[name].clear()
                self._finish(name)

    def _finish(self, name: str) -> None:
        if not self.left[name] and name not in self.result.finished:
            self.open[name].ladder()
            self.result.finished.append(name)
