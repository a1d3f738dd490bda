"""The ticket with its surviving weights rounded to 16 bits: about a third smaller, all else as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from clew.base.errors import ClewError
from clew.base.progress import Progress
from clew.tickets.exporting.base import Export, formats
from clew.tickets.exporting.comparing import logit_error, seeded_pictures
from clew.tickets.file import TicketFile, write_ticket
from clew.tickets.header import FORMAT
from clew.tickets.ticket import Ticket
from clew.tickets.tracing import graph_facts

PICTURES = 4
NOT_MEASURED = "its figures and calibration are those from before rounding: 'clew evaluate --verify' measures again"


@formats.register("ticket-fp16")
def export_ticket_fp16(ticket: Ticket, out: Path, progress: Progress) -> Export:
    """Writes the ticket with float16 values; raises ClewError when a weight is too large for them, or no number."""
    with progress.task("exporting", 2) as task:
        task.advance(note="rounding")
        half = Ticket(rounded(_with_graph(ticket), ticket.where), ticket.where)
        task.advance(note="comparing with the ticket")
        images = seeded_pictures(ticket.config.input_size, PICTURES).transpose(0, 2, 3, 1)
        error = logit_error(half.logits(images), ticket.logits(images))
    if not np.isfinite(error):
        raise ClewError(f"{ticket.where}: its logits are no finite numbers: there is nothing to compare with.")
    write_ticket(out, half.content)
    return _told(ticket, half, out, error)


def _with_graph(ticket: Ticket) -> TicketFile:
    """The content of a ticket, with a graph where format 1 had none and its network can have one."""
    if ticket.header.get("graph") is not None:
        return ticket.content
    kept = {key: value for key, value in ticket.header.items() if key != "graph_reason"}
    return replace(ticket.content, header={**kept, **graph_facts(ticket.config)})


def rounded(content: TicketFile, where: str) -> TicketFile:
    """A ticket with its surviving weights as float16 has them; one that becomes zero stays in the mask.

    Raises ClewError for a weight beyond float16, which would become infinite, and for one that is no number.
    """
    values = {}
    with np.errstate(over="ignore"):
        for name, value in content.values.items():
            values[name] = value.astype(np.float16).astype(np.float32)
            if not np.isfinite(values[name]).all():
                worst = value[~np.isfinite(values[name])][0]
                raise ClewError(
                    f"{where}: '{name}' holds a weight of {worst:g}, and float16 ends at "
                    f"{np.finfo(np.float16).max:g}: keep the ticket in fp32."
                )
    return replace(content, header={**content.header, "values": "fp16"}, values=values)


def _told(ticket: Ticket, half: Ticket, out: Path, error: float) -> Export:
    size, lost = out.stat().st_size, _lost(ticket.content, half.content)
    note = NOT_MEASURED if ticket.header["metrics"] else ""
    facts = {"bytes": size, "version": FORMAT, "values": "fp16", "largest_logit_error": error, "pictures": PICTURES}
    return Export(
        {**facts, "rounded_to_zero": lost, "note": note},
        (
            f"{out}: {size / 1024:.1f} KiB, format {FORMAT}, surviving weights in fp16",
            f"  compared with the ticket on {PICTURES} pictures: largest difference of a logit {error:.2g}; "
            f"{lost:,} of its weights became zero",
            *([f"  {note}"] if note else []),
        ),
    )


def _lost(before: TicketFile, after: TicketFile) -> int:
    return sum(
        int(np.count_nonzero(value) - np.count_nonzero(after.values[name])) for name, value in before.values.items()
    )
