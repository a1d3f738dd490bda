"""`clew tickets calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli.console import Json, finish, progress
from clew.cli.outside import Trust
from clew.cli.outside import trust as import_trusted

EXAMPLE = (
    "Example: clew tickets calibrate ladder/tickets/imp-s0-80.safetensors store other-store "
    "--faces dlib --scale 1.3 --out calibrated.safetensors"
)


def calibrate(
    ticket: Annotated[Path, typer.Argument(help="A ticket file, found by a search or made by 'clew import'.")],
    stores: Annotated[list[Path], typer.Argument(help="Crop stores whose validation parts it is calibrated on.")],
    out: Annotated[Path, typer.Option(help="Ticket to write; nothing may be there yet.")],
    fpr: Annotated[float, typer.Option("--fpr", help="Share of reals that may be called fake.")] = 0.05,
    fnr: Annotated[float, typer.Option("--fnr", help="Share of fakes that may be called real.")] = 0.05,
    faces: Annotated[
        str, typer.Option(help="Face detector that a scan is to cut faces with: dlib, opencv, yunet; none.")
    ] = "",
    scale: Annotated[float, typer.Option(help="With --faces: side of a scan's crop in face boxes.")] = 1.3,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Learn what a ticket's scores mean: temperature, thresholds for fake and for real, what is familiar to it.

    Everything is chosen on validation parts, every store weighing the same; the familiar crops are those of the
    training parts. Weights and mask stay as they are.
    """
    from clew.tickets.calibrating import ScanCrops, calibrate_ticket

    import_trusted(trust or [])
    scan = ScanCrops(faces, scale) if faces else None
    found = calibrate_ticket(ticket, stores, out, fpr=fpr, fnr=fnr, scan=scan, progress=progress())
    header = found.header
    told = {key: header.get(key) for key in ("calibration", "operating_point", "scan", "calibrated_on")}
    known = header["familiarity"]
    told["familiarity"] = None if known is None else {key: known[key] for key in ("threshold", "share", "crops")}
    finish({"ticket": str(out), "seal": header["seal"], **told}, json, *_lines(out, header))


def _lines(out: Path, header: dict[str, Any]) -> list[str]:
    calibration, points = header["calibration"], header["operating_point"]
    names = ", ".join(one["name"] for one in header["calibrated_on"])
    lines = [
        f"{out}: calibrated on the validation parts of {names}, each weighing the same",
        f"  temperature {calibration['temperature']:.3f}: calibration error {calibration['ece_before']:.3f} before, "
        f"{calibration['ece_after']:.3f} after, on {calibration['pictures']:,} pictures",
    ]
    for unit in ("picture", "video"):
        fake, real = points[unit], points["real"][unit]
        lines.append(
            f"  a {unit} is fake from {fake['threshold']:.4f} ({100 * fake['fpr']:.1f} % of reals, "
            f"{100 * fake['tpr']:.1f} % of fakes), real down from {real['threshold']:.4f} "
            f"({100 * real['fnr']:.1f} % of fakes, {100 * real['tnr']:.1f} % of reals)"
        )
    known = header["familiarity"]
    return [*lines, f"  familiar: {known['crops'] + known['held_out']:,} crops" if known else "  familiar: not learned"]
