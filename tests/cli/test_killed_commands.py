"""Commands killed at any moment and given again end in the same bytes as those left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clew.tickets.ticket import load_ticket
from clew.training import loop
from command_line import FAST, clew

TESTS = Path(__file__).resolve().parents[1]
NET = ["--size", "32", "--epochs", "4", "--batch-size", "16", "--lr", "3e-3", *FAST]
TRAIN = ["train"]
FIND = ["tickets", "find", "--method", "imp", "--sparsity", "0.5", "--seeds", "1", "--rewind", "step:3"]
KILLS = {"train": 3, "find": 10}  # tests/training kills a training ten times

# Each try is a process of its own, forked after the imports so that its start costs no time, and killed as a whole; a
# checkpoint is written after every step.
SCRIPT = """
import json, os, random, signal, sys, time
from pathlib import Path

tests, folder, plans = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
sys.path.insert(0, tests)

import lightning_fabric.strategies, scipy.optimize, sklearn.metrics  # which are imported when they are used

from clew.cli.main import run
from clew.reports import ladder_page  # imported once, before any process begins
from clew.tickets import search
from clew.training import loop
from clew.training.weights import load_state
from method_stores import Inline

loop.CHECKPOINT_SECONDS = -1.0
search.local_executor = lambda choices: Inline()


def begin(words, out):
    child = os.fork()
    if child:
        return child
    sys.argv = ["clew", *words, "--out", str(out)]
    sys.stdout = sys.stderr = open(f"{out}.log", "a")
    code = 1
    try:
        run()
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    finally:
        os._exit(code)


def ended(child, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            assert status == 0, status
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def killed(name, words, kills):
    began = time.monotonic()
    assert ended(begin(words, folder / name / "whole"), 300)
    took = time.monotonic() - began
    moments, done, steps, finished = random.Random(1), 0, [], 0
    while True:
        out = folder / name / f"killed-{finished}"
        if ended(begin(words, out), moments.uniform(0.05, 0.5) * took if done < kills else 300):
            finished += 1
            if done >= kills:
                return {"kills": done, "steps": steps, "finished": finished}
            continue
        done += 1
        steps += [load_state(path)[1]["step"] for path in (out / "unfinished").glob("[!.]*.checkpoint")]


for name in plans:
    (folder / name).mkdir()
print(json.dumps({name: killed(name, *plan) for name, plan in plans.items()}))
"""


@pytest.fixture(scope="module")
def killed(store_path, tmp_path_factory):
    """What the script told of each command, and the folder of what they wrote."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "script.py").write_text(SCRIPT)
    plans = {
        name: ([*words, str(store_path), "--detector", "meso4", *NET], KILLS[name])
        for name, words in (("train", TRAIN), ("find", FIND))
    }
    arguments = [sys.executable, folder / "script.py", TESTS, folder, json.dumps(plans)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


@pytest.mark.parametrize("command", KILLS)
def test_kills_at_random_moments_change_no_byte(command, killed):
    told, folder = killed[0][command], killed[1] / command
    assert told["kills"] >= KILLS[command]
    whole = contents(folder / "whole")
    assert "ladder.json" in whole
    assert "tickets/dense-s0.safetensors" in whole
    for number in range(told["finished"]):
        assert contents(folder / f"killed-{number}") == whole


def test_some_kills_fell_within_an_epoch(killed):
    assert any(step % 5 for step in killed[0]["train"]["steps"]), "an epoch has 5 steps"


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of all files that are to be the same every time; run.json says how long it took, report.html too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if name not in ("run.json", ".lock", "report.html")}


# As it is in life: the worker is a process of its own, and only the command is killed. The network writes checkpoints
# often, and is slow enough to be killed within its training.
CODE = """
import os
import time

from torch import nn

from clew.detectors import Detector, Facts
from clew.training import loop

loop.CHECKPOINT_SECONDS = -1.0


class Slow(Detector):
    facts = Facts(input_size=32, multiple=8, cam_layer="conv")
    width = 8

    def __init__(self, input_size, classes=2):
        super().__init__(input_size, classes)
        self.conv, self.head = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(8, classes)
        self.drop = nn.Dropout(0.2)

    def features(self, images):
        time.sleep(float(os.environ.get("SLOW", "0")) * self.training)
        return self.drop(self.conv(images).relu().mean((2, 3)))
"""


def test_a_killed_command_leaves_nothing_running_and_goes_on(store_path, tmp_path, monkeypatch):
    (tmp_path / "slow_nets.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)  # as the network's module sets it, here until the test ends
    words = ["train", store_path, "--detector", "slow_nets:Slow", *NET, "--out"]
    clew(*words, tmp_path / "whole")
    line = [sys.executable, "-m", "clew.cli.main", *map(str, words), str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "SLOW": "0.3"}
    first = subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed" / "unfinished" / "dense-s0.checkpoint"
    wait_for(lambda: checkpoint.exists())
    workers = children(first.pid)
    assert workers
    first.send_signal(signal.SIGKILL)
    assert first.wait(30) == -signal.SIGKILL
    wait_for(lambda: not any(alive(worker) for worker in workers))
    assert checkpoint.exists(), "its training was not at its end"
    clew(*words, tmp_path / "killed")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert load_ticket(tmp_path / "killed" / "tickets" / "dense-s0.safetensors").config.name == "slow_nets:Slow"


def wait_for(what, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(parent: int) -> list[int]:
    """The processes that a process began."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def alive(process: int) -> bool:
    """Whether a process runs; one that only waits to be taken note of does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
