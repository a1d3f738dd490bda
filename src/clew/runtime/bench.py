"""Everything about one ticket's forms: milliseconds by turns, memory, loading, and how far their logits are off."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.base.progress import SILENT, Progress
from clew.runtime.cache import Cache
from clew.runtime.checking import Checked, Reference, checked, pictures
from clew.runtime.compared import cell
from clew.runtime.forms import forms
from clew.runtime.load import cores, known_forms
from clew.runtime.machine import load_average
from clew.runtime.opened import Opened
from clew.runtime.probe import Probed, probe
from clew.runtime.timing import interleaved

ROUNDS, TURN, PAUSE = 15, 0.02, 0.005  # seconds of a turn at least, and before it
MOST_PICTURES, MOST_ROUNDS = 4096, 10_000
NOT_PROBED: tuple[Probed | None, Probed | None] = (None, None)


@dataclass(frozen=True)
class Asked:
    """What to measure: forms (none: all), pictures in a batch, threads, and rounds; raises ClewError for nonsense."""

    forms: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1,)
    threads: tuple[int, ...] = (1,)
    rounds: int = ROUNDS

    def __post_init__(self) -> None:
        known_forms()
        for name in self.forms:
            forms.get(name)
        for name, found, most in (("batch", self.batches, MOST_PICTURES), ("threads", self.threads, cores())):
            if not found or not all(1 <= one <= most for one in found):
                raise ClewError(f"--{name} {','.join(map(str, found))}: expected numbers from 1 to {most}.")
        if not 1 <= self.rounds <= MOST_ROUNDS:
            raise ClewError(f"--rounds {self.rounds}: expected 1 to {MOST_ROUNDS}; intervals need 5.")

    @property
    def names(self) -> tuple[str, ...]:
        """The forms to try, each once."""
        return tuple(dict.fromkeys(self.forms)) or tuple(forms.names())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {**found, "forms": list(self.names)}


def measure(
    ticket: Opened,
    asked: Asked,
    reference: Reference,
    cache: Cache | None = None,
    fresh: bool = True,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Measures a ticket in its forms; `cache` is where loading looks first. The result, as it stands in JSON:

        load_average: processes that wanted a core in the minute before, see `clew.runtime.machine`
        ticket: {path, sha256, bytes, detector, input_size, sparsity, macs_sparsity}
        reference: what the logits were compared with; largest_logit: of its own
        forms: [{form, about, precision, skips, largest_logit_error, load: {first_s, cached_s}, peak_bytes: {first,
            cached}}]: loading and memory are those of new processes, null unless `fresh`
        unavailable: [{form, reason}]
        cells: one for each of `asked.threads` and `asked.batches`, see `clew.runtime.compared.cell`

    Raises ClewError when no form runs.
    """
    busy = load_average()
    found = checked(ticket, asked.names, asked.threads[0], reference, cache, progress)
    cells = list(_cells(ticket, asked, found, cache, progress))
    names = list(found.ready)
    found.ready.clear()  # their memory is for others now
    probed = _probed(ticket, asked, names, progress) if fresh else {}
    return {
        "load_average": busy,
        "ticket": facts_of(ticket),
        "reference": reference[0],
        "largest_logit": found.largest,
        "forms": [_form(name, found.errors[name], *probed.get(name, NOT_PROBED)) for name in names],
        "unavailable": [{"form": name, "reason": reason} for name, reason in found.without.items()],
        "cells": cells,
    }


def facts_of(ticket: Opened) -> dict[str, Any]:
    """What a ticket is, for JSON: shares of its weights, and of its multiply-adds, that are pruned."""
    counts = ticket.header["sparsity"]
    return {
        "path": str(ticket.path),
        "sha256": hash_file(ticket.path),
        "bytes": ticket.path.stat().st_size,
        "detector": ticket.header["detector"]["name"],
        "input_size": ticket.size,
        "sparsity": counts.get("sparsity"),
        "macs_sparsity": counts.get("macs_sparsity"),
    }


def _cells(
    ticket: Opened, asked: Asked, found: Checked, cache: Cache | None, progress: Progress
) -> Iterator[dict[str, Any]]:
    """A session for each number of threads and pictures: all forms take turns in it."""
    turns = len(asked.threads) * len(asked.batches) * asked.rounds * len(found.ready)
    kinds = {name: forms.get(name) for name in found.ready}
    with progress.task("measuring", turns) as task:
        for threads in asked.threads:
            works = dict(found.ready)
            if threads != asked.threads[0]:
                works = {name: kind.make(ticket, threads, cache) for name, kind in kinds.items()}
            for batch in asked.batches:
                images, note = pictures(ticket.size, batch), f"batch {batch}, threads {threads}"
                calls = {name: partial(logits, images) for name, logits in works.items()}
                tell = partial(_tell, task.advance, note)
                yield cell(batch, threads, interleaved(calls, asked.rounds, TURN, PAUSE, tell), kinds)


def _tell(advance: Any, note: str, name: str) -> None:
    advance(1, f"{note}: {name}")


def _probed(
    ticket: Opened, asked: Asked, names: Sequence[str], progress: Progress
) -> dict[str, tuple[Probed | None, Probed | None]]:
    """Each form in two new processes: one whose cache is empty, and one that finds what the first has kept."""
    place, found = (max(asked.threads), max(asked.batches)), {}
    with progress.task("loading in new processes", 2 * len(names)) as task:
        for name in names:
            with tempfile.TemporaryDirectory(prefix="clew-") as folder:
                pair = []
                for which in ("first", "cached"):
                    pair.append(probe(ticket.path, name, *place, Path(folder) / "cache"))
                    task.advance(1, f"{name}, {which}")
            found[name] = (pair[0], pair[1])
    return found


def _form(name: str, error: float, first: Probed | None, cached: Probed | None) -> dict[str, Any]:
    form = forms.get(name)
    return {
        "form": name,
        "about": form.about,
        "precision": form.precision,
        "skips": form.skips,
        "largest_logit_error": error,
        "load": {"first_s": first and first.seconds, "cached_s": cached and cached.seconds},
        "peak_bytes": {"first": first and first.peak_bytes, "cached": cached and cached.peak_bytes},
    }
