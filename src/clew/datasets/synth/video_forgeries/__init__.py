"""The forgeries of videos, one file each; importing this package registers them."""

import sys

from clew.base.registry import import_all

import_all(sys.modules[__name__])
