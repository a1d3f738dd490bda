"""axe-core, which looks for faults that shut people out of a page: for the tests, from npm, known by its SHA-256.

    python tests/serve/axe.py

fetches it into the user's cache; tests themselves fetch nothing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

from clew.base.files import write_bytes
from clew.runtime.cache import usual_folder

VERSION = "4.14.1"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
VARIABLE = "CLEW_AXE"
SCRIPT = Path(os.environ.get(VARIABLE) or usual_folder() / f"axe-core-{VERSION}.min.js")  # the user's, asked at import
SERIOUS = ("serious", "critical")
FAULTS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(
    (one) => [one.impact, one.id, one.nodes.map((node) => node.html.slice(0, 200) + node.failureSummary).slice(0, 3)])"""


def known(path: Path) -> bool:
    """Whether a file is there and the one that it should be."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256


def faults(page) -> list:
    """What is seriously wrong with a page into which the script was put before it loaded."""
    return [one for one in page.evaluate(FAULTS) if one[0] in SERIOUS]


def main() -> None:
    if known(SCRIPT):
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", f"axe-core@{VERSION}", "--ignore-scripts", "--silent"], cwd=folder, check=True)
        with tarfile.open(Path(folder) / f"axe-core-{VERSION}.tgz") as package:
            member = package.extractfile("package/axe.min.js")
            data = member.read() if member else b""
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"what came as axe-core {VERSION} has another SHA-256: nothing was kept.")
    write_bytes(SCRIPT, data)


if __name__ == "__main__":
    main()
