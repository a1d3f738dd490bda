"""Whether the losses of Exposing the Deception help: mi_net without them, with each, with both, on two stores.

    python benchmarks/information_losses.py STORE STORE --work FOLDER --out results.json
    python benchmarks/information_losses.py A B --work F --backbone cnn5 --blocks 4 --size 64 --epochs 5 --seeds 3

Every variant is trained on each store (selected on its validation part) and measured once on the test part of both:
AUC per video (per picture where there is none) with its 90 % interval over seeds and test clusters, and the
difference from the variant without extra losses, paired by seed under the same resamples. Stopped, it goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from clew.base.files import write_json
from clew.cli.console import progress
from clew.cli.tables import interval
from clew.datasets.store import open_store
from clew.tickets.estimates import counted_clusters
from clew.tickets.find import find_tickets
from clew.tickets.ladder import Ladder
from clew.training import metrics
from clew.training.choices import Choices, thread_count
from clew.training.data import Samples, load_split
from clew.training.intervals import Estimate, cluster_weights
from clew.training.score import fake_probability, logits_of
from clew.training.settings import TrainSettings

VARIANTS = ("none", "global", "local", "both")
RESAMPLES = 1000


def trained(losses: str, store: Path, args: argparse.Namespace) -> Ladder:
    """The dense nets of one variant on one store."""
    return find_tickets(
        store,
        args.work / f"{losses}-{store.name}",
        detector="mi_net",
        input_size=args.size,
        options={"backbone": args.backbone, "blocks": args.blocks, "losses": losses},
        methods=(),
        seeds=args.seeds,
        training=TrainSettings(args.epochs, args.batch_size, args.lr, args.weight_decay, augment=args.augment),
        threads=1,
        progress=progress(),
    )


def probabilities(ladder: Ladder, split: Samples, seeds: int) -> np.ndarray:
    """Fake probability (seeds, N) of a ladder's dense nets."""
    rows = []
    for seed in range(seeds):
        ticket = ladder.ticket("dense", 0.0, seed)
        choices = Choices(**ticket.header["choices"])
        with thread_count(2):
            logits = logits_of(choices.place(ticket.detector()), split, ticket.config.input_size, choices)
        rows.append(fake_probability(logits))
    return np.stack(rows)


def estimates(found: dict[str, np.ndarray], split: Samples) -> tuple[dict[str, Estimate], int]:
    """AUC by seed and under resamples, the same for all variants, and how many clusters count."""
    names, clusters = (split.rows[column].to_pylist() for column in ("video", "cluster"))
    made = {}
    for losses, prob in found.items():
        videos = metrics.per_video(split.labels, prob, names, clusters)
        weights = cluster_weights(videos.labels, videos.clusters, RESAMPLES, np.random.default_rng(0))
        values = np.array([metrics.auc(videos.labels, row) for row in videos.scores])
        again = np.stack([metrics.weighted_auc(videos.labels, row, weights) for row in videos.scores], 1)
        made[losses] = Estimate(tuple(range(len(prob))), values, again)
    return made, counted_clusters(videos.labels, videos.clusters)


def table(source: Path, target: Path, ladders: dict[str, Ladder], args: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of one pair of stores."""
    split = load_split([open_store(target)], "test")
    found, clusters = estimates({name: probabilities(ladders[name], split, args.seeds) for name in VARIANTS}, split)
    print(f"\ntrained on {source.name}, measured on {target.name} ({len(split)} pictures, {clusters} clusters count)")
    rows = []
    for name in VARIANTS:
        auc = found[name].interval(clusters).as_dict()
        minus = found[name].minus(found["none"])
        gain = None if name == "none" or minus is None else minus.interval(clusters).as_dict()
        print(f"  {name:7} AUC {interval(auc)}  minus none {interval(gain, signed=True)}")
        rows.append({"trained_on": source.name, "measured_on": target.name, "losses": name, "auc": auc, "gain": gain})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--work", type=Path, required=True, help="folder for the trained nets")
    parser.add_argument("--backbone", default="cnn5")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=1e-6)
    parser.add_argument("--augment", default="flip,jpeg:0.1,mixup-alpha-0.5:0.5")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    for source in args.stores:
        ladders = {name: trained(name, source, args) for name in VARIANTS}
        for target in args.stores:
            rows += table(source, target, ladders, args)
    if args.out:
        facts = {key: value for key, value in vars(args).items() if key not in ("stores", "work", "out")}
        write_json(args.out, {"settings": facts, "stores": [store.name for store in args.stores], "rows": rows})


if __name__ == "__main__":
    main()
