"""Random crops from a store against decoding PNG files one by one; and a million crops against a thousand.

python benchmarks/store_reading.py                 # 4,000 pictures of 256 px, 10,000 random reads, three rounds
python benchmarks/store_reading.py --million       # opening, sampling and reading a store of 1,000,000 crops of 32 px
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from clew.datasets.items import Item
from clew.datasets.packing import StoreWriter, begin_store, write_part
from clew.datasets.rows import Entry
from clew.datasets.store import open_store
from clew.datasets.synth.pictures import draw_portrait
from clew.training.data import batches, epoch_order, load_split

SIZE = 256


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def own_memory() -> float:
    """Megabytes of this process that are not file pages."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def write_store(out: Path, crops: np.ndarray, count: int, per_video: int = 32) -> None:
    """A store of `count` crops taken in turn from `crops`, in videos of `per_video`, one real in five, four methods."""
    size = crops.shape[1]
    facts = {"layout": "made", "protocol": {"name": "made", "version": 1, "size": size}, "plan": str(count)}
    begin_store(out, {**facts, "official": False, "notes": []})
    methods = ("real", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
    with StoreWriter(out, size) as writer:
        for number, start in enumerate(range(0, count, 256)):
            rows = []
            for i in range(start, min(start + 256, count)):
                video = i // per_video
                method = methods[video % 5]
                split = ("train", "train", "train", "val", "test")[video // 5 % 5]
                name = f"manipulated_sequences/{method}/c23/videos/{video:06d}.mp4"
                item = Item(name, int(video % 5 > 0), method, split, (f"{video // 5:06d}",), name, "c23")
                entry = Entry(item, f"{video // 5:06d}", split)
                rows.append(entry.row(sample=f"{name}#{i % per_video}:0", frame=i % per_video))
            write_part(out, number, rows, crops[np.arange(start, start + len(rows)) % len(crops)], crops[:0, ..., 0])
            writer.take()
        writer.finish({**facts, "official": False, "notes": []})


def against_png(folder: Path, pictures: int, reads: int, rounds: int) -> dict[str, float]:
    drawn = [draw_portrait(0, person, 0, "real", SIZE).picture for person in range(16)]
    rng = np.random.default_rng(0)
    crops = np.stack(
        [np.clip(drawn[i % 16] + rng.normal(0, 2, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8) for i in range(pictures)]
    )
    paths = [folder / f"{i:05d}.png" for i in range(pictures)]
    for path, crop in zip(paths, crops, strict=True):
        cv2.imwrite(str(path), crop[..., ::-1])
    write_store(folder / "store", crops, pictures)
    store = open_store(folder / "store")
    wanted = rng.integers(0, pictures, reads)
    batch = np.empty((20, SIZE, SIZE, 3), np.uint8)
    times: dict[str, list[float]] = {"png": [], "store": []}
    for _ in range(rounds):
        times["png"].append(seconds(lambda: [cv2.imread(str(paths[i]))[..., ::-1] for i in wanted]))
        times["store"].append(seconds(lambda: [store.crops(w, batch) for w in wanted.reshape(-1, 20)]))
    for i in wanted[:50].tolist():
        assert np.array_equal(store.crop(int(i)), cv2.imread(str(paths[i]))[..., ::-1])
    png, ours = (statistics.median(times[name]) for name in ("png", "store"))
    return {"reads": reads, "png_s": round(png, 3), "store_s": round(ours, 3), "ratio": round(png / ours, 1)}


def at_scale(folder: Path, count: int) -> dict[str, float]:
    crops = np.random.default_rng(0).integers(0, 256, (256, 32, 32, 3), np.uint8)
    out = folder / f"store-{count}"
    result = {"crops": count, "write_s": seconds(lambda: write_store(out, crops, count))}
    before = own_memory()
    result["open_s"] = seconds(lambda: open_store(out))
    store = open_store(out)
    result["split_s"] = seconds(lambda: load_split([store], "train"))
    train = load_split([store], "train")
    for balance in ("class", "method", "video"):
        keys = train.keys(balance)
        result[f"order_{balance}_s"] = seconds(lambda keys=keys: epoch_order(train.labels, 0, 0, True, keys))
    order = np.resize(epoch_order(train.labels, 0, 0, True, train.keys("video")), 32_000)
    result["crops_per_s"] = len(order) / seconds(lambda: [train.crops(b, 32) for b in batches(order, 32)])
    result["own_memory_MB"] = own_memory() - before
    return {key: round(value, 3) for key, value in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        if args.million:
            result = [at_scale(Path(folder), count) for count in (1_000, 1_000_000)]
        else:
            result = [against_png(Path(folder), args.pictures, args.reads, args.rounds)]
    for row in result:
        print(", ".join(f"{key} {value:,}" for key, value in row.items()))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
