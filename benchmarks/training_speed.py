"""Training crops per second against the customary loop, on the same cores in one run, with both validation AUCs.

    python benchmarks/training_speed.py STORE --out results.json
    python benchmarks/training_speed.py STORE --detectors meso4,cnn5,resnet18 --size 128 --epochs 3
    python benchmarks/training_speed.py --embedded 600        # draws pictures for a store of its own
    python benchmarks/training_speed.py STORE --device cuda   # batches of 256, and the share of the card's limit

The customary loop is what most public code does: fp32, eager, a DataLoader (two workers) over PNG files of the same
crops, torch's own number of threads. Ours is `clew train`'s loop as it is given to users. Both see the same pictures,
batch size, learning rate and flips. Rounds of the two take turns; what is told is the ratio of the medians. On a GPU
the share of its limit is the multiply-adds of a training step (three times a forward pass) over those that one large
bf16 matrix product does in the same time. The AUCs are those of whole trainings by both from the same initial weights,
one pair a seed; the 90 % interval of their difference counts seeds and test clusters.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn

from clew.base.executors import usable_cores
from clew.base.files import write_json
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.datasets.synth.pictures import write_pictures
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.detectors.build import network, resolve
from clew.detectors.layers import uses_per_weight
from clew.training import metrics
from clew.training.choices import Choices, Wishes, choose, thread_count
from clew.training.data import Samples, load_split
from clew.training.intervals import Estimate, cluster_weights
from clew.training.loop import Start, total_steps, train
from clew.training.schedule import SCHEDULES
from clew.training.score import fake_probability, logits_of
from clew.training.settings import TrainSettings


class Pictures(torch.utils.data.Dataset):
    """PNG files, as public code reads them: PIL, a flip, a float tensor."""

    def __init__(self, files: list[Path], labels: np.ndarray) -> None:
        self.files, self.labels = files, labels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.files[index]) as picture:
            image = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).float().div(255)
        if torch.rand(()) < 0.5:
            image = image.flip(2)
        return image, int(self.labels[index])


def write_pngs(split: Samples, size: int, folder: Path) -> list[Path]:
    """The crops of a split as PNG files of `size` pixels."""
    folder.mkdir(parents=True)
    files = [folder / f"{i:06d}.png" for i in range(len(split))]
    for i, file in enumerate(files):
        cv2.imwrite(str(file), cv2.cvtColor(split.crops([i], size)[0], cv2.COLOR_RGB2BGR))
    return files


class Customary:
    """The customary loop: yields its speed after every `steps` steps."""

    def __init__(
        self, config: Config, settings: TrainSettings, data: Pictures, workers: int, device: str, seed: int = 0
    ) -> None:
        torch.manual_seed(seed)
        self.settings, self.device = settings, device
        self.module = network(config).to(device)
        self.module.load_state_dict(initial_state(config, seed))
        self.loader = torch.utils.data.DataLoader(
            data, settings.batch_size, shuffle=True, num_workers=workers, drop_last=True, pin_memory=device != "cpu"
        )
        self.optimiser = torch.optim.Adam(self.module.parameters(), lr=settings.lr)

    def epochs(self) -> Iterator[float]:
        """Trains epoch after epoch; after each, its crops per second without the workers' start."""
        total = self.settings.epochs * len(self.loader)
        step = 0
        for _ in range(self.settings.epochs):
            self.module.train()
            first, steps = 0.0, 0
            for images, labels in self.loader:
                if not first:
                    first = time.perf_counter()
                else:
                    steps += 1
                for group in self.optimiser.param_groups:
                    group["lr"] = self.settings.lr * SCHEDULES[self.settings.schedule](step, total)
                loss = nn.functional.cross_entropy(self.module(images.to(self.device)), labels.to(self.device))
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
                loss.item()
                step += 1
            yield steps * self.settings.batch_size / (time.perf_counter() - first)


class Watch:
    """Takes the time at the first and the last of some steps, when the device is done with them."""

    def __init__(self, steps: int, device: str) -> None:
        self.steps, self.device, self.seen = steps, device, 0
        self.times: list[float] = []

    def __call__(self, count: float, note: str) -> None:
        """Called after every step, and once when scoring begins."""
        self.seen += int(count)
        if count and self.seen in (1, self.steps):
            if self.device == "cuda":
                torch.cuda.synchronize()
            self.times.append(time.perf_counter())


def ours(
    config: Config, settings: TrainSettings, choices: Choices, splits: tuple[Samples, Samples], seed: int = 0
) -> tuple[float, dict[str, torch.Tensor]]:
    """One training by `clew.training.loop.train`: crops per second between its first and last step, and its state."""
    watch = Watch(total_steps(settings, len(splits[0])), choices.device)
    with thread_count(choices.threads):
        start = Start(initial_state(config, seed))
        trained = train(config, settings, choices, start, *splits, seed=seed, report=watch)
    return (watch.steps - 1) * settings.batch_size / (watch.times[-1] - watch.times[0]), trained.state


def share_of_limit(config: Config, speed: float) -> float:
    """The share of what a bf16 matrix product of 8192 reaches on this GPU that training at `speed` crops/s makes."""
    module = network(config)
    uses = uses_per_weight(module, config.input_size)
    macs = 3 * sum(uses[name] * module.get_parameter(name).numel() for name in uses)
    one = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    times = []
    for _ in range(10):
        torch.cuda.synchronize()
        start = time.perf_counter()
        one @ one
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return macs * speed / (8192**3 / statistics.median(times))


def estimates(split: Samples, scores: list[np.ndarray], seeds: tuple[int, ...]) -> tuple[list[Estimate], int]:
    """The AUC per video of several loops' scores (S, N) on a split, resampled by cluster, and the clusters' number."""
    names, clusters = (split.rows[column].to_pylist() for column in ("video", "cluster"))
    videos = metrics.per_video(split.labels, np.concatenate(scores), names, clusters)
    weights = cluster_weights(videos.labels, videos.clusters, 1000, np.random.default_rng(0))
    aucs = np.array([metrics.auc(videos.labels, row) for row in videos.scores])
    resampled = np.stack([metrics.weighted_auc(videos.labels, row, weights) for row in videos.scores], axis=1)
    parts = zip(np.split(aucs, len(scores)), np.split(resampled, len(scores), axis=1), strict=True)
    return [Estimate(seeds, *part) for part in parts], len(set(videos.clusters))


def compare(name: str, args: argparse.Namespace, splits: tuple[Samples, Samples], files: list[Path]) -> dict[str, Any]:
    """Rounds in turn, then one whole training of each for the AUCs."""
    config = resolve(name, args.size)
    wishes = Wishes(threads=max(1, usable_cores()), device=args.device)
    choices, reason = choose(config, args.batch_size, wishes)
    print(f"{name}: {reason}")
    short = TrainSettings(1, args.batch_size, args.lr, augment="flip", balance="none", select=False)
    data = Pictures(files, splits[0].labels)
    speeds: dict[str, list[float]] = {"customary": [], "ours": []}
    small = limited(splits[0], args.steps * args.batch_size), splits[1]
    few = Pictures([files[i] for i in first_of(splits[0], args.steps * args.batch_size)], small[0].labels)
    for number in range(args.rounds):
        speeds["customary"] += list(Customary(config, short, few, args.workers, choices.device).epochs())
        speeds["ours"].append(ours(config, short, choices, small)[0])
        print(f"  round {number + 1}: {speeds['customary'][-1]:.0f} against {speeds['ours'][-1]:.0f} crops/s")
    ratio = statistics.median(speeds["ours"]) / statistics.median(speeds["customary"])
    found: dict[str, Any] = {
        "choices": choices.as_dict(),
        "crops_per_second": {key: statistics.median(values) for key, values in speeds.items()},
        "rounds": speeds,
        "ratio": ratio,
    }
    print(f"  {ratio:.2f} times as fast ({choices.precision} {choices.memory_format})")
    if choices.device == "cuda":
        found["share_of_limit"] = share_of_limit(config, statistics.median(speeds["ours"]))
        print(f"  {100 * found['share_of_limit']:.1f} % of what a bf16 matrix product reaches on this card")
    if args.epochs:
        found["validation"] = whole(config, args, choices, splits, data)
        told = found["validation"]
        print(
            f"  validation AUC {told['customary']['mean']:.4f} against {told['ours']['mean']:.4f}, {args.seeds} seeds: "
            "{mean:+.4f} [{low:+.4f}, {high:+.4f}]".format(**told["difference"])
        )
    return found


def whole(
    config: Config, args: argparse.Namespace, choices: Choices, splits: tuple[Samples, Samples], data: Pictures
) -> dict[str, Any]:
    """Trainings of `args.epochs` by each, a pair a seed; their AUCs on validation, and their difference."""
    settings = TrainSettings(args.epochs, args.batch_size, args.lr, augment="flip", balance="none", select=False)
    scores: list[list[np.ndarray]] = [[], []]
    for seed in range(args.seeds):
        loop = Customary(config, settings, data, args.workers, choices.device, seed)
        list(loop.epochs())
        mine = network(config)
        mine.load_state_dict(ours(config, settings, choices, splits, seed)[1])
        mine = choices.place(mine).to(choices.device)
        for place, (module, how) in enumerate(((loop.module, Choices(device=choices.device)), (mine, choices))):
            logits = logits_of(module, splits[1], config.input_size, how)
            scores[place].append(fake_probability(logits))
    seeds = tuple(range(args.seeds))
    (customary, own), clusters = estimates(splits[1], [np.stack(rows) for rows in scores], seeds)
    change = own.minus(customary)
    assert change is not None
    return {
        "epochs": args.epochs,
        "clusters": clusters,
        "aucs": {"customary": customary.values.tolist(), "ours": own.values.tolist()},
        "customary": customary.interval(clusters).as_dict(),
        "ours": own.interval(clusters).as_dict(),
        "difference": change.interval(clusters).as_dict(),
    }


def first_of(split: Samples, count: int) -> np.ndarray:
    """`count` positions of a split, its classes in turn, from the beginning again where it is too small."""
    sides = [np.resize(np.flatnonzero(split.labels == label), -(-count // 2)) for label in (0, 1)]
    return np.stack(sides, 1).reshape(-1)[:count]


def limited(split: Samples, count: int) -> Samples:
    """The samples of `first_of`."""
    chosen = first_of(split, count)
    return Samples(split.stores, split.split, split.rows.take(chosen), split.labels[chosen], split.places[chosen])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, nargs="?")
    parser.add_argument("--embedded", type=int, default=400, help="people to draw where no store is given")
    parser.add_argument("--detectors", default="meso4,cnn5,resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=0, help="default: 32, on a GPU 256")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="steps of each round")
    parser.add_argument("--epochs", type=int, default=3, help="of the trainings for the AUCs; 0 leaves them out")
    parser.add_argument("--seeds", type=int, default=3, help="trainings by each for the AUCs")
    parser.add_argument("--workers", type=int, default=2, help="processes of the customary DataLoader")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    on_gpu = args.device == "cuda" or (args.device == "auto" and torch.cuda.is_available())
    args.batch_size = args.batch_size or (256 if on_gpu else 32)
    with tempfile.TemporaryDirectory() as folder:
        store = args.store or embedded(Path(folder), args.embedded, args.size)
        splits = load_split([open_store(store)], "train"), load_split([open_store(store)], "val")
        files = write_pngs(splits[0], args.size, Path(folder) / "png")
        print(f"{len(splits[0])} training crops, {args.size} px, batch {args.batch_size}, {usable_cores()} cores")
        found = {name: compare(name, args, splits, files) for name in args.detectors.split(",")}
    facts = {"torch": torch.__version__, "cpu": cpu_name(), "cores": usable_cores(), "size": args.size}
    if on_gpu:
        facts["gpu"] = torch.cuda.get_device_name()
    if args.out:
        write_json(args.out, {**facts, "store": store.name, "training_crops": len(files), "detectors": found})
    print(json.dumps({name: round(value["ratio"], 3) for name, value in found.items()}))


def cpu_name() -> str:
    """The CPU and whether it has AMX or AVX512-BF16."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    name = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    return name + "".join(f", {flag}" for flag in ("amx_bf16", "avx512_bf16") if f" {flag}" in text)


def embedded(folder: Path, people: int, size: int) -> Path:
    """A store of drawn pictures."""
    write_pictures(folder / "drawn", "openforensics-crops", people=people, size=size, seed=0)
    crop_dataset(folder / "drawn", "openforensics-crops", folder / "embedded", size=size)
    return folder / "embedded"


if __name__ == "__main__":
    main()
