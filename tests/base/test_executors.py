import os
import signal
import subprocess
import sys
import time

import pytest

from clew.base.errors import ClewError
from clew.base.executors import Job, LocalExecutor, chain_weights


def add(folder, name, needs, report):
    for other in needs:
        assert (folder / other).exists(), f"{name} began before {other} was done"
    (folder / name).touch()
    report(1, "")
    return len(needs)


def fail(report):
    raise ClewError("data.bin is broken")


def die(report):
    os.kill(os.getpid(), signal.SIGKILL)


class Recorder:
    def __init__(self):
        self.steps = 0.0
        self.total = None

    def say(self, text):
        pass

    def task(self, description, total):
        self.total = total
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def advance(self, steps=1, note=None):
        self.steps += steps


def test_jobs_wait_for_what_they_need_and_progress_adds_up(tmp_path):
    jobs = [
        Job("c", add, (tmp_path, "c", ("a", "b")), ("a", "b"), 3),
        Job("a", add, (tmp_path, "a", ()), (), 2),
        Job("b", add, (tmp_path, "b", ("a",)), ("a",), 5),
    ]
    seen, recorder = [], Recorder()
    outcome = LocalExecutor(2).run(jobs, "work", recorder, lambda name, result: seen.append((name, result)))
    assert outcome.results == {"a": 0, "b": 1, "c": 2}
    assert seen == [("a", 0), ("b", 1), ("c", 2)]
    assert recorder.total == recorder.steps == 10


def test_a_failing_job_stops_only_what_needs_it(tmp_path):
    jobs = [
        Job("bad", fail),
        Job("after", add, (tmp_path, "after", ()), ("bad",)),
        Job("later", add, (tmp_path, "later", ()), ("after",)),
        Job("good", add, (tmp_path, "good", ())),
    ]
    outcome = LocalExecutor(1).run(jobs, "work")
    assert outcome.errors == {"bad": "data.bin is broken"}
    assert outcome.skipped == ["after", "later"]
    assert outcome.results == {"good": 0}


def test_a_killed_worker_is_a_clear_error():
    with pytest.raises(ClewError, match="a worker process was killed"):
        LocalExecutor(1).run([Job("die", die)], "work")


def test_the_longest_chain_weighs_most_and_circles_are_refused():
    jobs = [
        Job("a", fail, size=1),
        Job("b", fail, (), ("a",), 2),
        Job("c", fail, (), ("b",), 4),
        Job("d", fail, size=5),
    ]
    assert chain_weights(jobs) == {"c": 4, "b": 6, "a": 7, "d": 5}
    with pytest.raises(ClewError, match="circle"):
        chain_weights([Job("a", fail, (), ("b",)), Job("b", fail, (), ("a",))])


SLEEPER = """
import sys, time
from pathlib import Path
from clew.base.executors import Job, LocalExecutor
def sleep(path, report):
    Path(path).write_text(str(__import__("os").getpid()))
    time.sleep(60)
if __name__ == "__main__":
    LocalExecutor(1).run([Job("sleep", sleep, (sys.argv[1],))], "work")
"""


def test_workers_end_with_a_killed_parent(tmp_path):
    script, note = tmp_path / "sleeper.py", tmp_path / "pid"
    script.write_text(SLEEPER)
    parent = subprocess.Popen([sys.executable, str(script), str(note)])
    deadline = time.monotonic() + 30
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    worker = int(note.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(worker), "the worker outlived its parent"


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
