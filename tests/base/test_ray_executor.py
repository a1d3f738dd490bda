"""A real Ray cluster on this machine."""

import os

import pytest

from clew.base.errors import ClewError
from clew.base.jobs import Job, Outcome
from clew.base.ray_executor import RayExecutor

pytest.importorskip("ray", reason="needs Ray: pip install 'clew[ray]'")


def test_jobs_wait_fail_and_die_as_they_do_on_this_machines_cores(tmp_path):
    def note(name, needs, report):
        assert all((tmp_path / other).exists() for other in needs)
        (tmp_path / name).touch()
        return len(needs)

    def fail(report):
        raise ClewError("data.bin is broken")

    def die(report):
        os._exit(1)

    jobs = [
        Job("c", note, ("c", ("a", "b")), ("a", "b")),
        Job("a", note, ("a", ())),
        Job("b", note, ("b", ("a",)), ("a",)),
        Job("bad", fail),
        Job("after", note, ("after", ()), ("bad",)),
        Job("deadly", die),
    ]
    seen, told = {}, []

    def failed(name, why, killed):
        told.append((name, killed))
        return killed  # a file that ends its reader is taken care of

    outcome = RayExecutor(workers=2).run(jobs, "work", done=seen.__setitem__, failed=failed)
    assert seen == {"a": 0, "b": 1, "c": 2}
    assert outcome == Outcome({"bad": "data.bin is broken"}, ["after"])
    assert sorted(told) == [("bad", False), ("deadly", True)]


def test_a_cluster_that_is_not_there_is_a_clear_error():
    with pytest.raises(ClewError, match="no Ray cluster at '127.0.0.1:1'"):
        RayExecutor(address="127.0.0.1:1").run([Job("a", print)], "work")
