"""How masks are found: one file per method, registered under the name that `--method` takes."""

import sys

from clew.base.registry import import_all
from clew.tickets.methods.base import Method, methods

import_all(sys.modules[__name__])

__all__ = ["Method", "methods"]
