"""What a file says of its own origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clew.scan.finding import Kind


def origin_of(path: Path, kind: Kind) -> dict[str, Any]:
    """What `clew.scan.provenance` finds in a picture or video."""
    return {}
