"""What tickets gain that are pruned by magnitude per multiply-add instead of by magnitude: speed, bytes and AUC.

    python benchmarks/two_scores.py STORE --detector cnn5 --size 64 --epochs 6 --out FOLDER --json

The same search twice (IMP, rewound to initialisation), each weight ranked by its size alone or by its size divided by
the multiply-adds that it costs; then `clew bench` of both ladders, on a machine that does nothing else. Told for each
level: the share of multiply-adds pruned, the bytes, milliseconds a picture on one core and times as fast as the best
dense fp32 runtime (medians, by turns), the test AUC, and the difference of the two scores' AUC, paired by seed, with
its 90 % interval over seeds and test clusters. Stopped, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.base.files import write_json
from clew.datasets.store import open_store
from clew.runtime.bench import Asked
from clew.tickets.compare import compare
from clew.tickets.find import find_tickets
from clew.tickets.ladder import Ladder, open_ladder
from clew.tickets.latency import bench_ladder
from clew.tickets.latency_table import latency_table
from clew.training.settings import TrainSettings

SCORES = ("magnitude", "magnitude-per-mac")
FORMS = ("sparse", "sparse-fp16", "onnx", "openvino", "masked")


def searched(args: argparse.Namespace, score: str) -> Ladder:
    """The ladder of one score."""
    return find_tickets(
        args.store,
        args.out / score,
        detector=args.detector,
        input_size=args.size,
        methods=("imp",),
        levels=args.levels,
        seeds=args.seeds,
        score=score,
        training=TrainSettings(args.epochs, lr=args.lr, patience=args.epochs),
    )


def rows(ladder: Ladder) -> dict[float, dict[str, Any]]:
    """What was measured of each level of a ladder, by its target; dense is 0."""
    table = latency_table(ladder, ladder.summary())
    assert table is not None
    kept = ("sparsity", "macs_sparsity", "bytes", "auc", "best", "best_any", "dense", "times")
    return {row["level"]: {key: row[key] for key in kept} for row in table["rows"]}


def line(level: float, found: Mapping[str, Any], difference: Mapping[str, Any] | None) -> str:
    """A level in one line."""
    parts = []
    for score in SCORES:
        row = found[score]
        parts.append(
            f"{score}: {row['macs_sparsity']:.1%} of multiply-adds pruned, {row['bytes']:,} bytes, "
            f"{row['best']['median_ms']:.3f} ms ({row['best']['form']}), {row['times']['median']:.2f} times dense, "
            f"AUC {row['auc']['mean']:.3f} [{row['auc']['low']:.3f}, {row['auc']['high']:.3f}]"
        )
    told = (
        ""
        if difference is None
        else (
            f"; per-mac minus magnitude {difference['mean']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}]"
        )
    )
    return f"{level:.0%}: " + "; ".join(parts) + told


def differences(ladders: Mapping[str, Ladder]) -> dict[float, dict[str, Any]]:
    """The AUC of the second score minus that of the first, by level."""
    found = compare([ladders[score] for score in reversed(SCORES)])
    pairs = ((level["target"], level["differences"][0]) for level in found["levels"])
    return {target: pair["auc"] for target, pair in pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--detector", default="cnn5")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--levels", type=lambda text: tuple(map(float, text.split(","))), default=(0.6, 0.8, 0.9, 0.95))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--search-alone", action="store_true", help="only search; the same command without it measures")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    ladders = {score: searched(args, score) for score in SCORES}
    if args.search_alone:
        return
    for ladder in ladders.values():
        bench_ladder(ladder, Asked(FORMS, rounds=args.rounds))
    told = {score: rows(open_ladder(ladder.path)) for score, ladder in ladders.items()}
    between = differences(ladders)
    levels = [
        {"level": level, **{score: told[score][level] for score in SCORES}, "auc_difference": between.get(level)}
        for level in sorted(told[SCORES[0]])
    ]
    for one in levels:
        print(line(one["level"], one, one["auc_difference"]), file=sys.stderr if args.json else sys.stdout)
    shown = {key: getattr(args, key) for key in ("detector", "size", "seeds", "epochs", "lr", "rounds")}
    whole = {**shown, "store": open_store(args.store).facts["counts"], "levels": levels}
    write_json(args.out / "two-scores.json", whole)
    if args.json:
        print(json.dumps(whole))


if __name__ == "__main__":
    main()
