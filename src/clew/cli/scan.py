"""`clew scan`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli.console import Interrupted, Json, finish, heeding_sigterm, progress

EXAMPLE = (
    "Example: clew scan photo.jpg; clew scan clip.mp4 --html clip.html; "
    "clew scan photos 'more/**/*.mp4' --csv found.csv --findings found.jsonl. "
    "Exit codes: 0 all real; 3 some file is fake; 4 none is fake, some are inconclusive; 5 some file could not be "
    "read, which goes before 3 and 4; 1 an error; 2 wrong usage; 130 interrupted."
)

GOES_ON = "interrupted: nothing finished is lost, the same command goes on."
NOTHING_KEPT = "interrupted: nothing is kept. With --findings FILE, what is finished is, and the same command goes on."


def scan(
    paths: Annotated[
        list[str],
        typer.Argument(help="Pictures, videos, folders, patterns such as 'a/**/*.jpg', or - for standard input."),
    ],
    ticket: Annotated[
        Path | None, typer.Option(help="The ticket that judges; default: the one in the package.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="A CSV file to write, a row for each file.")] = None,
    html: Annotated[Path | None, typer.Option(help="A page to write: timeline, faces, heatmaps.")] = None,
    findings: Annotated[
        Path | None, typer.Option(help="A file that keeps each finding as it is made: given again, the scan goes on.")
    ] = None,
    faces: Annotated[
        str, typer.Option(help="Face detector: dlib, opencv, yunet; none: files are face crops; auto: as the ticket's.")
    ] = "auto",
    model: Annotated[Path | None, typer.Option(help="The face detector's model file (yunet).")] = None,
    frames: Annotated[int, typer.Option(help="Of a video: so many frames, evenly spaced; 0: two a second.", min=0)] = 0,
    form: Annotated[
        str, typer.Option(help="The form that the ticket runs in: sparse, onnx, ...; auto: the fastest.")
    ] = "sparse",
    heatmaps: Annotated[
        str, typer.Option(help="On the page: occlusion, grad-cam (needs PyTorch), or none.")
    ] = "occlusion",
    engine: Annotated[str, typer.Option(help="local: this machine's cores; ray: a Ray cluster.")] = "local",
    workers: Annotated[int, typer.Option(help="Processes; 0: one per core.", min=0)] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds that one file may take.", min=0.1)] = 600.0,
    limit: Annotated[int | None, typer.Option(help="Only the first so many files.", min=1)] = None,
    json: Json = False,
) -> None:
    """Say of pictures and videos whether their faces are real or fake, or why that cannot be told."""
    from clew.scan.summary import Summary

    summary = Summary()
    try:
        with heeding_sigterm(), ExitStack() as stack:
            asked = {"engine": engine, "workers": workers, "seconds": timeout, "limit": limit}
            choices = {"faces": faces, "model": model, "frames": frames, "form": form}
            _scan(stack, paths, ticket, choices, asked, (csv, html, findings), heatmaps, summary, json)
    except KeyboardInterrupt:
        raise Interrupted(GOES_ON if findings is not None else NOTHING_KEPT) from None
    raise typer.Exit(summary.exit_code)


def _scan(
    stack: ExitStack,
    paths: list[str],
    ticket: Path | None,
    choices: dict[str, Any],
    asked: dict[str, Any],
    files: tuple[Path | None, Path | None, Path | None],
    heatmaps: str,
    summary: Any,
    json: bool,
) -> None:
    from clew.cli.scan_heatmaps import maker
    from clew.cli.scan_lines import Rows, paragraph
    from clew.reports.scan_files import check_files, evidence_folder, tabled
    from clew.scan.inputs import STANDARD_INPUT, Inputs
    from clew.scan.many import scan_many
    from clew.scan.order import order
    from clew.scan.settings import ScanSettings
    from clew.scan.standard_input import kept

    csv, html, journal = files
    shown, rows = progress(), Rows(json)
    if html is not None:  # before any work
        from clew.reports.scan_paged import paged
    check_files(csv, html, journal)
    draws = maker(heatmaps)
    wanted = order(ticket, ScanSettings(**choices))
    standard = stack.enter_context(kept(sys.stdin.buffer)) if STANDARD_INPUT in paths else None
    inputs = Inputs(paths, standard)
    evidence = stack.enter_context(evidence_folder(html, journal))
    wanted = wanted.drawing(draws if html is not None else None, evidence)
    found = scan_many(inputs, wanted, journal=journal, progress=shown, **asked)
    if csv is not None:
        found = tabled(found, csv)
    if html is not None:
        found = paged(found, html, evidence, shown)
    if inputs.single:
        for finding in found:
            summary.add(finding)
            finish(finding.as_dict(), json, *paragraph(finding))
        return
    rows.show(found, summary)
    summary.skipped = inputs.skipped.text
    rows.end(summary)
