"""Which forms of a ticket run here and are right: each is compared with a reference before it is timed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.runtime.cache import Cache
from clew.runtime.forms import Logits, Unavailable, forms
from clew.runtime.opened import Opened

PICTURES = 4
WRONG = 1e-3  # of a logit, per 1 of the largest where that is above 1: a form of fp32 that is further off is not right
Reference = tuple[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]]  # its name, images -> logits


@dataclass
class Checked:
    """The forms that run, how far the logits of each are off at most, why others do not run, the largest logit."""

    largest: float = 0.0
    ready: dict[str, Logits] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)


def checked(
    ticket: Opened,
    names: Sequence[str],
    threads: int,
    reference: Reference,
    cache: Cache | None,
    progress: Progress = SILENT,
) -> Checked:
    """Makes forms by name and compares them with the reference on seeded pictures; raises ClewError when none runs."""
    found, images = Checked(), pictures(ticket.size, PICTURES)
    with progress.task("loading the forms", 1 + len(names)) as task:
        wanted = reference[1](images)
        found.largest = float(np.abs(wanted).max())
        task.advance(1, reference[0])
        for name in names:
            try:
                logits = forms.get(name).make(ticket, threads, cache)
                found.errors[name] = _error(name, _run(logits, images), wanted)
                found.ready[name] = logits
            except (Unavailable, ClewError) as error:
                found.without[name] = str(error).rstrip(".")
            task.advance(1, name)
    if not found.ready:
        why = "; ".join(f"{name}: {reason}" for name, reason in found.without.items())
        raise ClewError(f"{ticket.path} runs in none of the forms asked for ({why}).")
    return found


def pictures(size: int, count: int) -> NDArray[np.float32]:
    """Pictures (B, 3, H, W) in [0, 1]: noise over patches of plain colour, the same every time."""
    draw = np.random.default_rng(count)
    patches = draw.random((count, 3, -(-size // 8), -(-size // 8)), np.float32).repeat(8, 2).repeat(8, 3)
    return np.asarray((patches[:, :, :size, :size] + draw.random((count, 3, size, size), np.float32)) / 2, np.float32)


def _run(logits: Logits, images: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        return logits(images)
    except Exception as error:  # those of the runtimes share no class
        raise Unavailable(f"it fails: {str(error).partition(chr(10))[0]}") from error


def _error(name: str, found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The largest difference of a logit; raises Unavailable for a form that is wrong, which must not be timed."""
    off = float(np.abs(found - wanted).max()) if found.shape == wanted.shape else math.inf
    most = WRONG * max(1.0, float(np.abs(wanted).max())) if forms.get(name).exact else math.inf
    if not math.isfinite(off) or off > most:
        raise Unavailable(f"its logits are off by {off:.2g}: please report the network")
    return off
