"""`clew data synth` from the outside."""

import json
import re

from typer.testing import CliRunner

from clew.cli.data_synth import EXAMPLE
from clew.cli.main import app
from clew.datasets.synth.choose import known_layouts
from clew.datasets.synth.truth import read_truth


def synth(*words):
    return CliRunner().invoke(app, ["data", "synth", *map(str, words)], env={"COLUMNS": "300", "TERM": "dumb"})


def test_help_names_every_layout():
    shown = synth("--help").output
    assert all(name in shown for name in known_layouts())
    assert re.search(r"--layout (\S+)", EXAMPLE)[1] in known_layouts()


def test_the_summary_counts_what_is_there(tmp_path):
    done = synth(tmp_path / "o", "--layout", "openforensics", "--videos", 8, "--size", 160, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    rows = read_truth(tmp_path / "o")
    assert summary["samples"] == len(rows) == sum(sum(part.values()) for part in summary["splits"].values())
    assert summary["methods"] == {name: sum(r.method == name for r in rows) for name in ("real", "fake")}
    assert len({row.path for row in rows}) == summary["videos"] == 8


def test_pictures_are_still_counted_in_people(tmp_path):
    done = synth(tmp_path / "o", "--layout", "folder", "--people", 3, "--per-person", 2, "--size", 64, "--json")
    assert json.loads(done.stdout)["pictures"] == 6
