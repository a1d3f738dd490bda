"""A study on a real Ray cluster whose worker is killed in the middle."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from clew.base.ray_executor import RayExecutor
from clew.studies.run import run_study
from clew.studies.study import Dataset, Network, Study
from clew.training.choices import Wishes
from method_stores import Inline, write_store

pytest.importorskip("ray", reason="needs Ray: pip install 'clew[ray]'")
VOLATILE = ("run.json", ".lock")


def content(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in VOLATILE)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class Killer(threading.Thread):
    """Kills a worker at its training, as soon as a few tickets are there."""

    def __init__(self, out):
        super().__init__(daemon=True)
        self.out, self.killed = out, 0

    def run(self):
        while not self.killed:
            if len(list(self.out.rglob("*.safetensors"))) >= 4:
                for process in Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        if process.read_bytes().startswith(b"ray::_call"):
                            os.kill(int(process.parent.name), signal.SIGKILL)
                            self.killed = int(process.parent.name)
                            return
                    except (OSError, ValueError):
                        continue
            time.sleep(0.02)


def test_a_study_on_ray_whose_worker_dies_ends_as_the_local_one(tmp_path):
    store = write_store(tmp_path / "drawn").path
    study = Study(
        "ray", (Dataset("drawn", (store,)),), (Network("meso4", "meso4", 32),), scopes=("global", "local"),
        levels=(0.5, 0.8), seeds=1, wishes=Wishes("fp32", "contiguous", 1, "cpu"),
        training={"epochs": 3, "batch_size": 16, "lr": 3e-3, "augment": "none"},
    )  # fmt: skip
    here = run_study(study, tmp_path / "here", executor=Inline())
    assert here.complete
    killer = Killer(tmp_path / "there")
    killer.start()
    assert run_study(study, tmp_path / "there", executor=RayExecutor(workers=2)).complete
    assert killer.killed, "no worker was caught at work"
    assert content(tmp_path / "here") == content(tmp_path / "there")
