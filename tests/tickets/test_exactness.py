"""A search killed at any moment and started again leaves the same bytes as one left alone."""

import random
import shutil
import signal
import subprocess
import sys
import time

SCRIPT = """
import sys
from clew.base.executors import LocalExecutor
from clew.tickets.find import find_tickets
from clew.training.settings import TrainSettings

if __name__ == "__main__":
    find_tickets(
        sys.argv[1], sys.argv[2], detector="meso4", input_size=32, levels=(0.5, 0.8), seeds=1, rewind="step:2",
        methods=("imp", "random"), training=TrainSettings(epochs=2, batch_size=8, lr=3e-3), executor=LocalExecutor(2),
    )
"""
KILLS = 2


def content(folder):
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "run.json")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def start(script, *folders):
    return subprocess.Popen([sys.executable, str(script), *map(str, folders)], stderr=subprocess.DEVNULL)


def test_kills_change_no_byte(store_path, tmp_path):
    script, whole, killed = tmp_path / "search.py", tmp_path / "whole", tmp_path / "killed"
    script.write_text(SCRIPT)
    began = time.monotonic()
    assert start(script, store_path, whole).wait() == 0
    took = time.monotonic() - began
    expected, moments, kills = content(whole), random.Random(0), 0
    while kills < KILLS:
        search = start(script, store_path, killed)
        try:
            search.wait(moments.uniform(0.05, 0.4) * took)
        except subprocess.TimeoutExpired:
            search.send_signal(signal.SIGKILL)
            search.wait()
            kills += 1
            continue
        assert content(killed) == expected, "finished between two kills"
        shutil.rmtree(killed)
    assert start(script, store_path, killed).wait() == 0
    found = content(killed)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []
