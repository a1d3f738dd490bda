"""The cost of a search: Clew's IMP against a plain loop on torch.nn.utils.prune, and early-bird rounds against IMP's.

    python benchmarks/search_cost.py STORE --detector cnn5 --levels 0.2,0.4,0.5,0.6,0.8 --seeds 6 --json
    python benchmarks/search_cost.py STORE --size 64 --epochs 6 --lr 3e-3 --out results.json

The plain loop is what most public code does: fp32, eager, a DataLoader over PNG files of the same crops (PIL, resized
as they are read), torch's own number of threads, torch.nn.utils.prune.global_unstructured by L1, weights and buffers
copied back by hand. Both do the same number of trainings with the same initial weights, epochs, batches, schedule,
flips and choice of the best epoch on validation, and score every ticket on the test part. They take turns, as many
seeds at a time as there are cores: Clew trains those at once, a thread each (one seed alone with all cores); the plain
loop one after the other, with all cores. What is told is the ratio of the medians of the wall time, and for each level
the difference of the test AUCs, paired by seed; its 90 % interval counts seeds and test clusters. Early-bird is then
searched in the same ladders: the pictures and seconds of its searches, the AUC difference and how many survivors the
masks share.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch

from clew.base.executors import usable_cores
from clew.base.files import read_json, write_json
from clew.datasets.store import open_store
from clew.detectors.build import resolve
from clew.tickets.find import find_tickets
from clew.tickets.ladder import Ladder, open_ladder
from clew.training.choices import Choices, Wishes, choose
from clew.training.data import Samples, load_split
from clew.training.score import fake_probability
from clew.training.settings import TrainSettings
from plain_search import Plain, Scores
from training_speed import cpu_name, estimates, write_pngs

SPLITS = ("train", "val", "test")


def ladder_of(args: argparse.Namespace, choices: Choices, out: Path, first: int, method: str) -> Ladder:
    """A search by Clew for a group of seeds, as it is given to users; a ladder that is there is taken further."""
    return find_tickets(
        args.store,
        out,
        detector=args.detector,
        input_size=args.size,
        methods=(method,),
        levels=args.levels,
        seeds=args.group,
        first_seed=first,
        training=settings_of(args),
        precision=choices.precision,
        memory_format=choices.memory_format,
        device="cpu",
    )


def settings_of(args: argparse.Namespace) -> TrainSettings:
    """The training that both do: the whole budget, classes as they come."""
    return TrainSettings(
        args.epochs, args.batch_size, args.lr, patience=args.epochs, augment="flip", balance="none", select=True
    )


def scores_of(ladder: Ladder, method: str) -> Scores:
    """The test scores of a ladder's tickets of a method, and of its dense nets as level 0."""
    found = {}
    test = ladder.scores.filter(pc.equal(ladder.scores["split"], "test"))
    for entry in ladder.facts["entries"]:
        if entry["method"] in ("dense", method) and not entry["controls"]:
            rows = test.filter(pc.equal(test["run"], entry["run"]))
            rows = rows.filter(pc.equal(rows["method"], entry["method"]))
            found[entry["level"], entry["seed"]] = fake_probability(np.array(rows["logits"].to_pylist(), np.float32))
    return found


def difference(split: Samples, one: Scores, other: Scores, level: float) -> dict[str, Any]:
    """Test AUC per video of two kinds of tickets at a level, and the first minus the second, paired by seed."""
    seeds = tuple(sorted(seed for at, seed in one if at == level))
    stacked = [np.stack([scores[level, seed] for seed in seeds]) for scores in (one, other)]
    (mine, theirs), clusters = estimates(split, stacked, seeds)
    change = mine.minus(theirs)
    assert change is not None
    told = (mine.interval(clusters), theirs.interval(clusters), change.interval(clusters))
    return dict(zip(("auc", "other", "difference"), (one.as_dict() for one in told), strict=True))


def overlap(ladder: Ladder, level: float, seed: int) -> float:
    """Of the weights that live in IMP's or early-bird's ticket, the share that lives in both."""
    one, other = (ladder.ticket(method, level, seed).mask for method in ("imp", "early-bird"))
    both = sum(int((one[name] & other[name]).sum()) for name in one)
    return both / sum(int((one[name] | other[name]).sum()) for name in one)


def searches(ladders: list[Ladder], level: float) -> dict[str, Any]:
    """What the searches by IMP and early-bird for a level cost, summed over seeds, and the masks' overlap by seed."""
    sums = {method: {"pictures": 0.0, "seconds": 0.0} for method in ("imp", "early-bird")}
    shared = {}
    for ladder in ladders:
        cost = read_json(ladder.path / "run.json")["cost"]
        for entry in ladder.facts["entries"]:
            if entry["level"] == level and entry["method"] in sums:
                for what, amount in sums[entry["method"]].items():
                    sums[entry["method"]][what] = amount + cost[entry["run"]][f"search_{what}"]
                shared[entry["seed"]] = overlap(ladder, level, entry["seed"])
    ratios = {what: sums["early-bird"][what] / sums["imp"][what] for what in ("pictures", "seconds")}
    return {**sums, "ratio": ratios, "overlap": [shared[seed] for seed in sorted(shared)]}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The wall time of a call, and what it returned."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All groups of seeds in turn, then what they show."""
    config = resolve(args.detector, args.size)
    stores = [open_store(args.store)]
    splits = {split: load_split(stores, split) for split in SPLITS}
    files = {split: write_pngs(splits[split], stores[0].size, folder / split) for split in SPLITS}
    choices, reason = choose(config, args.batch_size, Wishes(threads=1, device="cpu"))
    say(f"{args.detector}, {len(splits['train'])} training crops at {args.size} px, {usable_cores()} cores; {reason}")
    plain = Plain(config, settings_of(args), splits, files, args.workers)
    seconds: dict[str, list[float]] = {"clew": [], "plain": []}
    by_plain: Scores = {}
    ladders = []
    for number, first in enumerate(range(0, args.seeds, args.group)):
        group, out = range(first, first + args.group), folder / f"ladder-{first}"

        def ours(out: Path = out, first: int = first) -> None:
            ladder_of(args, choices, out, first, "imp")

        def theirs(group: range = group) -> None:
            for seed in group:
                by_plain.update(plain.search(seed, args.levels))

        order = [("plain", theirs), ("clew", ours)]
        for name, work in order if number % 2 else order[::-1]:
            seconds[name].append(timed(work)[0])
            say(f"  seeds {first} to {group[-1]}: {name} {seconds[name][-1]:.1f} s")
        ladders.append(ladder_of(args, choices, out, first, "early-bird") if args.early_bird else open_ladder(out))
    imp, early = ({k: v for ladder in ladders for k, v in scores_of(ladder, m).items()} for m in ("imp", "early-bird"))
    test = splits["test"]
    found = {
        "seconds": seconds,
        "ratio": statistics.median(seconds["clew"]) / statistics.median(seconds["plain"]),
        "trainings": args.seeds * (1 + len(args.levels)),
        "choices": choices.as_dict(),
        "levels": {f"{level:g}": difference(test, imp, by_plain, level) for level in (0.0, *args.levels)},
    }
    if args.early_bird:
        found["early_bird"] = {
            f"{level:g}": {**searches(ladders, level), **difference(test, early, imp, level)} for level in args.levels
        }
    return found


def tell(found: dict[str, Any]) -> None:
    """The outcome in a few lines."""
    say(f"{found['trainings']} trainings each: {found['ratio']:.2f} times the plain loop's time")
    for level, row in found["levels"].items():
        say(f"  {level}: AUC {row['auc']['mean']:.4f}, minus the plain loop's {change(row['difference'])}")
    for level, row in found.get("early_bird", {}).items():
        shared = ", ".join(f"{share:.3f}" for share in row["overlap"])
        say(
            f"  early-bird {level}: {100 * row['ratio']['pictures']:.0f} % of IMP's search in pictures, "
            f"{100 * row['ratio']['seconds']:.0f} % in seconds; AUC minus IMP's {change(row['difference'])}; "
            f"survivors shared, by seed: {shared}"
        )


def change(interval: dict[str, Any]) -> str:
    """A difference with its interval and the number of seeds."""
    ends = [interval["low"], interval["high"]]
    limits = "no interval" if None in ends else ", ".join(f"{end:+.4f}" for end in ends)
    return f"{interval['mean']:+.4f} [{limits}], {interval['n']} seeds"


def say(text: str) -> None:
    """A line for people, on standard error."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--detector", default="cnn5")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--levels", default="0.2,0.4,0.5,0.6,0.8", help="five levels: six trainings a seed")
    parser.add_argument("--seeds", type=int, default=0, help="default: three groups")
    parser.add_argument("--group", type=int, default=usable_cores(), help="seeds at a time; default: the cores")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--workers", type=int, default=0, help="processes of the plain DataLoader")
    parser.add_argument("--early-bird", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", action="store_true", help="all figures as JSON on standard output")
    parser.add_argument("--out", type=Path, help="the same to a file")
    args = parser.parse_args()
    args.levels = tuple(float(level) for level in args.levels.split(","))
    args.seeds = args.seeds or 3 * args.group
    if args.seeds % args.group:
        parser.error(f"--seeds {args.seeds}: expected a multiple of --group {args.group}")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args, Path(folder))
    facts = {"torch": torch.__version__, "cpu": cpu_name(), "cores": usable_cores(), "store": args.store.name}
    asked = {key: getattr(args, key) for key in ("detector", "size", "seeds", "group", "epochs", "batch_size", "lr")}
    found = {**facts, **asked, "workers": args.workers, **found}
    tell(found)
    if args.out:
        write_json(args.out, found)
    if args.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
