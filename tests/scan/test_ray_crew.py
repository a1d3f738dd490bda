"""A scan on a real Ray cluster."""

import os
import sys

import pytest

from clew.scan.inputs import Inputs
from clew.scan.many import scan_many
from told_files import finding_of, told, write

pytest.importorskip("ray", reason="needs Ray: pip install 'clew[ray]'")


def test_a_cluster_finds_the_same_in_the_same_order(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))  # its processes know what is told here
    names = {f"f{number:02}": "real" for number in range(11)}
    files = write(tmp_path / "files", **names, b="fake", c="die", d="hang", e="slow", x="broken")
    inputs, wanted = Inputs([str(files)]), told(tmp_path / "log")
    found = list(scan_many(inputs, wanted, engine="ray", workers=2, seconds=2.0, journal=tmp_path / "found"))
    for finding, entry in zip(found, inputs, strict=True):
        if entry.path.stem in ("c", "d"):
            assert finding.reason == "unreadable"
            assert ("SIGSEGV" if entry.path.stem == "c" else "longer than 2 seconds") in finding.text
        else:
            assert finding == finding_of(entry, entry.path.read_bytes())
    assert list(scan_many(inputs, wanted, workers=1, seconds=0.5, journal=tmp_path / "found", limit=1)) == found[:1]
