"""What comes with Clew: a ticket that scans, and a ladder to look at."""

from __future__ import annotations

from pathlib import Path

from clew.base.errors import ClewError

FOLDER = Path(__file__).resolve().parents[1] / "packaged"
TICKET, CARD, LADDER = "default.safetensors", "default.md", "demo-ladder"


def packaged_ticket() -> Path:
    """The default ticket, calibrated, for research; its model card lies beside it as `default.md`.

    Raises ClewError where the installation lacks it.
    """
    return _there(FOLDER / TICKET)


def packaged_ladder() -> Path:
    """A small ladder, from dense to 95 % sparse, to show what pruning does; raises ClewError as `packaged_ticket`."""
    return _there(FOLDER / LADDER)


def _there(path: Path) -> Path:
    if not path.exists():
        raise ClewError(f"{path} is missing from this installation: install Clew again.")
    return path
