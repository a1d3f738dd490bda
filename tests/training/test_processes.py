"""Several processes on one call: no torch here, so that they begin at once."""

import os
import signal
import subprocess
import sys
import time

import pytest

from clew.base.errors import ClewError
from clew.training import processes
from clew.training.processes import together


def nothing(steps, note):
    pass


def talk(here, factor):
    here.report(here.rank, f"from {here.rank} of {here.of}")
    return factor * (here.rank + 1)


def fail(here, how, pids):
    (pids / str(here.rank)).write_text(str(os.getpid()))
    if here.rank == 1:
        if how == "clew":
            raise ClewError("the disk is full.")
        if how == "bug":
            raise ValueError("a bug\nwith more lines")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return lambda: None
    while how != "unfit":  # as in a collective that nobody answers
        time.sleep(0.01)
    return None


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return open(f"/proc/{pid}/stat").read().split()[2] == "Z" if os.path.exists(f"/proc/{pid}/stat") else True


def test_the_first_ones_result_and_what_all_report():
    said = []
    assert together(3, talk, (10,), lambda steps, note: said.append((steps, note))) == 10
    assert sorted(said) == [(rank, f"from {rank} of 3") for rank in range(3)]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("clew", r"^the disk is full\.$"),
        ("bug", r"^process 2 of 2: ValueError: a bug$"),
        ("killed", r"^one of 2 processes was killed: .* Out of memory\?$"),
        ("unfit", r"^process 2 of 2: .*[Pp]ickl"),
    ],
)
def test_one_that_fails_ends_all_and_is_told_in_one_line(how, told, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(ClewError, match=told):
        together(2, fail, (how, tmp_path), nothing)
    assert time.monotonic() - began < 60, "nobody waits for the one that is gone"
    assert all(gone(int(path.read_text())) for path in tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_an_error_in_what_listens_ends_all():
    def listen(steps, note):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(2, talk, (1,), listen)


ORPHANS = """
import os, sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_processes import fail, nothing
from clew.training.processes import together
if __name__ == "__main__":
    together(2, fail, ("none", Path({folder!r})), nothing)
"""


def test_a_killed_parent_leaves_no_process(tmp_path):
    pids = tmp_path / "pids"
    pids.mkdir()
    script = tmp_path / "script.py"
    script.write_text(ORPHANS.format(tests=os.path.dirname(__file__), folder=str(pids)).replace('"none"', '"wait"'))
    parent = subprocess.Popen([sys.executable, str(script)])
    while not (pids / "0").exists() or not (pids / "0").read_text():
        assert parent.poll() is None
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while not gone(int((pids / "0").read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)
