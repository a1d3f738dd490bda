"""What is served where nothing is named: what comes with Clew."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_TICKET, _LADDER = "default.safetensors", "demo-ladder"


def usual_ticket() -> Path | None:
    """The packaged ticket, None where this installation has none."""
    return _packaged(_TICKET)


def usual_ladder() -> Path | None:
    """The packaged demonstration ladder, None where this installation has none."""
    return _packaged(_LADDER)


def _packaged(name: str) -> Path | None:
    path = Path(str(files("clew"))) / "packaged" / name
    return path if path.exists() else None
