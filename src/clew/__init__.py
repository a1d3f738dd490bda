"""Clew finds, proves and ships the winning ticket inside a deepfake detector.

The names below load what they need when they are first used: `import clew` is light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from clew.base.version import VERSION

if TYPE_CHECKING:
    from clew.base.errors import ClewError
    from clew.datasets.blending.writing import blend_faces
    from clew.datasets.checks import check_store
    from clew.datasets.cropping import crop_dataset
    from clew.datasets.store import open_store
    from clew.explain.ladder import explain_ladder
    from clew.explain.picture import explain_picture
    from clew.explain.video import explain_video
    from clew.runtime.load import load_runtime
    from clew.scan.api import scan
    from clew.studies.reading import read_study
    from clew.studies.run import run_study
    from clew.tickets.benching import bench_ticket
    from clew.tickets.compare import compare
    from clew.tickets.evaluation import Attack, evaluate, ladder_robustness
    from clew.tickets.exporting import export_ticket
    from clew.tickets.find import find_tickets
    from clew.tickets.importing import import_weights
    from clew.tickets.ladder import open_ladder
    from clew.tickets.latency import bench_ladder
    from clew.tickets.ticket import load_ticket
    from clew.tickets.transfer import transfer_tickets

__version__ = VERSION

_HOMES = {
    "Attack": "clew.tickets.evaluation",
    "ClewError": "clew.base.errors",
    "bench_ladder": "clew.tickets.latency",
    "bench_ticket": "clew.tickets.benching",
    "blend_faces": "clew.datasets.blending.writing",
    "check_store": "clew.datasets.checks",
    "compare": "clew.tickets.compare",
    "crop_dataset": "clew.datasets.cropping",
    "evaluate": "clew.tickets.evaluation",
    "explain_ladder": "clew.explain.ladder",
    "explain_picture": "clew.explain.picture",
    "explain_video": "clew.explain.video",
    "export_ticket": "clew.tickets.exporting",
    "find_tickets": "clew.tickets.find",
    "import_weights": "clew.tickets.importing",
    "ladder_robustness": "clew.tickets.evaluation",
    "load_runtime": "clew.runtime.load",
    "load_ticket": "clew.tickets.ticket",
    "open_ladder": "clew.tickets.ladder",
    "open_store": "clew.datasets.store",
    "read_study": "clew.studies.reading",
    "run_study": "clew.studies.run",
    "scan": "clew.scan",
    "transfer_tickets": "clew.tickets.transfer",
}

__all__ = [
    "Attack",
    "ClewError",
    "bench_ladder",
    "bench_ticket",
    "blend_faces",
    "check_store",
    "compare",
    "crop_dataset",
    "evaluate",
    "explain_ladder",
    "explain_picture",
    "explain_video",
    "export_ticket",
    "find_tickets",
    "import_weights",
    "ladder_robustness",
    "load_runtime",
    "load_ticket",
    "open_ladder",
    "open_store",
    "read_study",
    "run_study",
    "scan",
    "transfer_tickets",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'clew' has no attribute '{name}'")
    home = importlib.import_module(_HOMES[name])
    return home if home.__name__ == f"clew.{name}" else getattr(home, name)
