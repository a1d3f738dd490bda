"""One training, killed at any moment and started again, ends in the same bytes as one left alone."""

import json
import subprocess
import sys

# Processes are forked after the imports, so that a start costs no time; a checkpoint is written after every step.
SCRIPT = """
import json, os, random, signal, sys, time
from pathlib import Path

import lightning_fabric.strategies, scipy.optimize, sklearn.metrics  # which are imported when they are used

from clew.datasets.store import open_store
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.training import loop
from clew.training.choices import Choices
from clew.training.data import load_split
from clew.training.settings import TrainSettings
from clew.training.weights import load_state, save_state

KILLS, TRIES = 10, 60
CONFIG, SETTINGS = Config("meso4", 32), TrainSettings(epochs=6, batch_size=16, lr=3e-3, accumulate=1)
folder, store = Path(sys.argv[2]), open_store(sys.argv[1])
splits = [load_split([store], split) for split in ("train", "val")]
loop.CHECKPOINT_SECONDS = -1.0


def begin(name):
    child = os.fork()
    if child:
        return child
    start = loop.Start(initial_state(CONFIG, 0))
    trained = loop.train(
        CONFIG, SETTINGS, Choices(), start, *splits, seed=3, checkpoint=folder / f"{name}.checkpoint"
    )
    facts = {"history": trained.history, "best_epoch": trained.best_epoch, "pictures": trained.pictures}
    save_state(folder / f"{name}.safetensors", trained.state, facts)
    os._exit(0)


def ended(child, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


began = time.monotonic()
assert ended(begin("whole"), 120)
took = time.monotonic() - began
moments, kills, steps, finished = random.Random(0), 0, [], 0
for _ in range(TRIES):
    if ended(begin("killed"), moments.uniform(0.05, 0.4) * took):
        finished += 1
        if kills >= KILLS:
            break
        os.replace(folder / "killed.safetensors", folder / f"again-{finished}.safetensors")
        continue
    kills += 1
    if (folder / "killed.checkpoint").exists():
        steps.append(load_state(folder / "killed.checkpoint")[1]["step"])
print(json.dumps({"kills": kills, "steps": steps, "per_epoch": len(splits[0]) // 16}))
"""


def test_ten_kills_change_no_byte_of_a_training(store_path, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script), store_path, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] >= 10
    assert any(step % told["per_epoch"] for step in told["steps"]), "killed within an epoch, too"
    expected = (tmp_path / "whole.safetensors").read_bytes()
    found = [*tmp_path.glob("again-*.safetensors"), tmp_path / "killed.safetensors"]
    assert [path.name for path in found if path.read_bytes() != expected] == []
    assert not any((tmp_path / f"{name}.checkpoint").exists() for name in ("whole", "killed")), "none is left"
