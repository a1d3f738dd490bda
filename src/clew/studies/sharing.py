"""Who trains what in a study: a training that several searches need is done once and taken over by the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from clew.base.hashing import hash_json
from clew.base.jobs import Job
from clew.studies.cells import Cell
from clew.tickets.adopt import adopt, is_done
from clew.tickets.one_run import CHECKPOINT
from clew.tickets.runs import DENSE, Rewind, Run
from clew.tickets.search import Begun


@dataclass
class Shared:
    """The jobs of several searches, named CELL/RUN, and which cells each cell takes runs over from."""

    jobs: list[Job] = field(default_factory=list)
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)  # job -> cell, run
    takers: dict[str, set[str]] = field(default_factory=dict)  # cell -> jobs of others that take its runs over


def share(begun: Mapping[str, Begun], cells: Mapping[str, Cell], ready: Mapping[str, Path]) -> Shared:
    """The jobs that are missing, every training once.

    Dense nets are shared by all cells on the same data that train them alike: the first one trains them and leaves
    the others' rewind points. `ready` names, for a cell, a finished ladder of the same search, from which all runs
    of the same name are taken.
    """
    found = Shared()
    leaders: dict[str, str] = {}
    for name, search in begun.items():
        leaders.setdefault(_group(cells[name], search), name)
    for name, search in begun.items():
        leader = leaders[_group(cells[name], search)]
        for run, job in zip(search.missing(), search.jobs(), strict=True):
            found.owners[f"{name}/{run.id}"] = (name, run.id)
            found.jobs.append(_job(name, run, job, search, leader, begun, ready.get(name), found))
    return found


def leave_points(cells: Iterable[Cell]) -> list[Cell]:
    """The cells, where the first of each group keeps the rewind points that the others' dense nets need."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(_key(cell), []).append(cell)
    found = []
    for first, *others in groups.values():
        points = [(Rewind.parse(one.settings.rewind).step, one.place.ladder) for one in others]
        kept = tuple((step, ladder) for step, ladder in points if step)
        found += [replace(first, place=replace(first.place, points=kept)), *others]
    return found


def _job(
    cell: str,
    run: Run,
    job: Job,
    search: Begun,
    leader: str,
    begun: Mapping[str, Begun],
    ready: Path | None,
    found: Shared,
) -> Job:
    """The job of one run: its training, or taking it over."""
    name, after = f"{cell}/{run.id}", tuple(f"{cell}/{one}" for one in job.after)
    trained = replace(job, name=name, after=after)
    if ready is not None and _held(ready, run):
        return Job(name, adopt, (search.place, search.settings, run, ready), (), 0)
    if leader == cell or run.method != DENSE or run.weights_from:
        return trained
    source = begun[leader]
    if run.id not in {one.id for one in source.runs} or not _has_point(search, source, run):
        return trained
    found.takers.setdefault(leader, set()).add(name)
    after = (f"{leader}/{run.id}",)
    return Job(name, adopt, (search.place, search.settings, run, source.place.ladder), after, 0)


def _held(ladder: Path, run: Run) -> bool:
    return not run.finds and not run.origin and is_done(ladder, run.id)


def _has_point(search: Begun, source: Begun, run: Run) -> bool:
    """Whether the rewind point that a cell needs is there, or will be when the dense net is trained now."""
    step = Rewind.parse(search.settings.rewind).step
    if not step or search.place.rewind(run.seed).exists():
        return True
    if search.settings.rewind == source.settings.rewind:
        return True
    begun_before = source.place.part(run.id, CHECKPOINT).exists()  # it may be past that step already
    return not begun_before and not is_done(source.place.ladder, run.id)


def _key(cell: Cell) -> str:
    """What cells that share their dense nets have in common, but for the data's content."""
    settings = cell.settings
    parts = [getattr(settings, key) for key in ("start", "classes", "fakes", "fpr")]
    more = [settings.detector.as_dict(), settings.training.as_dict(), settings.choices.as_dict()]
    return hash_json([cell.dataset, parts[0], list(parts[1]), list(parts[2]), parts[3], *more])


def _group(cell: Cell, search: Begun) -> str:
    return _key(cell) if not cell.source else cell.name  # a transfer's runs come from a finished ladder
