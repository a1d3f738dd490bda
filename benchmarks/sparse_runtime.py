"""The sparse engine against dense runtimes: the same network, the same pictures, one core, by turns.

    python benchmarks/sparse_runtime.py --out results.json
    python benchmarks/sparse_runtime.py --nets cnn5 --sparsity 0.9 --rounds 5 --json
    python benchmarks/sparse_runtime.py --nets resnet18 --sparsity 0.9 --target avx2      # all capped to AVX2

Weights are random, pruned uniformly by magnitude, so that the share of multiply-adds that is left is that of the
weights. Dense runtimes take the time that they take whatever is pruned; they are measured beside each sparsity all the
same. Each work has its turn in every round, the order changes from round to round; what is told are ratios of medians:
dense over sparse. `--two-cores` adds a batch of 32 on two threads and on one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

CAPPED = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}
SIZES = {"cnn5": 128, "resnet18": 224, "xception": 299, "meso4": 256, "resnet34": 224, "mi_net": 128}
DENSE = ("torch", "torch-channels-last", "onnx", "openvino")
OTHERS = ("openvino-bf16", "openvino-int8", "onnx-int8")
BATCH = 32


def written(name: str, sparsity: float, folder: Path) -> Path:
    """A ticket of a network with random weights, pruned to this sparsity in every layer."""
    import torch

    from clew.detectors import initial_state
    from clew.detectors.build import network, resolve
    from clew.detectors.layers import prunable
    from clew.tickets.file import TicketFile, write_ticket
    from clew.tickets.tracing import traced

    config = resolve(name, SIZES[name])
    net = network(config)
    net.load_state_dict(initial_state(config, 0))
    generator = torch.Generator().manual_seed(0)
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # as after training: no layer's numbers vanish or explode
            part.running_mean.normal_(0, 0.1, generator=generator)
            part.running_var.uniform_(0.5, 1.5, generator=generator)
    state = {key: value.numpy() for key, value in net.state_dict().items()}
    mask = {}
    for key in prunable(net):
        size = np.abs(state[key]).ravel()
        kept = np.zeros(size.shape, bool)
        kept[np.argsort(size, kind="stable")[round(size.size * sparsity) :]] = True
        mask[key] = kept.reshape(state[key].shape)
    values = {key: np.where(mask[key], state[key], 0).astype(np.float32) for key in mask}
    header = {
        "detector": config.as_dict(),
        "protocol": "random",
        "search": {"level": sparsity},
        "sparsity": {"weights": sparsity},
        "data": [],
        "metrics": {},
        "graph": traced(net.eval(), config.input_size).as_dict(),
    }
    path = folder / f"{name}-{round(100 * sparsity)}.safetensors"
    write_ticket(path, TicketFile(header, mask, values, {key: state[key] for key in state if key not in mask}))
    return path


def eager(path: Path, threads: int, last: bool) -> Callable[[np.ndarray], np.ndarray]:
    """PyTorch's own way, customary (NCHW) or channels last."""
    import torch

    from clew.tickets.ticket import load_ticket

    net = load_ticket(path).detector()
    layout = torch.channels_last if last else torch.contiguous_format
    net.to(memory_format=layout)

    def logits(images: np.ndarray) -> np.ndarray:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return net(torch.from_numpy(images).to(memory_format=layout)).numpy()

    return logits


def works(path: Path, threads: int, forms: tuple[str, ...]) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Each form that runs here, ready."""
    from clew.base.errors import ClewError
    from clew.runtime.load import load_runtime

    for form in forms:
        if form.startswith("torch"):
            yield form, eager(path, threads, form.endswith("last"))
            continue
        try:
            yield form, load_runtime(path, form, threads, cache=None).raw
        except ClewError as error:
            print(f"  without {form}: {error}", file=sys.stderr)


def timed(
    ready: dict[str, Callable[[np.ndarray], np.ndarray]], images: np.ndarray, rounds: int
) -> dict[str, dict[str, float | int]]:
    """Median and spread of each in ms, measured by turns."""
    from clew.runtime.timing import figures, interleaved

    turns = interleaved({name: partial(run, images) for name, run in ready.items()}, rounds)
    return {name: figures(seconds).as_dict() for name, seconds in turns.items()}


def measure(name: str, sparsity: float, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One network at one sparsity."""
    path = written(name, sparsity, folder)
    size = SIZES[name]
    images = np.random.default_rng(1).random((1, 3, size, size), np.float32)
    sparse = ("sparse",) if args.target else ("sparse", "sparse-fp16")
    dense = ("torch", "torch-channels-last") if args.target else (*DENSE, *OTHERS)
    ready = dict(works(path, 1, (*sparse, *dense)))
    wanted = ready["torch"](images)
    errors = {form: float(np.abs(run(images) - wanted).max()) for form, run in ready.items()}
    one = timed(ready, images, args.rounds)
    exact = {form: one[form]["median_ms"] for form in DENSE if form in one}
    best = min(exact, key=exact.__getitem__)
    found = {
        "net": name,
        "size": size,
        "sparsity": sparsity,
        "bytes": path.stat().st_size,
        "one_picture": one,
        "errors": errors,
        "best_dense_fp32": best,
        "ratio": {form: exact[best] / one[form]["median_ms"] for form in sparse if form in one},
    }
    if args.two_cores:
        found["two_cores"] = two_cores(path, np.repeat(images, BATCH, 0), sparse, args.rounds)
    return found


def two_cores(path: Path, images: np.ndarray, forms: tuple[str, ...], rounds: int) -> dict[str, Any]:
    """A batch on two threads and on one."""
    ready = {f"{form} {threads}": run for threads in (1, 2) for form, run in works(path, threads, forms)}
    times = timed(ready, images, max(9, rounds // 2))
    median = {name: found["median_ms"] for name, found in times.items()}
    gained = {form: median[f"{form} 1"] / median[f"{form} 2"] for form in forms if f"{form} 1" in median}
    return {"ms": times, "gained": gained}


def line(found: dict[str, Any]) -> str:
    """What was found, in one line."""
    ms = {form: one["median_ms"] for form, one in found["one_picture"].items()}
    ratios = ", ".join(f"{form} {ms[form]:.2f} ms: {ratio:.2f} times" for form, ratio in found["ratio"].items())
    others = ", ".join(f"{form} {ms[form]:.2f}" for form in ms if not form.startswith("sparse"))
    gained = found.get("two_cores", {}).get("gained", {})
    more = "".join(f"; {form} on two cores {gain:.2f} times" for form, gain in gained.items())
    return f"{found['net']} {found['sparsity']:.0%}: {ratios} ({found['best_dense_fp32']}; {others} ms){more}"


def capped() -> None:
    """Starts this again with every library capped to AVX2."""
    if any(os.environ.get(key) != value for key, value in CAPPED.items()):
        sys.exit(subprocess.run([sys.executable, *sys.argv], env={**os.environ, **CAPPED}, check=False).returncode)
    from clew.runtime.running import sparse
    from clew.runtime.target import target

    sparse.target = lambda name="": target(name or "avx2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", default=",".join(SIZES))
    parser.add_argument("--sparsity", default="0.8,0.9,0.95")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--two-cores", action="store_true")
    parser.add_argument("--target", choices=["avx2"], help="cap the engine and PyTorch to these instructions")
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.target:
        capped()
    from clew.base.files import write_json
    from clew.runtime.target import target

    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.nets.split(","):
            for sparsity in map(float, args.sparsity.split(",")):
                found = measure(name, sparsity, args, Path(folder))
                results.append(found)
                print(line(found), file=sys.stderr if args.json else sys.stdout, flush=True)
    chosen = target(args.target or "")
    whole = {"processor": chosen.cpu, "target": chosen.name, "rounds": args.rounds, "results": results}
    if args.json:
        print(json.dumps(whole))
    if args.out:
        write_json(args.out, whole)


if __name__ == "__main__":
    main()
