"""`clew tickets show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.base.errors import ClewError
from clew.cli.bench_lines import latency_lines
from clew.cli.console import Json, finish, progress
from clew.cli.fakes import fakes_lines, origin_lines
from clew.cli.import_weights import meaning
from clew.cli.tables import ladder_lines, plain
from clew.datasets.disk import counted

EXAMPLE = (
    "Example: clew tickets show ladder --csv scores.csv; clew tickets show ladder/tickets/imp-s0-80.safetensors --json"
)


def show(
    path: Annotated[Path, typer.Argument(help="A ladder (folder) or a ticket (file).")],
    csv: Annotated[
        Path | None, typer.Option(help="Of a ladder: also write the score of every entry on every sample to this file.")
    ] = None,
    json: Json = False,
) -> None:
    """Tell what a ladder found, or what a ticket file is."""
    if path.is_dir() or not (path.exists() or path.suffix == ".safetensors"):
        _show_ladder(path, csv, json)
        return
    if csv is not None:
        raise ClewError(
            f"--csv: {path} is a ticket, which keeps no scores: name a ladder, or use 'clew evaluate --csv'."
        )
    from clew.tickets.file import read_ticket

    header = read_ticket(path).header
    try:
        lines = _ticket_lines(path, header)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ClewError(f"{path}: its header is not that of a ticket ({error!r}).") from None
    finish({**header, "bytes": path.stat().st_size}, json, *lines)


def _show_ladder(path: Path, csv: Path | None, as_json: bool) -> None:
    from clew.tickets.ladder import open_ladder
    from clew.tickets.latency_table import latency_table

    ladder = open_ladder(path)
    told: dict[str, Any] = {}
    lines = []
    if csv is not None:
        from clew.tickets.ladder_csv import write_ladder_csv

        told = {"csv": str(csv), "rows": write_ladder_csv(ladder, csv, progress())}
        lines = [f"csv: {csv} ({counted(told['rows'], 'row')})"]
    summary = ladder.summary()
    if (latency := latency_table(ladder, summary)) is not None:
        told["latency"] = latency
        lines = [*latency_lines(latency), *lines]
    about = [*fakes_lines(ladder.settings), *origin_lines(ladder), *lines]
    finish({**summary, **told}, as_json, *ladder_lines(summary), *about)


def _ticket_lines(path: Path, header: dict[str, Any]) -> list[str]:
    counts, detector = header["sparsity"], header["detector"]
    return [
        f"{path}: {path.stat().st_size / 1024:.1f} KiB, checksum right",
        f"  {detector['name']} at {detector['input_size']} px, {header['protocol']}",
        f"  {_origin(header)}",
        *(f"  {line}" for line in fakes_lines(header["search"])),
        f"  {100 * counts['sparsity']:.2f} % of {counts['prunable']:,} weights are zero, {counts['remaining']:,} live; "
        f"{100 * counts['macs_sparsity']:.1f} % of the multiply-adds fall away",
        *(f"  {line}" for line in (*_classes(header), _figures(header), *_calibration(path, header))),
        *(f"  {line}" for line in (*_values(header), *_graph(header))),
    ]


def _origin(header: dict[str, Any]) -> str:
    """How a search made the ticket, or whose weights it holds."""
    search, source = header["search"], header.get("source")
    if source is not None:
        return (
            f"imported from {source['file']} ({source['form']}, SHA-256 {source['sha256'][:16]}...), {meaning(header)}"
        )
    return f"{search['method']}, {search['scope']}, rewind {search['rewind']}, seed {search['seed']}"


def _graph(header: dict[str, Any]) -> list[str]:
    """Why a ticket runs in PyTorch alone; nothing where that is not known."""
    reason = header.get("graph_reason")
    return [] if reason is None else [f"runs in PyTorch alone: {reason}"]


def _values(header: dict[str, Any]) -> list[str]:
    """That weights were rounded after the ticket was measured; nothing where they were not."""
    rounded = header.get("values") == "fp16"
    return ["surviving weights rounded to fp16 after it was measured and calibrated"] if rounded else []


def _figures(header: dict[str, Any]) -> str:
    test = header["metrics"].get("test", {})
    if not {"auc", "accuracy"} <= test.keys() or not header["data"]:
        return "not measured yet"
    return (
        f"on the test part of {header['data'][0]['name']}: AUC {test['auc']:.4f}, accuracy {test['accuracy']:.4f} "
        "(one seed; the ladder has the intervals)"
    )


def _classes(header: dict[str, Any]) -> list[str]:
    """The classes of a network that tells methods apart; those of an imported one are told where it comes from."""
    names = header.get("classes") or []
    if len(names) < 3 or header.get("source") is not None:
        return []
    return [f"{len(names)} classes: {', '.join(plain(name) for name in names)}"]


def _calibration(path: Path, header: dict[str, Any]) -> list[str]:
    """The temperature, and the thresholds at the stated rate of false alarms."""
    if header.get("calibration") is None:
        return ["not calibrated"]
    from clew.training.calibration import Calibration

    found = Calibration.from_dict(header["calibration"], str(path))
    bound = "; a limit set it: too few pictures or mistakes to tell" if found.at_bound else ""
    return [
        f"temperature {found.temperature:.2f}{bound}; calibration error on validation {found.ece_before:.3f} "
        f"as trained, {found.ece_after:.3f} calibrated",
        *_points(path, header.get("operating_point")),
    ]


def _points(path: Path, points: dict[str, Any] | None) -> list[str]:
    """A line per unit; one where videos are pictures."""
    if points is None:
        return []
    units = ("picture",) if points["picture"] == points["video"] else ("video", "picture")
    return [_point(path, points[unit], unit) for unit in units]


def _point(path: Path, found: dict[str, Any], unit: str) -> str:
    """What a threshold came to on validation, and what it cannot promise."""
    from clew.reports.calibration_words import unresolved
    from clew.training.operating import OperatingPoint

    point = OperatingPoint.from_dict(found, str(path))
    return (
        f"a {unit} is fake from a calibrated probability of {point.threshold:.4f}: on validation "
        f"{100 * point.fpr:.1f} % of {counted(point.reals, 'real')} (asked {100 * point.asked:g} %, true rate up to "
        f"{100 * point.fpr_high:.1f} %) and {100 * point.tpr:.1f} % of {counted(point.fakes, 'fake')}. "
        f"{unresolved(point, unit)}"
    ).rstrip()
