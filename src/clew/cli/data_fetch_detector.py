"""`clew data fetch-detector`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.console import Json, finish, progress

EXAMPLE = "Example: clew data fetch-detector yunet"


def fetch_detector(
    name: Annotated[str, typer.Argument(help="The face detector: yunet.")],
    to: Annotated[Path | None, typer.Option(help="Folder to keep the file in; Clew's own cache unless named.")] = None,
    url: Annotated[str | None, typer.Option(help="Another place to get the same file from.")] = None,
    json: Json = False,
) -> None:
    """Download the file that a face detector needs; it is kept only if its SHA-256 is the known one."""
    from clew.media.fetching import checked_detector
    from clew.media.fetching import fetch_detector as fetch

    path = fetch(name, to, url, progress())
    model, data = checked_detector(name, path)
    facts = {"detector": name, "path": str(path), "bytes": len(data), "sha256": model.sha256, "licence": model.licence}
    text = f"{path}: {model.label}, {len(data):,} bytes, SHA-256 as known ({model.licence})"
    finish(facts, json, text, f"next: clew data crop ROOT --layout NAME --out STORE --faces {name}")
