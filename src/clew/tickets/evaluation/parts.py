"""Where a model is good and where it is not: each manipulation method against all reals, each compression alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.tickets.evaluation.bench import Bench, measure
from clew.training.metrics import Array

FIGURES = ("auc", "accuracy")


def parts(pictures: Bench, videos: Bench | None) -> dict[str, list[dict[str, Any]]]:
    """By method, by compression, and by both where there are several of both.

    A method's fakes are held against all the reals; within a compression, against the reals of that compression.
    Each part is {"method","compression","picture","video"}: "" stands for all, "video" is None without videos.
    """
    methods, compressions = _methods(pictures), _several(pictures.compression)
    there = set(zip(pictures.forgery[pictures.labels == 1], pictures.compression[pictures.labels == 1], strict=True))
    both = [(m, c) for c in compressions for m in methods if (m, c) in there] if len(methods) > 1 else []
    return {
        "methods": [_part(pictures, videos, method, "") for method in methods],
        "compressions": [_part(pictures, videos, "", compression) for compression in compressions],
        "methods_by_compression": [_part(pictures, videos, *pair) for pair in both],
    }


def _methods(bench: Bench) -> list[str]:
    return sorted({str(name) for name in bench.forgery[bench.labels == 1]})


def _several(values: Array) -> list[str]:
    """The distinct values in order, none where there is only one: that part is the whole."""
    found = sorted({str(value) for value in values})
    return found if len(found) > 1 else []


def _part(pictures: Bench, videos: Bench | None, method: str, compression: str) -> dict[str, Any]:
    kept = [None if bench is None else bench.only(_rows(bench, method, compression)) for bench in (pictures, videos)]
    found = [None if bench is None or not len(bench.labels) else measure(bench, FIGURES).as_dict() for bench in kept]
    return {"method": method, "compression": compression, "picture": found[0], "video": found[1]}


def _rows(bench: Bench, method: str, compression: str) -> Array:
    kept = np.ones(len(bench.labels), bool)
    if method:
        kept &= (bench.labels == 0) | (bench.forgery == method)
    if compression:
        kept &= bench.compression == compression
    return kept
