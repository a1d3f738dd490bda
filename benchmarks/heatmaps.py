"""Heatmaps per second against a bare forward-and-backward pass of the same batch, and their memory over many pictures.

    python benchmarks/heatmaps.py --out results.json
    python benchmarks/heatmaps.py --detectors cnn5 --size 64 --rounds 5 --pictures 200 --json

The bare pass is cross-entropy and loss.backward(), in fp32 and evaluation mode, with the same threads. Rounds of it and
of each method of heatmaps take turns; what is told is the ratio of the medians: the wish is 0.6 at least. The memory is
what the process holds after each batch of `--pictures` pictures: the median over their last fifth less that over their
first after a tenth, as single batches leave more or less behind.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clew.base.executors import usable_cores
from clew.base.files import write_json
from clew.detectors import initial_state
from clew.detectors.build import network, resolve
from clew.explain.heatmaps import METHODS, heatmaps
from clew.training.choices import thread_count

LEAST = 0.6  # of the bare pass's pictures per second


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def bare(net: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> None:
    net.zero_grad()
    nn.functional.cross_entropy(net(images), targets).backward()


def speeds(works: dict[str, Callable[[], Any]], args: argparse.Namespace) -> dict[str, Any]:
    """Pictures per second of each, and of what is not the bare pass its share."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(args.rounds + 1):
        for name, work in works.items():
            took = seconds(work)
            if number:  # the first of each loads and allocates
                times[name].append(took)
    found = {name: args.batch_size / statistics.median(each) for name, each in times.items()}
    shares = {name: value / found["bare"] for name, value in found.items() if name != "bare"}
    return {"pictures_per_second": found, "share_of_bare": shares, "rounds": times}


def memory(work: Callable[[], Any], pictures: int, batch: int) -> dict[str, float]:
    """What the process holds, in megabytes, as `pictures` pictures go through `work` a batch at a time."""
    held = []
    for _ in range(max(10, -(-pictures // batch))):
        work()
        held.append(resident())
    tenth = len(held) // 10
    early, late = statistics.median(held[tenth : 3 * tenth]), statistics.median(held[-2 * tenth :])
    return {"pictures": len(held) * batch, "early_MB": early, "most_MB": max(held), "growth_MB": late - early}


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """One detector, its weights drawn anew."""
    config = resolve(name, args.size)
    net = network(config)
    net.load_state_dict(initial_state(config, 0))
    net.eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((args.batch_size, 3, args.size, args.size), generator=generator)
    targets = torch.arange(args.batch_size) % 2
    layer = net.facts.cam_layer
    works: dict[str, Callable[[], Any]] = {"bare": lambda: bare(net, images, targets)}
    for method in METHODS:
        works[method] = lambda method=method: heatmaps(net, images, targets, layer, method)
    found = speeds(works, args)
    net.zero_grad()
    found["memory"] = {method: memory(works[method], args.pictures, args.batch_size) for method in METHODS}
    return found


def told(name: str, found: dict[str, Any]) -> str:
    """A detector's lines."""
    lines = [f"{name}: bare pass {found['pictures_per_second']['bare']:.0f} pictures/s"]
    for method, share in found["share_of_bare"].items():
        kept = found["memory"][method]
        lines.append(
            f"  {method:14} {found['pictures_per_second'][method]:.0f} pictures/s, {share:.2f} of it"
            f"{'' if share >= LEAST else f': LESS THAN {LEAST:g}'}; over {kept['pictures']} pictures "
            f"{kept['growth_MB']:+.0f} MB"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", default="cnn5,meso4,resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=2000, help="of the measurement of memory")
    parser.add_argument("--threads", type=int, default=0, help="default: as many as there are cores")
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    threads = args.threads or max(1, usable_cores())
    detectors: dict[str, Any] = {}
    with thread_count(threads):
        for name in args.detectors.split(","):
            detectors[name] = measure(name, args)
            if not args.json:
                print(told(name, detectors[name]), flush=True)
    facts = {"torch": torch.__version__, "threads": threads, "size": args.size, "batch_size": args.batch_size}
    found = {**facts, "least": LEAST, "detectors": detectors}
    if args.out:
        write_json(args.out, found)
    if args.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
