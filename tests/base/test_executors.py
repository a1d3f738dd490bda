import os
import signal
import subprocess
import sys
import time

import pytest

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor
from clew.base.jobs import Agenda, Job, Outcome, chain_weights
from command_line import heed_ctrl_c


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
    assert outcome == Outcome()
    assert seen == [("a", 0), ("b", 1), ("c", 2)]
    assert recorder.total == recorder.steps == 10


def test_a_failing_job_stops_only_what_needs_it(tmp_path):
    jobs = [
        Job("bad", fail),
        Job("after", add, (tmp_path, "after", ()), ("bad",)),
        Job("later", add, (tmp_path, "later", ()), ("after",)),
        Job("good", add, (tmp_path, "good", ())),
    ]
    seen = []
    outcome = LocalExecutor(1).run(jobs, "work", done=lambda name, result: seen.append(name))
    assert outcome.errors == {"bad": "data.bin is broken"}
    assert outcome.skipped == ["after", "later"]
    assert seen == ["good"]


def test_a_job_that_kills_its_process_is_found_and_the_others_are_done(tmp_path):
    jobs = [Job(name, add, (tmp_path, name, ())) for name in "abcd"]
    jobs.insert(1, Job("deadly", die))
    jobs.append(Job("after", add, (tmp_path, "after", ()), ("deadly",)))
    seen, killed = [], []
    outcome = LocalExecutor(3).run(jobs, "work", done=lambda name, result: seen.append(name))
    assert list(outcome.errors) == ["deadly"]
    assert "a worker process was killed" in outcome.errors["deadly"]
    assert (sorted(seen), outcome.skipped) == (list("abcd"), ["after"])

    def cared_for(name, why, was_killed):
        killed.append((name, was_killed))
        return True

    seen.clear()
    outcome = LocalExecutor(3).run(jobs, "work", done=lambda name, result: seen.append(name), failed=cared_for)
    assert (outcome, killed) == (Outcome(), [("deadly", True)])
    assert sorted(seen) == ["a", "after", *"bcd"]


UNGUARDED = """
from clew.base.executors import LocalExecutor
from clew.base.hashing import stable_seed
from clew.base.jobs import Job
print("once")
print(LocalExecutor(2).run([Job("exists", __import__("os.path").path.exists, (1,)), Job("b", stable_seed, ("b",))], "work").errors)
"""


def test_a_script_needs_no_guard_around_a_call_that_works_in_processes(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=60)
    assert done.stdout.count("once") == 1, done.stderr
    assert "TypeError" in done.stdout  # the jobs were called (with one argument too many), in processes of their own


def test_agenda_is_quick_for_many_jobs():
    jobs = [Job(str(n), add) for n in range(100_000)]
    agenda = Agenda(jobs)
    order = []
    while (job := agenda.take()) is not None:
        order.append(job.name)
        agenda.finished(job.name)
    assert order == [job.name for job in jobs]


def test_a_killed_worker_is_a_clear_error_of_its_job():
    outcome = LocalExecutor(1).run([Job("die", die)], "work")
    assert list(outcome.errors) == ["die"]
    assert "a worker process was killed" in outcome.errors["die"]


def test_a_deadly_job_that_comes_first_ends_nothing_else(tmp_path):
    jobs = [Job("deadly", die), Job("deadly too", die), *(Job(name, add, (tmp_path, name, ())) for name in "abc")]
    seen = []
    outcome = LocalExecutor(2).run(jobs, "work", done=lambda name, result: seen.append(name))
    assert (sorted(outcome.errors), sorted(seen)) == (["deadly", "deadly too"], ["a", "b", "c"])


UNIMPORTABLE = """
from clew.base.executors import LocalExecutor
from clew.base.jobs import Job
def work(report):
    pass
LocalExecutor(1).run([Job("a", work)], "work")
"""


def test_processes_that_cannot_start_are_one_clear_error(tmp_path):
    """A function of the script itself needs the script again, which starts processes while it is imported."""
    (tmp_path / "script.py").write_text(UNIMPORTABLE)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "a worker process was killed" in done.stderr


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
from clew.base.executors import LocalExecutor
from clew.base.jobs import Job
def sleep(path, report):
    Path(path).write_text(str(__import__("os").getpid()))
    time.sleep(600)
if __name__ == "__main__":
    LocalExecutor(1).run([Job("sleep", sleep, (sys.argv[1],))], "work")
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_a_parent_that_alone_is_stopped(end, tmp_path):
    script, note = tmp_path / "sleeper.py", tmp_path / "pid"
    script.write_text(SLEEPER)
    parent = subprocess.Popen([sys.executable, str(script), str(note)], preexec_fn=heed_ctrl_c)
    deadline = time.monotonic() + 120
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    worker = int(note.read_text())
    parent.send_signal(end)
    assert parent.wait(60) == -end
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(worker), "the worker outlived its parent"


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
