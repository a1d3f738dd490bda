"""The layouts that videos can be written in, one file each; importing this package registers them."""

import sys

from clew.base.registry import import_all

import_all(sys.modules[__name__])
