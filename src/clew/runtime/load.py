"""A ticket made ready to run fast: `load_runtime`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.crops import as_crops, check_crops
from clew.base.errors import ClewError
from clew.base.packaged import packaged_ticket
from clew.base.registry import import_all
from clew.runtime import running
from clew.runtime.cache import Cache, usual_folder
from clew.runtime.choosing import chosen
from clew.runtime.forms import Logits, Unavailable, forms
from clew.runtime.opened import Opened, opened
from clew.runtime.representative import as_network

AUTO = "auto"
BATCH = 32  # pictures that are resized at a time


@dataclass(frozen=True)
class Runtime:
    """A ticket in one of its forms, which predicts as the ticket does; not for two callers at a time.

    `form` its name; `reason` why it is this one; `threads` how many it runs on.
    """

    ticket: Opened
    form: str
    reason: str
    threads: int
    _logits: Logits = field(repr=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """What the K outputs stand for: real first."""
        return self.ticket.classes

    @property
    def input_size(self) -> int:
        """Height and width of its network's pictures, in pixels."""
        return self.ticket.size

    def logits(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Logits (B, K) of RGB crops (B, H, W, 3), uint8 or float in [0, 1], at any size; else raises ClewError."""
        images = np.asarray(images)
        check_crops(images)
        found = np.empty((len(images), len(self.classes)), np.float32)
        for start in range(0, len(images), BATCH):
            part = slice(start, start + BATCH)
            found[part] = self.raw(as_crops(images[part], self.input_size).transpose(0, 3, 1, 2))
        return found

    def raw(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (B, K) of images (B, 3, H, W) of the network's size, float32 in [0, 1]."""
        return self._logits(np.ascontiguousarray(images, np.float32))

    def probabilities(self, images: NDArray[Any], calibrated: bool = False) -> NDArray[np.float64]:
        """Probability (B, K) of each of `classes` for crops as `logits` takes them.

        `calibrated` divides the logits by the ticket's temperature; raises ClewError when it has none.
        """
        logits = self.logits(images).astype(np.float64)
        if calibrated:
            if self.ticket.temperature is None:
                raise ClewError(f"{self.ticket.path} carries no calibration.")
            logits = logits / self.ticket.temperature
        odds = np.exp(logits - logits.max(1, keepdims=True, initial=-np.inf))
        return np.asarray(odds / odds.sum(1, keepdims=True))

    def predict(self, images: NDArray[Any], calibrated: bool = False) -> NDArray[np.float64]:
        """Probability of fake (B,), float64, for crops as `logits` takes them."""
        return np.asarray(self.probabilities(images, calibrated)[:, 1:].sum(1))


def load_runtime(
    ticket: Path | str | None = None,
    form: str = AUTO,
    threads: int = 0,
    exact: bool = True,
    cache: Path | str | None = "",
    representative: NDArray[Any] | None = None,
) -> Runtime:
    """A ticket (None: the packaged one) ready to run, without torch in all forms but those named for it.

    `form` one of `clew.runtime.forms`, or auto: each that runs here is tried once on this processor, and the fastest is
    kept in mind. `threads` 0: as many as there are cores. `exact`: auto tries forms of fp32 alone, else those of less
    precision too. `cache` the folder where work is kept (empty: the usual one, None: nowhere). `representative`: RGB
    crops (N, H, W, 3) of the kind that it will see, from which forms of int8 take their ranges; without them auto tries
    none of int8. Raises ClewError for a ticket that cannot be read or run.
    """
    known_forms()
    source = opened(packaged_ticket() if ticket is None else ticket)
    if representative is not None:
        source = replace(source, representative=as_network(representative, source.size))
    count = threads or cores()
    if count < 1:
        raise ClewError(f"threads {threads}: expected 1 or more, or 0 for all cores.")
    kept = None if cache is None else Cache(Path(cache) if cache else usual_folder())
    if form == AUTO:
        choice = chosen(source, count, exact, kept)
        return Runtime(source, choice.form, choice.reason, count, choice.logits)
    found = forms.get(form)
    try:
        return Runtime(source, form, "asked for", count, found.make(source, count, kept))
    except Unavailable as error:
        why = f"{source.path} cannot run in the form '{form}': {error}."
        raise ClewError(f"{why} Another may: 'auto' takes the fastest that can.") from None


def known_forms() -> list[str]:
    """The names of all forms."""
    import_all(running)
    return forms.names()


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
