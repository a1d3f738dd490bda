"""`clew`: the commands, and how they end."""

from __future__ import annotations

import sys

import typer

from clew import __version__
from clew.base.errors import ClewError
from clew.cli import (
    bench,
    data_blend,
    data_check,
    data_crop,
    data_fetch_detector,
    data_synth,
    demo,
    evaluate,
    explain,
    export,
    import_weights,
    scan,
    serve,
    study,
    tickets_calibrate,
    tickets_card,
    tickets_find,
    tickets_matrix,
    tickets_robustness,
    tickets_show,
    tickets_transfer,
    train,
)
from clew.cli.console import INTERRUPTED, errors, printable

SERVE = ("fastapi", "uvicorn", "starlette", "python_multipart", "prometheus_client", "pydantic")
GOES_ON = "interrupted: nothing finished is lost, the same command goes on."

app = typer.Typer(
    name="clew",
    help="Find, prove and ship the winning ticket inside a deepfake detector.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
data = typer.Typer(help="Draw, read, crop, check and blend data.", no_args_is_help=True)
studies = typer.Typer(help="Grids of searches, on one machine or many.", no_args_is_help=True)
tickets = typer.Typer(help="Search for tickets and look at what was found.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(tickets, name="tickets")
app.add_typer(studies, name="study")

app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.command("scan", epilog=scan.EXAMPLE)(scan.scan)
app.command("train", epilog=train.EXAMPLE)(train.train)
app.command("evaluate", epilog=evaluate.EXAMPLE)(evaluate.evaluate)
app.command("explain", epilog=explain.EXAMPLE)(explain.explain)
app.command("bench", epilog=bench.EXAMPLE)(bench.bench)
app.command("serve", epilog=serve.EXAMPLE)(serve.serve)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("import", epilog=import_weights.EXAMPLE)(import_weights.import_weights)
data.command("synth", epilog=data_synth.EXAMPLE)(data_synth.synth)
data.command("crop", epilog=data_crop.EXAMPLE)(data_crop.crop)
data.command("check", epilog=data_check.EXAMPLE)(data_check.check)
data.command("blend", epilog=data_blend.EXAMPLE)(data_blend.blend)
data.command("fetch-detector", epilog=data_fetch_detector.EXAMPLE)(data_fetch_detector.fetch_detector)
tickets.command("find", epilog=tickets_find.EXAMPLE)(tickets_find.find)
tickets.command("transfer", epilog=tickets_transfer.EXAMPLE)(tickets_transfer.transfer)
tickets.command("matrix", epilog=tickets_matrix.EXAMPLE)(tickets_matrix.matrix)
tickets.command("robustness", epilog=tickets_robustness.EXAMPLE)(tickets_robustness.robustness)
tickets.command("calibrate", epilog=tickets_calibrate.EXAMPLE)(tickets_calibrate.calibrate)
tickets.command("card", epilog=tickets_card.EXAMPLE)(tickets_card.card)
tickets.command("show", epilog=tickets_show.EXAMPLE)(tickets_show.show)
studies.command("run", epilog=study.RUN_EXAMPLE)(study.run)
studies.command("report", epilog=study.REPORT_EXAMPLE)(study.report)


def _version(asked: bool) -> None:
    if asked:
        print(f"clew {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def run() -> None:
    """The entry point: exit code 0 done, 1 an error that the user can mend, 2 wrong usage, 130 interrupted.

    `clew scan` has more: see `clew.scan.summary`.
    """
    try:
        app()
    except ClewError as error:
        errors.print(printable(f"error: {error}"), style="red", markup=False)
        sys.exit(1)
    except ModuleNotFoundError as error:
        extra = "serve" if error.name in SERVE else "train"
        errors.print(f"error: this needs '{error.name}': pip install 'clew[{extra}]'", style="red", markup=False)
        sys.exit(1)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            errors.print(getattr(leaving, "text", GOES_ON), style="yellow")
        raise


if __name__ == "__main__":
    run()
