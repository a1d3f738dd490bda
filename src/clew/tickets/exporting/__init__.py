"""Tickets for other programs: one file per format, each registered under the name that `--format` takes."""

import sys

from clew.base.registry import import_all
from clew.tickets.exporting.base import export_ticket, formats

import_all(sys.modules[__name__])

__all__ = ["export_ticket", "formats"]
