"""What can be wrong with a crop store: one file per check, each registered, all run by `check_store`."""

import sys

from clew.base.registry import import_all
from clew.datasets.checks.base import Finding, Picture, Report, Result, Strip, Subject, Table, checks
from clew.datasets.checks.run import check_store

import_all(sys.modules[__name__])

__all__ = ["Finding", "Picture", "Report", "Result", "Strip", "Subject", "Table", "check_store", "checks"]
