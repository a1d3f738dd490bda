"""`clew data check`: what it prints, what it writes, and its exit code."""

import json
from pathlib import Path

import pytest
import typer
from planted import find, jpeg, plain, write_store
from typer.testing import CliRunner

from clew.base.errors import ClewError
from clew.cli import data_check

app = typer.Typer()
app.command("check", epilog=data_check.EXAMPLE)(data_check.check)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def clean(tmp_path):
    return write_store(tmp_path / "clean", *plain())


@pytest.fixture
def faulty(tmp_path):
    crops, rows = plain()
    crops[find(rows, "test", 0)] = jpeg(crops[find(rows, "train", 0)], 70)
    return write_store(tmp_path / "faulty", crops, rows)


@pytest.fixture
def doubtful(tmp_path):
    crops, rows = plain()
    rows[find(rows, "test", 0)]["groups"] = rows[find(rows, "train", 0)]["groups"]
    return write_store(tmp_path / "doubtful", crops, rows, official=True)


def test_clean(clean):
    done = run(clean, "--strict")
    assert done.exit_code == 0
    assert "no faults, no warnings" in done.output
    assert (clean.parent / "clean-check.html").exists()
    assert {path.name for path in clean.iterdir()} == {"store.json", "index.parquet", "crops-00000.npy"}, "untouched"


def test_a_fault_fails(faulty, tmp_path):
    done = run(faulty, "--html", tmp_path / "pages" / "page.html")
    assert done.exit_code == 1
    assert "FAULT    1 of 44 test pictures" in done.output
    assert "1 fault, no warnings" in done.output
    assert "in two splits is a" not in done.output
    assert (tmp_path / "pages" / "page.html").exists()
    assert not (tmp_path / "faulty-check.html").exists()


def test_a_warning_fails_only_when_strict(doubtful):
    plainly, strictly = run(doubtful), run(doubtful, "--strict")
    assert (plainly.exit_code, strictly.exit_code) == (0, 1)
    assert "WARNING  1 identity stands in more than one split" in plainly.output


def test_json_says_everything(faulty):
    done = run(faulty, "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert (said["faults"], said["warnings"], said["passed"], said["strict"]) == (1, 0, False, False)
    assert [check["name"] for check in said["checks"]] == [
        "leaks",
        "duplicates",
        "shortcuts",
        "balance",
        "drops",
        "sheet",
    ]
    assert [check["severity"] for check in said["checks"]] == ["ok", "fault", "ok", "ok", "ok", "ok"]
    pair = said["checks"][1]["numbers"]["splits"]["pairs"][0]
    assert pair["samples"] == ["train/real/000.jpg", "test/real/000.jpg"]
    assert said["checks"][1]["findings"][0]["samples"] == [pair["samples"]]
    assert Path(said["page"]).exists()


def test_no_store_is_one_clear_error(tmp_path):
    done = run(tmp_path / "none")
    assert isinstance(done.exception, ClewError)
    assert "is not a crop store" in str(done.exception)
    assert list(tmp_path.iterdir()) == []
