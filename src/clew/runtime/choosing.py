"""Which form a ticket runs in: each that can is measured once, and the choice kept for this processor and ticket."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, field

import numpy as np

from clew.base.errors import ClewError
from clew.base.hashing import hash_json
from clew.runtime.cache import Cache
from clew.runtime.forms import Form, Logits, Unavailable, forms
from clew.runtime.opened import Opened
from clew.runtime.target import target

VERSION = 1
ROUNDS = 5  # in which each form has its turn
LONGEST = 1.0  # seconds for all rounds of a form


@dataclass(frozen=True)
class Choice:
    """The form chosen, its function, and why."""

    form: str
    reason: str
    logits: Logits = field(repr=False)


def chosen(ticket: Opened, threads: int, exact: bool, cache: Cache | None) -> Choice:
    """The fastest form for single pictures; raises ClewError, with every form's reason, where none runs."""
    name = _name(ticket, threads, exact)
    kept = _kept(cache, name)
    if kept is not None:
        form, reason = kept
        try:
            return Choice(form, reason, forms.get(form).make(ticket, threads, cache))
        except (Unavailable, ClewError):  # a library is gone since: chosen anew
            pass
    ready: dict[str, Logits] = {}
    without: dict[str, str] = {}
    for form in forms:
        if _tried(forms.get(form), ticket, exact):
            try:
                ready[form] = forms.get(form).make(ticket, threads, cache)
            except Unavailable as error:
                without[form] = str(error)
    if not ready:
        why = "; ".join(f"{form}: {reason}" for form, reason in without.items())
        raise ClewError(f"{ticket.path} runs in no form here ({why}).")
    times = _times(ready, ticket)
    best = min(times, key=lambda form: times[form])
    reason = _reason(best, times, without)
    if cache is not None:
        cache.put(name, json.dumps({"form": best, "reason": reason}).encode())
    return Choice(best, reason, ready[best])


def _tried(form: Form, ticket: Opened, exact: bool) -> bool:
    """Whether a form may be chosen: of fp32 alone where `exact`; of int8 only by pictures that the caller gave."""
    return form.tried and (form.exact or not exact) and (ticket.representative is not None or not form.ranged)


def _times(ready: dict[str, Logits], ticket: Opened) -> dict[str, float]:
    """The median seconds of each form for one picture, by turns."""
    image = np.random.default_rng(0).random((1, 3, ticket.size, ticket.size), np.float32)
    times: dict[str, list[float]] = {form: [] for form in ready}
    for number in range(ROUNDS + 1):
        for form, logits in ready.items():
            if sum(times[form]) > LONGEST:
                continue
            start = time.perf_counter()
            logits(image)
            if number:  # the first makes room
                times[form].append(time.perf_counter() - start)
    return {form: statistics.median(found) for form, found in times.items()}


def _reason(best: str, times: dict[str, float], without: dict[str, str]) -> str:
    others = ", ".join(f"{form} {1000 * times[form]:.2f} ms" for form in sorted(times, key=times.__getitem__)[1:])
    told = f"the fastest here: {1000 * times[best]:.2f} ms a picture" + (f" ({others})" if others else "")
    lacking = "; ".join(f"not {form}: {reason}" for form, reason in without.items())
    return f"{told}; {lacking}" if lacking else told


def _kept(cache: Cache | None, name: str) -> tuple[str, str] | None:
    """The form and reason kept under a name."""
    data = None if cache is None else cache.get(name)
    try:
        found = {} if data is None else json.loads(data)
        form, reason = found["form"], found["reason"]
    except (ValueError, KeyError, TypeError):
        return None
    return (form, reason) if isinstance(form, str) and isinstance(reason, str) and form in forms else None


def _name(ticket: Opened, threads: int, exact: bool) -> str:
    processor = target()
    ranged = ticket.representative is not None
    parts = [VERSION, ticket.hash, processor.cpu, processor.features, threads, exact, ranged, forms.names()]
    return f"choice-{hash_json(parts)[:32]}"
