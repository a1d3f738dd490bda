"""One file per public layout, each registered under the name that `--layout` takes."""

import sys

from clew.base.registry import import_all
from clew.datasets.items import layouts

import_all(sys.modules[__name__])

__all__ = ["layouts"]
