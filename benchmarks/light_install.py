"""The installation without extras: a fresh environment, `pip install .`, and a ticket that runs in it without torch.

    python benchmarks/light_install.py                  # in build/light; what is there is made anew
    python benchmarks/light_install.py --folder DIR --json

Here, where PyTorch is, a resnet18 of random weights, pruned to 90 %, is written as a ticket, with the logits that
PyTorch gives for a few pictures. There `light_checks.py` looks at what is installed and runs the ticket. It ends with 1
where a check fails; times are told, and nothing hangs on them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HOME = Path(__file__).resolve().parents[1]
NET, SPARSITY, SIZE, PICTURES = "resnet18", 0.9, 224, 3


def prepared(folder: Path) -> Path:
    """A ticket in the folder, beside it `expected.npz`: crops (B, H, W, 3) and PyTorch's logits (B, K)."""
    from clew.tickets.ticket import load_ticket
    from sparse_runtime import written

    ticket = written(NET, SPARSITY, folder)
    crops = np.random.default_rng(0).integers(0, 256, (PICTURES, SIZE, SIZE, 3)).astype(np.uint8)
    np.savez(folder / "expected.npz", crops=crops, logits=load_ticket(ticket).logits(crops))
    return ticket


def installed(folder: Path) -> Path:
    """The interpreter of a fresh environment that holds this package without extras."""
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", HOME / "constraints.txt", HOME], check=True)
    return python


def alone() -> dict[str, str]:
    """The environment's variables without what leads to other installations, to a cache, or to a compiler."""
    led = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CLEW_CACHE", "XDG_CACHE_HOME")
    return {**{key: value for key, value in os.environ.items() if key not in led}, "PATH": "", "COLUMNS": "400"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=HOME / "build" / "light")
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    args = parser.parse_args()
    folder = args.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ticket, python = prepared(folder), installed(folder)
    words = [python, "-I", HOME / "benchmarks" / "light_checks.py", ticket, *(["--json"] if args.json else [])]
    sys.exit(subprocess.run(words, cwd=folder, env=alone(), check=False).returncode)


if __name__ == "__main__":
    main()
