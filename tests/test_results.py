"""docs/results.md and its pictures are what the command writes from the finished runs beside them."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_results_are_what_the_command_writes():
    spec = importlib.util.spec_from_file_location("results", ROOT / "benchmarks" / "results.py")
    results = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(results)
    found = dict(results.written(ROOT / "docs"))
    assert len(found) > 1
    for path, text in found.items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: python benchmarks/results.py"


def test_two_studies_that_disagree_are_not_put_together():
    spec = importlib.util.spec_from_file_location("results", ROOT / "benchmarks" / "results.py")
    results = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(results)
    cell = {"name": "a/x", "dataset": "a", "summary": {"seeds": 3}}
    other = {**cell, "summary": {"seeds": 5}}
    empty = {"transfers": [], "comparisons": []}
    with pytest.raises(SystemExit, match="two studies have another"):
        results.together([{"cells": [cell], **empty}, {"cells": [other], **empty}])
