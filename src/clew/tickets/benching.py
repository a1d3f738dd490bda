"""`clew bench` on one ticket: its forms against PyTorch where that is installed, against plain numpy where not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress
from clew.runtime.bench import Asked, measure
from clew.runtime.cache import Cache, usual_folder
from clew.runtime.checking import Reference
from clew.runtime.machine import machine
from clew.runtime.opened import Opened, opened
from clew.runtime.reference import run_reference

if TYPE_CHECKING:
    from clew.tickets.form_scores import ScoredOn

FORMAT = 1


def bench_ticket(
    ticket: Path | str,
    asked: Asked | None = None,
    fresh: bool = True,
    progress: Progress = SILENT,
    on: ScoredOn | None = None,
) -> dict[str, Any]:
    """Measures a ticket in all its forms: the result of `clew.runtime.bench.measure`, with the machine.

    `asked` None: single pictures on one thread. `fresh` False leaves out loading and memory, which take two new
    processes for each form. `on` (of `clew.tickets.form_scores.scored_on`) adds "scores", what each form's AUC is on a
    store, else null. Raises ClewError for a ticket that cannot be read or runs in no form.
    """
    source, asked, cache = opened(ticket), asked or Asked(), Cache(usual_folder())
    scores = None
    if on is not None:
        from clew.tickets.form_scores import form_scores

        source = on.prepared(source)
        scores = form_scores(source, asked.names, on, max(asked.threads), cache, progress)
    found = measure(source, asked, reference_of(source), cache, fresh, progress)
    return {"format": FORMAT, "machine": machine(), "asked": asked.as_dict(), **found, "scores": scores}


def reference_of(ticket: Opened) -> Reference:
    """What a ticket's logits are compared with: its network in PyTorch, or its graph in numpy; slow but right."""
    try:
        from clew.tickets.ticket import load_ticket

        module = load_ticket(ticket.path).detector()
    except (ModuleNotFoundError, ClewError):  # no PyTorch, or a network whose class is not at hand
        return "numpy, fp64", partial(run_reference, ticket.graph, ticket.tensors)

    import torch

    def logits(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(images)).numpy())

    return "PyTorch, fp32", logits
