"""`clew serve`."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, errors, out

EXAMPLE = "Example: clew serve; clew serve --ladder ladder --port 9000; clew serve --host 0.0.0.0"


def serve(
    ticket: Annotated[Path | None, typer.Option(help="The ticket that scans; default: the packaged one.")] = None,
    ladder: Annotated[
        Path | None,
        typer.Option(help="A ladder, or a folder of tickets, to compare levels; default: the packaged one."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on; all but loopback need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8080,
    name: Annotated[
        list[str] | None, typer.Option(help="A name that a proxy calls it by; may be repeated. Needs a token.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that scan; default: one for each core, at least two.")] = 0,
    grace: Annotated[float, typer.Option(help="Seconds for running scans when it is told to end.")] = 20.0,
    faces: Annotated[str, typer.Option(help="The face detector; auto: as the ticket's crops were made.")] = "auto",
    form: Annotated[str, typer.Option(help="How tickets run: sparse, onnx, ...; auto: the fastest.")] = "sparse",
    limit: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, such as bytes=50000000 or duration_s=600; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Serve the page and the REST API: drop a picture or video, read the verdict, move the sparsity slider.

    It answers this machine alone. With another --host it asks for a token, which it makes and prints, or takes from
    $CLEW_TOKEN.
    """
    from clew.base.packaged import packaged_ladder, packaged_ticket
    from clew.serve.limits import limits_from
    from clew.serve.server import make_server
    from clew.serve.settings import ServeSettings, token_for

    names = tuple(name or ())
    token, made = token_for(host, names)
    settings = ServeSettings(
        ticket=ticket or (None if ladder else packaged_ticket()),
        ladder=ladder or packaged_ladder(),
        host=host,
        port=port,
        names=names,
        token=token,
        workers=workers,
        grace_s=grace,
        scan={"faces": faces, "form": form, "threads": 1},
        limits=limits_from(limit or []),
    )
    server, socket = make_server(settings, lambda: _say(settings.url(socket.getsockname()[1]), token, made, json))
    server.run([socket])


def _say(url: str, token: str, made: bool, as_json: bool) -> None:
    if as_json:
        print(json_text.dumps({"url": url, "token": token if made else None}), flush=True)
        return
    out.print(f"Clew answers at {url}{f'#token={token}' if made else ''}", markup=False)
    if made:
        out.print(f"The token, which is not shown again: {token}", markup=False)
    errors.print("Ctrl-C ends it.", style="dim")
