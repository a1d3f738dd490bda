"""`clew bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.base.errors import ClewError
from clew.base.progress import Progress
from clew.cli.bench_lines import latency_lines, score_lines, ticket_lines
from clew.cli.console import Json, finish, progress
from clew.cli.outside import Trust
from clew.cli.outside import trust as import_trusted

EXAMPLE = (
    "Example: clew bench ladder/tickets/imp-s0-90.safetensors --batch 1,32 --out bench; clew bench ladder; "
    "clew bench ladder --store people-store"
)


def bench(
    path: Annotated[Path, typer.Argument(help="A ticket (file), or a ladder (folder), which keeps what is measured.")],
    forms: Annotated[str, typer.Option(help="With commas: sparse, onnx, ...; default: all.")] = "",
    batch: Annotated[str, typer.Option(help="Pictures at a time, with commas; default: 1.")] = "1",
    threads: Annotated[str, typer.Option(help="Threads, with commas; default: 1.")] = "1",
    rounds: Annotated[int, typer.Option(help="Rounds in which every form has its turn.", min=1)] = 15,
    fresh: Annotated[
        bool, typer.Option("--fresh/--no-fresh", help="Of a ticket: also loading and memory, in new processes.")
    ] = True,
    store: Annotated[
        Path | None, typer.Option(help="A crop store: also the AUC of each form on it, beside that of fp32.")
    ] = None,
    split: Annotated[str, typer.Option(help="Of the store: train, val or test; forms are chosen on val.")] = "val",
    out: Annotated[
        Path | None, typer.Option(help="A file .json or .svg, or a folder for both; of a ladder: besides its own.")
    ] = None,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Measure how fast and how large a ticket is in each form: sparse, ONNX Runtime, OpenVINO, PyTorch, ..."""
    if trust:  # which needs PyTorch; a ticket is measured without it too
        import_trusted(trust)
    from clew.runtime.bench import Asked
    from clew.runtime.opened import opened

    named = tuple(name.strip() for name in forms.split(",") if name.strip())
    if out is not None:
        from clew.reports.bench_chart import check_out

        check_out(out)
    asked = Asked(named, _counts("batch", batch), _counts("threads", threads), rounds)
    on = None if store is None else _scored_on(store, split)
    if path.is_dir():
        _bench_ladder(path, asked, on, out, progress(), json)
        return
    opened(path)  # before any work
    from clew.tickets.benching import bench_ticket

    found, written = bench_ticket(path, asked, fresh, progress(), on), []
    if out is not None:
        from clew.reports.bench_chart import write_bench

        written = write_bench(found, out)
    finish({**found, "written": [str(one) for one in written]}, json, *ticket_lines(found), *map(_wrote, written))


def _scored_on(store: Path, split: str) -> Any:
    from clew.tickets.form_scores import scored_on

    return scored_on(store, split)


def _bench_ladder(path: Path, asked: Any, on: Any, out: Path | None, shown: Progress, as_json: bool) -> None:
    from clew.reports.ladder_page import write_page
    from clew.reports.latency import write_latency
    from clew.tickets.ladder import open_ladder
    from clew.tickets.latency import bench_ladder, ladder_form_scores, stores_of
    from clew.tickets.latency_table import latency_table

    ladder = open_ladder(path)
    found = bench_ladder(ladder, asked, shown)
    summary = ladder.summary()
    table = latency_table(ladder, summary)
    if table is None:
        raise ClewError(f"{path}: its tickets were changed while they were measured: give the same command again.")
    written = [write_page(ladder, summary, stores_of(ladder), progress=shown)]
    written += [] if out is None else write_latency(found, table, out)
    scores = [] if on is None else ladder_form_scores(ladder, on, asked, shown)
    told = {**found, "latency": table, "scores": scores or None, "written": [str(one) for one in written]}
    shapes = {one["run"]: one["cells"][0] for one in found["tickets"]}
    more = (line for one in scores for line in ["", f"{one['run']}:", *score_lines(one, shapes[one["run"]])])
    finish(told, as_json, *latency_lines(table), *more, *map(_wrote, written))


def _wrote(path: Path) -> str:
    return f"written: {path}"


def _counts(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise ClewError(f"--{name} {text}: expected whole numbers, such as 1,2.") from None
