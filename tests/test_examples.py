"""The examples run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_the_main_job_in_python(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "find_tickets.py", tmp_path], capture_output=True, text=True, check=True
    )
    assert "2 seeds" in done.stdout
    assert "sparsity 0.800" in done.stdout


def test_a_detector_of_ones_own(store_path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "clew.cli.main", "tickets", "find", store_path, "--detector", "own_detector:Small"]
        + [
            "--size",
            "32",
            "--epochs",
            "1",
            "--seeds",
            "1",
            "--sparsity",
            "0.5",
            "--method",
            "one-shot",
            "--out",
            tmp_path / "ladder",
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES)},
    )
    assert done.returncode == 0, done.stderr
    assert "own_detector:Small on noise-store" in done.stdout


def test_others_weights_are_imported_and_measured(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "import_and_evaluate.py", tmp_path], capture_output=True, text=True, check=True
    )
    first, headline, *table = done.stdout.splitlines()
    assert first == "PyTorch, classes ['real', 'fake']"
    assert headline.startswith("cnn5 (1 seed) ")
    assert len(table) == 5
    assert (tmp_path / "report" / "evaluation.json").exists()
