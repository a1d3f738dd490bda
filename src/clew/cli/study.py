"""`clew study run` and `clew study report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.base.errors import ClewError
from clew.cli.console import Json, finish, progress

if TYPE_CHECKING:
    from clew.base.jobs import Executor

RUN_EXAMPLE = "Example: clew study run examples/studies/lottery-tickets-reduced.yaml --out study --engine ray"
REPORT_EXAMPLE = "Example: clew study report examples/studies/lottery-tickets-reduced.yaml --out study"

File = Annotated[Path, typer.Argument(help="The study's YAML file; see examples/studies.")]
Out = Annotated[Path, typer.Option(help="The study's folder; one that is unfinished goes on.")]


def run(
    study: File,
    out: Out,
    engine: Annotated[
        str, typer.Option(help="local: processes on this machine's cores; ray: a Ray cluster.")
    ] = "local",
    address: Annotated[
        str, typer.Option(help="Of the Ray cluster, HOST:PORT; none: RAY_ADDRESS, or one started here.")
    ] = "",
    workers: Annotated[int, typer.Option(help="Trainings at a time; 0: as many as there are cores for.", min=0)] = 0,
    plan: Annotated[bool, typer.Option("--plan", help="Only tell what would be trained.")] = False,
    json: Json = False,
) -> None:
    """Run a grid of searches and write their report. Stopped, or a worker lost, it goes on where it was."""
    from clew.studies.reading import read_study
    from clew.studies.run import run_study

    wanted = read_study(study)
    if plan:
        _tell_plan(wanted, out, json)
        return
    shown = progress()
    result = run_study(wanted, out, executor=_executor(engine, address, workers), progress=shown)
    if not result.finished:
        raise ClewError(_failed(result.errors, result.skipped))
    told = _report(wanted, out, json)
    if result.errors:
        raise ClewError(f"{_failed(result.errors, result.skipped)} {told}")


def report(study: File, out: Out, json: Json = False) -> None:
    """Write the report of what a study has finished so far."""
    from clew.studies.reading import read_study

    _report(read_study(study), out, json)


def _report(wanted: Any, out: Path, json: bool) -> str:
    from clew.reports.study_page import PAGE, study_headline, write_study_page
    from clew.studies.collect import RESULTS, collect

    results = collect(wanted, out, progress())
    page = write_study_page(results, out / PAGE)
    lines = [f"{claim['verdict']:>10}: {claim['title']} ({claim['text']})" for claim in results["claims"]]
    finish(
        {**results, "study": str(out), "page": str(page)},
        json,
        study_headline(results),
        *lines,
        f"results: {out / RESULTS}",
        f"page: {page}",
    )
    return f"What is finished: {page}."


def _executor(engine: str, address: str, workers: int) -> Executor | None:
    from clew.base.executors import LocalExecutor
    from clew.base.ray_executor import RayExecutor

    if engine == "ray":
        return RayExecutor(address, workers)
    if engine != "local":
        raise ClewError(f"unknown --engine '{engine}'. Known: local, ray.")
    if address:
        raise ClewError("--address is of a Ray cluster: --engine ray.")
    return LocalExecutor(workers) if workers else None


def _failed(errors: dict[str, str], skipped: list[str]) -> str:
    name, why = next(iter(errors.items()))
    return (
        f"{len(errors)} trainings failed ({len(skipped)} more wait for them); the first, {name}: {why} "
        "Nothing finished is lost: the same command goes on."
    )


def _tell_plan(wanted: Any, out: Path, json: bool) -> None:
    from clew.studies.cells import cells, pairs
    from clew.studies.run import count_trainings, read_choices
    from clew.training.choices import Choices

    kept = read_choices(out)
    grid = cells(wanted, out, {one.name: kept.get(one.name, Choices()) for one in wanted.detectors})
    trainings, moved = count_trainings(grid), len(list(pairs(wanted, grid)))
    finish(
        {"searches": [cell.name for cell in grid], "trainings": trainings, "transfers": moved},
        json,
        *(cell.name for cell in grid),
        f"{len(grid)} searches, {trainings} trainings (shared ones once); then {moved} transfers, not counted here.",
    )
