"""Where work runs: the names that `--engine` takes."""

from __future__ import annotations

from clew.base.errors import unknown_name
from clew.base.executors import LocalExecutor
from clew.base.jobs import Executor
from clew.base.ray_executor import RayExecutor

ENGINES = {"local": LocalExecutor, "ray": RayExecutor}


def engine(name: str, workers: int = 0) -> Executor:
    """The executor called `name`; `workers` 0: one per core. Raises ClewError that lists the known names."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    return ENGINES[name](workers=workers)
