"""Many files: their findings in order, kept, and gone on with after a kill."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clew.base.errors import ClewError
from clew.reports.scan_files import tabled
from clew.reports.scan_paged import paged
from clew.scan import csv_table, order
from clew.scan.finding import REASONS, Finding
from clew.scan.inputs import Entry, Inputs
from clew.scan.many import scan_many, shares
from clew.scan.settings import ScanSettings
from clew.scan.standard_input import StandardInput
from clew.scan.summary import Summary
from clew.scan.told import ProgressSender
from told_files import finding_of, told, write

# As a user's command, so that it can be killed as one.
SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
from clew.scan.inputs import Inputs
from clew.scan.many import scan_many
from told_files import told
folder = Path(sys.argv[2])
for finding in scan_many(Inputs([str(folder / "files")]), told(folder / "log"), workers=1, journal=folder / "found"):
    pass
"""


def test_a_killed_scan_goes_on_and_repeats_nothing_finished(tmp_path):
    files = write(tmp_path / "files", **{f"f{number:02}": "slow" for number in range(24)}, g_h="fake", z="broken")
    line = [sys.executable, "-c", SCRIPT, os.pathsep.join(filter(None, sys.path)), str(tmp_path)]
    first = subprocess.Popen(line)
    journal = tmp_path / "found"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not journal.exists() or len(journal.read_bytes().splitlines()) < 5):
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait(30) == -signal.SIGKILL
    kept = len(journal.read_bytes().splitlines()) - 1
    assert 4 <= kept < 24, "it was killed on its way"
    (files / "f00.jpg").write_text("uncertain now")
    (tmp_path / "log").unlink()

    found = list(scan_many(Inputs([str(files)]), told(tmp_path / "log"), workers=1, journal=journal))
    assert found == [finding_of(entry, entry.path.read_bytes()) for entry in Inputs([str(files)])]
    read = (tmp_path / "log").read_text().split()
    assert read[0] == "f00.jpg"  # it has changed
    assert read[1:] == sorted(read[1:])
    assert 26 - kept <= len(read) <= 26 - kept + 1
    (tmp_path / "log").unlink()
    assert list(scan_many(Inputs([str(files)]), told(tmp_path / "log"), journal=journal)) == found
    assert not (tmp_path / "log").exists()  # no process had to begin


def test_settings_of_another_scan_are_refused_before_any_work(tmp_path):
    files = write(tmp_path / "files", a="real", b="real")
    list(scan_many(Inputs([str(files)]), told(tmp_path / "log"), workers=1, journal=tmp_path / "found"))
    (tmp_path / "log").unlink()
    with pytest.raises(ClewError, match="its frames is 0, asked for is 7"):
        list(scan_many(Inputs([str(files)]), told(tmp_path / "log", frames="7"), journal=tmp_path / "found"))
    assert not (tmp_path / "log").exists()


def test_errors_come_before_the_first_finding(tmp_path):
    files = write(tmp_path / "files", a="real")
    with pytest.raises(ClewError, match="unknown engine 'rays'.*Did you mean 'ray'.*Known: local, ray"):
        scan_many(Inputs([str(files)]), told(tmp_path / "log"), engine="rays")
    with pytest.raises(ClewError, match="standard input is not seen by the machines of a cluster"):
        scan_many(Inputs(["-"], StandardInput(files / "a.jpg", True)), told(tmp_path / "log"), engine="ray")


@pytest.mark.parametrize(
    ("cores", "files", "threads", "expected"),
    [(8, 1, 0, (1, 8)), (8, 3, 0, (3, 2)), (2, 100, 0, (2, 1)), (4, 100, 3, (4, 3)), (1, 1, 0, (1, 1))],
)
def test_what_files_leave_free_goes_into_each(cores, files, threads, expected):
    assert shares(cores, files, threads) == expected


def test_what_changes_a_finding_is_described(tmp_path):
    model = tmp_path / "model"
    model.write_bytes(b"one")
    one = replace(told(tmp_path), settings=ScanSettings("yunet", model, 5, "sparse", threads=3))
    before = one.described()
    assert before == one.with_threads(1).described()
    model.write_bytes(b"two")
    assert {key for key in before if one.described()[key] != before[key]} == {"model"}


def test_a_lost_file_has_its_finding():
    found = order.unreadable(Entry(Path("a\n.jpg"), "a\n.jpg"), "it hung", {"hash": "ab"})
    assert (found.path, found.reason, found.verdict, found.readable) == (
        "a\\n.jpg",
        "unreadable",
        "inconclusive",
        False,
    )
    assert found.text == "a\\n.jpg: inconclusive, the file cannot be read: it hung."


def test_standard_input_goes_by_its_name():
    path = "/tmp/clew-1/standard-input"
    found = Finding(path, "picture", "real", 0.1, "", "standard-input: real.", command=f"clew scan {path} --form onnx")
    named = order.named(found, Entry(Path(path), "-"))
    assert (named.path, named.command) == ("-", "clew scan - --form onnx")


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (["real", "real"], 0),
        (["real", "fake", "uncertain"], 3),
        (["real", "uncertain"], 4),
        (["fake", "broken", "uncertain"], 5),
    ],
)
def test_the_exit_code_tells_the_worst(texts, code):
    summary = Summary()
    for text in texts:
        summary.add(finding_of(Entry(Path("a"), "a"), text.encode()))
    assert summary.exit_code == code
    assert summary.as_dict()["files"] == len(texts)


def test_cells_are_no_formulas(tmp_path):
    names = ["=1+1.jpg", "+a", "-a", "@a", "\ta", "\ra", "a=1", 'q",\n.jpg', "\udcff.jpg"]
    with csv_table.csv_table(tmp_path / "t.csv") as add:
        for name in names:
            add(finding_of(Entry(Path(name), name), b"real"))
        assert not (tmp_path / "t.csv").exists()
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [
        *(f"'{name}" for name in names[:6]),
        "a=1",
        'q",\n.jpg',
        "\\udcff.jpg",
    ]
    assert rows[0]["probability"] == "0.25"
    assert tuple(rows[0]) == csv_table.COLUMNS


def test_a_table_that_is_not_finished_is_not_there(tmp_path):
    def stopped():
        yield finding_of(Entry(Path("a"), "a"), b"real")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(tabled(stopped(), tmp_path / "t.csv"))
    assert list(tmp_path.iterdir()) == []


def test_damaged_evidence_costs_its_pictures_alone(tmp_path):
    finding, said = finding_of(Entry(Path("a"), "a"), b"real"), []
    order.evidence_path(tmp_path, finding).write_bytes(b"no zip")
    assert list(paged([finding], tmp_path / "page.html", tmp_path, ProgressSender(said.append))) == [finding]
    assert "a: real" in (tmp_path / "page.html").read_text()
    assert any(kind == "say" and text.endswith("Its pictures are left out.") for kind, text in said)


def test_the_guide_tells_every_reason_column_and_exit_code():
    guide = (Path(__file__).resolve().parents[2] / "docs/scan.md").read_text()
    assert all(f"| `{name}` | {text} |" in guide for name, text in REASONS.items())
    assert all(f"`{column}`" in guide for column in csv_table.COLUMNS)
    assert all(f"| {code} | " in guide for code in (0, 3, 4, 5, 130))
