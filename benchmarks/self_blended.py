"""A detector trained on real faces alone, measured on data sets that it never saw.

    clew data crop dfdc --layout folder --out dfdc-store
    python benchmarks/self_blended.py --faces lfw --centre 0.52 --test dfdc-store --work /tmp/blends --out result.json

Makes self-blended fakes of a folder (or store) of real faces, trains on them, and prints the AUC on the test part of
each store with its 90 % interval over test clusters and seeds. `--centre` may name several shares of the pictures'
sides, one store each, for test sets whose faces are framed more widely; for a store of crops it is 1 (`--centre 1`).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from clew.base.files import write_json
from clew.datasets.blending import BlendSettings
from clew.datasets.blending.writing import blend_faces
from clew.datasets.store import CropStore, open_store
from clew.detectors import initial_state
from clew.detectors.build import build, resolve
from clew.training.choices import Choices, choose, thread_count
from clew.training.data import load_split
from clew.training.intervals import Estimate, cluster_weights
from clew.training.loop import Start, train
from clew.training.metrics import auc, per_video, weighted_auc
from clew.training.score import fake_probability, logits_of
from clew.training.settings import TrainSettings

RESAMPLES = 1000


def blended(args: argparse.Namespace) -> list[CropStore]:
    """One store for each share of the pictures' sides."""
    stores = []
    for centre in args.centre:
        out = args.work / f"blends-{centre:g}-{args.size}-{args.per_face}"
        settings = BlendSettings(face=min(0.9, args.face_width / centre))
        made = blend_faces(args.faces, out, per_face=args.per_face, size=args.size, centre=centre, settings=settings)
        stores.append(made)
    return stores


def trained(args: argparse.Namespace, stores: list[CropStore], choices: Choices, seed: int) -> tuple[dict, float]:
    """The selected weights of one training, and its AUC on blends of the validation part."""
    config = resolve(args.detector, args.size)
    settings = TrainSettings(epochs=args.epochs, batch_size=64, lr=args.lr, augment=args.augment, patience=args.epochs)
    start = Start(initial_state(config, seed))
    splits = load_split(stores, "train"), load_split(stores, "val")
    made = train(config, settings, choices, start, *splits, seed)
    return made.state, max(row["val_auc"] for row in made.history)


def measured(args: argparse.Namespace, store: CropStore, states: dict[int, dict], choices: Choices) -> dict:
    """AUC per video (per picture where there is none) over the seeds, with its interval."""
    samples = load_split([store], "test")
    module = build(args.detector, args.size)
    scores = []
    for state in states.values():
        module.load_state_dict(state)
        scores.append(fake_probability(logits_of(choices.place(module), samples, args.size, choices)))
    rows = per_video(
        samples.labels, np.stack(scores), samples.rows["video"].to_pylist(), samples.rows["cluster"].to_pylist()
    )
    weights = cluster_weights(rows.labels, rows.clusters, RESAMPLES, np.random.default_rng(0))
    values = np.array([auc(rows.labels, row) for row in rows.scores])
    resampled = np.stack([weighted_auc(rows.labels, row, weights) for row in rows.scores], 1)
    clusters = len(set(rows.clusters.tolist()))
    interval = Estimate(tuple(states), values, resampled).interval(clusters)
    return {"auc": interval.as_dict(), "clusters": clusters, "protocol": store.protocol, "hash": store.hash}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of real faces, or a crop store")
    parser.add_argument("--test", type=Path, nargs="+", required=True, help="crop stores to measure on")
    parser.add_argument("--work", type=Path, required=True, help="where the stores of blends go")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--centre", type=float, nargs="+", default=[0.52])
    parser.add_argument("--face-width", type=float, default=0.33, help="of a picture's side: 0.33 in LFW")
    parser.add_argument("--per-face", type=int, default=8)
    parser.add_argument("--detector", default="cnn5")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--augment", default="flip,jpeg:0.2,recompress:0.2,resize:0.2,blur:0.1,noise:0.1,colour:0.3")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    began = time.monotonic()
    stores = blended(args)
    choices, reason = choose(resolve(args.detector, args.size), 64, args.threads)
    print(f"{sum(s.index.num_rows for s in stores):,} crops of {args.size} pixels; {reason}")
    with thread_count(args.threads):
        runs = {seed: trained(args, stores, choices, seed) for seed in range(args.seeds)}
        states = {seed: state for seed, (state, _) in runs.items()}
        tests = {path.name: measured(args, open_store(path), states, choices) for path in args.test}
    own = [score for _, score in runs.values()]
    print(f"blends of people not trained on: AUC {np.mean(own):.3f}")
    for name, found in tests.items():
        told = found["auc"]
        print(f"{name}: AUC {told['mean']:.3f} ({told['low']:.3f} to {told['high']:.3f}), {found['clusters']} clusters")
    print(f"{time.monotonic() - began:.0f} s")
    if args.out:
        asked = {key: value.name if isinstance(value, Path) else value for key, value in vars(args).items()}
        asked["test"] = [path.name for path in args.test]
        origin = [{"hash": s.hash, "protocol": s.protocol, **s.facts["blend"]["of"]} for s in stores]
        write_json(args.out, {"asked": asked, "faces": origin, "val_auc_on_blends": own, "tests": tests})


if __name__ == "__main__":
    main()
