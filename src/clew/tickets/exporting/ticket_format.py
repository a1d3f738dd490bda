"""The ticket again, with what its format has gained since it was written: the inference graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clew.base.progress import Progress
from clew.tickets.exporting.base import Export, formats
from clew.tickets.file import write_ticket
from clew.tickets.header import FORMAT
from clew.tickets.ticket import Ticket


@formats.register("ticket")
def export_ticket_file(ticket: Ticket, out: Path, progress: Progress) -> Export:
    """Writes the ticket in the present format, weights and mask bit for bit as they are; needs its graph."""
    graph = ticket.graph().as_dict()
    header = {key: value for key, value in ticket.header.items() if key != "graph_reason"}
    write_ticket(out, replace(ticket.content, header={**header, "graph": graph}))
    nodes, size = len(graph["nodes"]), out.stat().st_size
    return Export(
        {"bytes": size, "version": FORMAT, "nodes": nodes},
        (f"{out}: {size / 1024:.1f} KiB, format {FORMAT}, with an inference graph of {nodes} operations",),
    )
