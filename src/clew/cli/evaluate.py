"""`clew evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.base.errors import ClewError
from clew.cli.console import Json, finish, progress
from clew.cli.evaluation_lines import evaluation_lines
from clew.cli.outside import Trust
from clew.cli.outside import trust as import_trusted
from clew.datasets.disk import counted

EXAMPLE = (
    "Example: clew evaluate run people-store other-store --robustness --out evaluation; "
    "clew evaluate run people-store --csv scores.csv; clew evaluate ladder people-store --verify"
)


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run of 'clew train', a ladder, or a ticket file.")],
    stores: Annotated[list[Path], typer.Argument(help="Crop stores, made by 'clew data crop'.")],
    split: Annotated[str, typer.Option(help="The split to measure on: train, val or test.")] = "test",
    method: Annotated[str, typer.Option(help="Of a ladder: imp, one-shot, random-of-imp, ... (default: dense).")] = "",
    level: Annotated[float | None, typer.Option(help="Of a ladder: the target sparsity, such as 0.8.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Measure again what the tickets promise; exit code 1 when they fail.")
    ] = False,
    tolerance: Annotated[float, typer.Option(help="With --verify: how far an AUC may lie from its promise.")] = 0.002,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also under JPEG, blur, noise, resizing and H.264.")
    ] = False,
    limit: Annotated[
        int,
        typer.Option(help="With --robustness: about so many pictures of each store, by whole videos; 0: all.", min=0),
    ] = 2000,
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples behind the intervals.")] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores (kept, never made twice), evaluation.json and .html.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Also write the probability of every sample by each seed's ticket to this file.")
    ] = None,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Measure a model on crop stores: per picture, video, method and compression, with intervals."""
    import_trusted(trust or [])
    if csv is not None and verify:
        raise ClewError("--csv and --verify exclude each other: what is verified is not scored by sample.")
    if verify:
        _verify(model, stores, method, level, tolerance, json)
        return
    from clew.datasets.csv_file import check_csv
    from clew.tickets.evaluation import evaluate as measure
    from clew.tickets.evaluation.scores_csv import scores_folder, write_scores_csv

    shown = progress()
    if csv is not None:
        check_csv(csv)
    with scores_folder(out, again=csv is not None) as kept:
        found = measure(
            model,
            stores,
            split=split,
            method=method,
            level=level,
            corrupt=robustness,
            limit=limit,
            resamples=resamples,
            out=kept,
            progress=shown,
        )
        lines = evaluation_lines(found)
        if csv is not None:
            rows = write_scores_csv(
                model, stores, csv, split=split, method=method, level=level, scores=kept, progress=shown
            )
            found, lines = {**found, "csv": str(csv)}, [*lines, "", f"csv: {csv} ({counted(rows, 'row')})"]
    if out is not None:
        from clew.reports.evaluation_page import PAGE, write_evaluation_page

        page = write_evaluation_page(found, out / PAGE, progress=shown)
        found, lines = {**found, "page": str(page)}, [*lines, "", f"page: {page}"]
    finish(found, json, *lines)


def _verify(model: Path, stores: list[Path], method: str, level: float | None, tolerance: float, as_json: bool) -> None:
    from clew.tickets.evaluation import verify

    found = verify(model, stores, method=method, level=level, tolerance=tolerance, progress=progress())
    finish({key: value for key, value in found.items() if key != "lines"}, as_json, *_verdict(found))
    if not found["passed"]:
        raise typer.Exit(1)


def _verdict(found: dict[str, Any]) -> list[str]:
    """The broken promises, a line each; without any, that all hold. What could not be checked comes last."""
    told = list(zip(found["checks"], found["lines"], strict=True))
    broken = [line for check, line in told if check["kept"] is False]
    skipped = [line for check, line in told if check["kept"] is None]
    held = sum(check["kept"] is True for check in found["checks"])
    kept = "keeps what it promises" if found["tickets"] == 1 else "keep what they promise"
    tickets, checks = counted(found["tickets"], "ticket"), counted(held, "promise")
    return [*(broken or [f"verified: {tickets} {kept}, {checks} checked"]), *skipped]
