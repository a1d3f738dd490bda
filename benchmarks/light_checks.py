"""What `light_install.py` looks at in the fresh environment, by its interpreter.

    python benchmarks/light_checks.py TICKET [--json]

Beside the ticket lies `expected.npz`. Only what the installation without extras has is imported.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions, packages_distributions
from pathlib import Path
from typing import Any

HEAVY = (
    "torch",
    "scipy",
    "sklearn",
    "pyarrow",
    "lightning",
    "h5py",
    "captum",
    "ray",
    "onnx",
    "onnxruntime",
    "openvino",
)
TOOLS = {"pip", "setuptools", "wheel"}  # of the environment, not of the package
MOST_MB, NEAR, LOADS = 600, 1e-3, 5
LOAD = """
import sys, time
start = time.perf_counter()
import clew
runtime = clew.load_runtime(sys.argv[1], cache=sys.argv[2])
print(time.perf_counter() - start)
"""
NEED_TRAIN = (  # commands that train, or read what was trained on
    "train STORE --detector cnn5 --out OUT",
    "evaluate TICKET STORE",
    "explain TICKET STORE --out OUT",
    "export TICKET --format onnx --out OUT",
    "import WEIGHTS --detector cnn5 --out OUT",
    "tickets find STORE --detector cnn5 --out OUT",
    "tickets show LADDER",
    "data check STORE",
    "bench TICKET --store STORE",
)


def check(holds: bool, what: str) -> None:
    """Ends with 1, saying what does not hold."""
    if not holds:
        sys.exit(f"light install: {what}")


def plain(name: str) -> str:
    """A distribution's name as others write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(found: Distribution) -> set[str]:
    """The distributions that one needs here without extras."""
    lines = (line for line in found.requires or [] if "extra ==" not in line)
    return {name for line in lines for name in re.findall(r"^[\w.-]+", line)}


def imports() -> set[str]:
    """The outermost modules that some file of the package imports."""
    home = Path(importlib.util.find_spec("clew").submodule_search_locations[0])
    nodes = (node for path in home.rglob("*.py") for node in ast.walk(ast.parse(path.read_bytes())))
    return {name.partition(".")[0] for node in nodes for name in _named(node)}


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def unused(there: dict[str, Distribution]) -> set[str]:
    """The distributions that no file of the package imports and none that it imports needs."""
    used = {plain(one) for module, names in packages_distributions().items() if module in imports() for one in names}
    waiting = list(used & set(there))
    while waiting:
        more = {plain(name) for name in needed(there[waiting.pop()])} & set(there) - used
        used |= more
        waiting += more
    return set(there) - used - TOOLS


def megabytes(there: dict[str, Distribution]) -> dict[str, float]:
    """The bytes of each distribution's files, in millions, the largest first; compiled modules count."""
    sizes = {
        name: sum(path.stat().st_size for file in found.files or [] if (path := Path(str(file.locate()))).is_file())
        / 1e6
        for name, found in there.items()
    }
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())


def loading(ticket: Path, cache: Path) -> list[float]:
    """Seconds in which new processes import the package and load the ticket: the first finds nothing kept."""
    words = [sys.executable, "-I", "-c", LOAD, str(ticket), str(cache)]
    return [float(subprocess.run(words, capture_output=True, text=True, check=True).stdout) for _ in range(1 + LOADS)]


def right(ticket: Path, cache: Path) -> float:
    """The largest difference of a logit from PyTorch's, as a share of the range of these; it is checked."""
    import numpy as np

    import clew

    expected = np.load(ticket.parent / "expected.npz")
    wanted = expected["logits"]
    found = clew.load_runtime(ticket, cache=cache).logits(expected["crops"])
    off = float(np.abs(found - wanted).max() / np.ptp(wanted, axis=0).min())
    check(off <= NEAR, f"logits differ from PyTorch's by {off:g} of their range over the pictures")
    return off


def clew(*words: str) -> subprocess.CompletedProcess[str]:
    """The command-line program."""
    return subprocess.run([sys.executable, "-I", "-m", "clew.cli.main", *words], capture_output=True, text=True)


def commands(ticket: Path, out: Path) -> int:
    """Help, measuring and scanning run; what needs more says in one line what to install. How many were tried."""
    check(clew("--help").returncode == 0, f"'clew --help' fails: {clew('--help').stderr}")
    done = clew("bench", str(ticket), "--forms", "sparse", "--rounds", "1", "--no-fresh", "--json")
    check(done.returncode == 0 and bool(json.loads(done.stdout)["cells"]), f"'clew bench' fails: {done.stderr}")
    scanned(out.parent)
    for line in NEED_TRAIN:
        done = clew(*(str({"TICKET": ticket, "OUT": out}.get(word, word)) for word in line.split()))
        one_line = re.fullmatch(r"error: this needs '\w+': pip install 'clew\[train\]'\n", done.stderr)
        check(done.returncode == 1 and one_line is not None, f"'clew {line}' says {done.stdout}{done.stderr}")
    return 3 + len(NEED_TRAIN)


def scanned(folder: Path) -> None:
    """A picture is scanned by the ticket that comes with the package, with a page of heatmaps."""
    import cv2
    import numpy as np

    picture, page = folder / "crop.png", folder / "crop.html"
    cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8))
    done = clew("scan", str(picture), "--faces", "none", "--html", str(page), "--json")
    judged = done.returncode in (0, 3, 4) and json.loads(done.stdout)["verdict"] in ("real", "fake", "inconclusive")
    check(judged and page.exists(), f"'clew scan' fails: {done.stdout}{done.stderr}")


def looked_at(ticket: Path) -> dict[str, Any]:
    """All checks, and what they found."""
    heavy = [name for name in HEAVY if importlib.util.find_spec(name) is not None]
    check(not heavy, f"{', '.join(heavy)} installed, without extras")
    there = {plain(found.name): found for found in distributions()}
    idle = unused(there)
    check(not idle, f"{', '.join(sorted(idle))} installed, and nothing of the package needs it")
    sizes = megabytes({name: found for name, found in there.items() if name not in TOOLS})
    check(sum(sizes.values()) <= MOST_MB, f"{sum(sizes.values()):.0f} MB installed, more than {MOST_MB}: {sizes}")
    site = Path(sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory(prefix="clew-") as folder:
        seconds = loading(ticket, Path(folder) / "cache")
        off, tried = right(ticket, Path(folder) / "cache"), commands(ticket, Path(folder) / "out")
    return {
        "mb": round(sum(sizes.values()), 1),
        "mb_with_tools": round(_bytes(site.rglob("*")) / 1e6, 1),
        "distributions": {name: round(size, 1) for name, size in sizes.items()},
        "first_s": round(seconds[0], 3),
        "cached_s": [round(one, 3) for one in seconds[1:]],
        "logits_off": off,
        "commands": tried,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ticket", type=Path)
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    args = parser.parse_args()
    found = looked_at(args.ticket)
    if args.json:
        print(json.dumps(found))
        return
    sizes = ", ".join(f"{name} {size:g}" for name, size in found["distributions"].items())
    print(f"light install: {found['mb']:g} MB of {MOST_MB} ({found['mb_with_tools']:g} with pip and setuptools)")
    print(f"MB by distribution: {sizes}")
    print(
        f"import and load of {args.ticket.name}: {found['first_s']:.2f} s the first time, from the cache "
        f"{statistics.median(found['cached_s']):.2f} s (median of {LOADS}, {min(found['cached_s']):.2f} to "
        f"{max(found['cached_s']):.2f}); logits off by {found['logits_off']:.1g} of their range; "
        f"{found['commands']} commands answer as they should"
    )


if __name__ == "__main__":
    main()
