"""Training speed of precisions and memory layouts, side by side: crops per second, as ratios to fp32 contiguous.

python benchmarks/training_speed.py --detector cnn5 --size 64 --threads 1
"""

from __future__ import annotations

import argparse
import platform

import torch

from clew.detectors.build import resolve
from clew.training.choices import FORMATS, PRECISIONS, Choices, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="cnn5")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    config = resolve(args.detector, args.size)
    candidates = [Choices(p, f, args.threads) for p in PRECISIONS for f in FORMATS]
    speeds = measure(candidates, config, args.batch_size)
    base = speeds["fp32 contiguous"]
    print(f"{args.detector} at {args.size} px, batch {args.batch_size}, {args.threads} threads")
    print(f"torch {torch.__version__}, {platform.machine()}, medians of interleaved steps")
    for name, speed in sorted(speeds.items(), key=lambda item: -item[1]):
        print(f"  {name:20} {speed:8.0f} crops/s  {speed / base:5.2f} x")


if __name__ == "__main__":
    main()
