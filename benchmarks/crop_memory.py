"""Peak memory of `clew data crop` for few and for many videos: it must not grow with their number.

python benchmarks/crop_memory.py VIDEO... [--counts 10 60] [--frames 32] [--workers 2]

The videos are linked, in turn, into folders of as many as asked for. What is measured is the largest sum over all
processes of the memory that is theirs alone (anonymous pages, shared ones divided), sampled 20 times a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def make_folder(root: Path, videos: list[Path], count: int) -> Path:
    for number in range(count):
        part = ("train", "val", "test")[number % 3 if number < 6 else 0]
        place = root / part / ("real", "fake")[number // 3 % 2]
        place.mkdir(parents=True, exist_ok=True)
        source = videos[number % len(videos)].resolve()
        (place / f"{number:04d}{source.suffix}").symlink_to(source)
    return root


def tree(process: int) -> list[int]:
    found = [process]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def own_memory(process: int) -> float:
    """Megabytes of anonymous memory of a process, shared pages divided by those who share them."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss_Anon:")), 0.0)


def measure(root: Path, out: Path, frames: int, workers: int) -> dict[str, float]:
    command = [sys.executable, "-m", "clew.cli.main", "data", "crop", str(root), "--layout", "folder"]
    command += ["--out", str(out), "--frames", str(frames), "--workers", str(workers), "--json"]
    start, peak, largest = time.monotonic(), 0.0, 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            sizes = [own_memory(p) for p in tree(process.pid)]
            peak, largest = max(peak, sum(sizes)), max(largest, max(sizes))
            time.sleep(0.05)
        assert process.stdout is not None
        crops = sum(row["kept"] for row in json.load(process.stdout)["report"])
    took = time.monotonic() - start
    return {"crops": crops, "peak_MB": round(peak), "largest_process_MB": round(largest), "seconds": round(took, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--counts", nargs=2, type=int, default=(10, 60))
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    peaks = []
    for count in args.counts:
        with tempfile.TemporaryDirectory() as folder:
            root = make_folder(Path(folder) / "videos", args.videos, count)
            row = measure(root, Path(folder) / "store", args.frames, args.workers)
        peaks.append(row["peak_MB"])
        print(f"{count} videos: " + ", ".join(f"{key} {value:,}" for key, value in row.items()), flush=True)
    print(f"peak for {args.counts[1]} videos / peak for {args.counts[0]}: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
