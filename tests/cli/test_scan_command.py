"""`clew scan` as a user meets it; files say what is found in them."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from clew.cli.console import heeding_sigterm
from clew.scan import order
from command_line import ended, heed_ctrl_c, refused
from told_files import told, write


@pytest.fixture(autouse=True)
def _told(tmp_path, monkeypatch):
    monkeypatch.setattr(order, "order", lambda ticket, settings: told(tmp_path / "log"))
    monkeypatch.chdir(tmp_path)


def test_a_folder_of_everything(tmp_path):
    write(tmp_path / "in", a="real", b="fake", c="uncertain", d="broken", e="bug", f_g="real")
    (tmp_path / "in/notes.txt").write_text("real")
    found = ended("scan", "in", "--csv", "t.csv", "--workers", 1)
    assert found.code == 5
    lines = found.out.splitlines()
    assert [line.split()[0] for line in lines[1:7]] == [
        "real",
        "fake",
        "inconclusive",
        "unreadable",
        "unreadable",
        "real",
    ]
    assert lines[6].endswith("in/f/g.jpg")
    assert "KeyError" in lines[5]
    assert lines[7] == "6 files: 1 fake, 1 inconclusive, 2 real, 2 unreadable"
    assert lines[8] == "skipped: 1 file that is no picture or video by name"
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [row["path"] for row in rows] == [line.split()[3] for line in lines[1:4]] + [
        "in/d.jpg",
        "in/e.jpg",
        "in/f/g.jpg",
    ]


def test_json_of_many_and_of_one(tmp_path):
    write(tmp_path / "in", a="real", b="uncertain")
    many = ended("scan", "in/*.jpg", "--json", "--workers", 1)
    value = json.loads(many.out)
    assert [one["path"] for one in value["findings"]] == ["in/a.jpg", "in/b.jpg"]
    assert value["summary"]["exit_code"] == many.code == 4
    assert value["summary"]["reasons"] == {"uncertain": 1}
    one = ended("scan", "in/a.jpg", "--json")
    assert one.code == 0
    assert json.loads(one.out) == value["findings"][0]


def test_a_single_file_is_told_in_full(tmp_path):
    write(tmp_path / "in", a="fake")
    found = ended("scan", "in/a.jpg")
    assert found.code == 3
    assert "in/a.jpg: fake." in found.out
    assert "person 1: fake, probability of fake 0.25" in found.out
    assert "file SHA-256" in found.out


def test_standard_input(tmp_path, monkeypatch):
    write(tmp_path / "in", a="real", b="fake")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"in/b.jpg\nin/a.jpg\n")))
    listed = ended("scan", "-", "--json", "--workers", 1)
    assert [one["path"] for one in json.loads(listed.out)["findings"]] == ["in/b.jpg", "in/a.jpg"]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"real \x01")))
    assert json.loads(ended("scan", "-", "--json").out)["path"] == "-"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["q*"], r"q*: nothing matches"),
        (["empty", "--json"], "empty: no picture or video there"),
        (["a.jpg", "--engine", "cloud"], "unknown engine 'cloud'. Known: local, ray"),
        (["a.jpg", "--faces", "eyes"], "--faces eyes"),
        (["a.jpg", "--heatmaps", "xray"], "unknown kind of heatmaps 'xray'. Known: grad-cam, none, occlusion"),
        (["a.jpg", "--csv", "empty"], "empty is a folder"),
        (["a.jpg", "--csv", "x", "--findings", "x"], "x is given for two files"),
        (["-", "-"], "give it once"),
    ],
)
def test_bad_input_is_one_clear_error(words, why, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.jpg").write_text("real")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a.jpg")))
    assert why in refused("scan", *words)
    assert not (tmp_path / "log").exists()


def test_sigterm_ends_a_scan_as_an_error_would():
    before, tidied = signal.getsignal(signal.SIGTERM), []
    with pytest.raises(SystemExit) as ending, heeding_sigterm():  # noqa: PT012
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            tidied.append(True)
    assert (ending.value.code, tidied, signal.getsignal(signal.SIGTERM)) == (143, [True], before)


# Begun as a user's command; what it scans with is put in its place.
SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
from clew.cli.console import heeding_sigterm
from clew.scan import order
from told_files import told
order.order = lambda ticket, settings: told(Path("log"))
sys.argv = ["clew", *sys.argv[2:]]
from clew.cli.main import run
run()
"""


def test_ctrl_c_keeps_the_findings_and_leaves_no_half_table(tmp_path):
    write(tmp_path / "in", **{f"f{number:02}": "slow" for number in range(60)})
    words = ["scan", "in", "--workers", "1", "--findings", "found.jsonl", "--csv", "t.csv"]
    line = [sys.executable, "-c", SCRIPT, os.pathsep.join(filter(None, sys.path)), *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(line, **pipes, start_new_session=True, preexec_fn=heed_ctrl_c, cwd=tmp_path)
    journal, deadline = tmp_path / "found.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline and (not journal.exists() or len(journal.read_bytes().splitlines()) < 4):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    assert journal.read_bytes().endswith(b"\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.jsonl", "in", "log"]
