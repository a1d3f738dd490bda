"""Hashes and the seeds made from them: the same on every machine and in every process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def hash_json(value: Any) -> str:
    """SHA-256 of `value` as compact JSON with sorted keys, in hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def stable_seed(*parts: str | int) -> int:
    """A 63-bit seed made from `parts`; other parts, another seed."""
    return int(hash_json(list(parts))[:16], 16) >> 1


def stable_fraction(*parts: str | int) -> float:
    """A number in [0, 1) made from `parts`, spread evenly over them."""
    return stable_seed(*parts) / 2**63
