"""A form in a new process: how long it takes to load there, and how much memory it needs at most.

`python -m clew.runtime.probe TICKET FORM THREADS BATCH CACHE` prints both as one line of JSON; `probe` asks for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCHES = 3
LONGEST = 900.0  # seconds


@dataclass(frozen=True)
class Probed:
    """Seconds of loading, with what it imports, and the most bytes that the whole process held (None: not known)."""

    seconds: float
    peak_bytes: int | None


def probe(ticket: Path, form: str, threads: int, batch: int, cache: Path) -> Probed | None:
    """Loads a ticket in a process of its own, and runs some batches; None where that process ends badly."""
    words = [str(ticket.resolve()), form, str(threads), str(batch), str(cache)]
    command = [sys.executable, "-P", "-m", "clew.runtime.probe", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=True)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return Probed(float(found["seconds"]), found["peak_bytes"])
    except (subprocess.SubprocessError, OSError, ValueError, LookupError, TypeError):
        return None


def peak_bytes() -> int | None:
    """The most memory that this process has held so far, in bytes; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    held = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if held is None else 1024 * int(held)


def main(ticket: str, form: str, threads: str, batch: str, cache: str) -> None:
    """What the new process does."""
    start = time.perf_counter()
    import numpy as np

    from clew.runtime.load import load_runtime

    runtime = load_runtime(ticket, form, int(threads), cache=cache)
    seconds = time.perf_counter() - start
    images = np.random.default_rng(0).random((int(batch), 3, runtime.input_size, runtime.input_size), np.float32)
    for _ in range(BATCHES):
        runtime.raw(images)
    sys.stdout.write(json.dumps({"seconds": round(seconds, 6), "peak_bytes": peak_bytes()}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
