"""What bounds the sparse engine: each step of a network against what this core can do at most.

    python benchmarks/roofline.py --nets xception --sparsity 0.8,0.9,0.95
    python benchmarks/roofline.py --nets xception --sparsity 0.9 --half --steps 0 --json

Of each step are told its ms, the multiply-adds of nonzeros (of places of the picture: what is computed beside it counts
for nothing), the bytes of maps and weights that it reads and writes, each once (of maps that go by strips, one strip),
and the level of the cache that holds what it reads again and again. From that follows the least that it can take: the
longer of its multiply-adds, with one operand from that level, and of copying its bytes at the level that holds them
all. Networks are those of sparse_runtime.py, run on one core; the best dense fp32 runtime is measured by turns with the
whole network. All times are the least of several rounds, for other work on the machine only adds to them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ceilings import Ceilings, measured
from clew.runtime.assemble import _with_picture, assemble
from clew.runtime.engine import Engine
from clew.runtime.executable import executable
from clew.runtime.fold import Folded, Layer, fold
from clew.runtime.kernels import convolution, halo, linear
from clew.runtime.opened import opened
from clew.runtime.planning import planned
from clew.runtime.program import At, Call, Picture, Program
from clew.runtime.target import Target, target
from clew.runtime.values import Values
from clew.runtime.versions import window_of
from sparse_runtime import DENSE, SIZES, timed, works, written

WRITTEN = ("output", "maps")  # what a kernel calls the place that it writes


@dataclass(frozen=True)
class Work:
    """What a step has to do: multiply-adds of nonzeros; bytes `read` and `written`, each once; bytes read `again`.

    `shared`: multiply-adds for each vector that is loaded.
    """

    label: str
    kind: str
    multiply_adds: int
    read: int
    written: int
    again: int
    shared: int = 1

    def least(self, ceilings: Ceilings) -> tuple[float, float]:
        """Seconds that its multiply-adds, and that its bytes, take at the ceilings."""
        rate = min(ceilings.registers, self.shared * ceilings.loads[ceilings.level(self.again)])
        moved = self.read + self.written
        return self.multiply_adds / rate, moved / ceilings.copies[ceilings.level(moved)]


class Account:
    """Finds the work of the calls of a program, made of `folded` for vectors of `target`."""

    def __init__(self, folded: Folded, program: Program, target: Target, half: bool) -> None:
        laid, pieces = planned(_with_picture(folded), target.lanes(half))
        self.program, self.vector = program, target.bytes
        self.values = Values(laid, pieces, Program(target.bytes))
        self.layers: Mapping[str, Layer] = {layer.output: layer for layer in laid.layers}
        self.tensors = {one.name: one for forms in self.values.versions.values() for one in forms}

    def work(self, call: Call) -> Work:
        """Of one call."""
        if call.kind is halo:
            return self._halo(call)
        named = dict(zip(call.kind.ARGS, call.args, strict=False))
        extra = call.args[len(call.kind.ARGS) :]
        target = next(arg for name, arg in named.items() if name in WRITTEN)
        sources = [arg for name, arg in named.items() if name not in (*WRITTEN, "scratch")]
        # a nonzero that is read once for each tile counts once: whatever reads it again could keep it
        read = sum(map(self._bytes, (*sources, *extra)))
        written = self._bytes(target, self.values.shapes[call.label.split("@")[0]][0])
        if call.kind is convolution:
            return self._convolution(call, read, written)
        kind = call.kind.__name__.rpartition(".")[2]
        multiply_adds = int(np.count_nonzero(named["values"])) if call.kind is linear else 0
        return Work(call.label, kind, multiply_adds, read, written, read)

    def _bytes(self, arg: Any, channels: int = 0) -> int:
        """Bytes of maps without their halo, of `channels` of them or all; of vectors, tables, the picture, a strip."""
        if isinstance(arg, np.ndarray):
            return int(arg.nbytes)
        if isinstance(arg, Picture):
            return 4 * int(np.prod(self.values.folded.input))
        if not isinstance(arg, At):
            return 0
        form = self.tensors.get(arg.tensor)
        if form is None:
            return self.program.sizes[arg.tensor]
        return (channels or form.shape[0]) * form.pieces.size * self.vector

    def _halo(self, call: Call) -> Work:
        pairs = sum(len(arg) for arg in call.args if isinstance(arg, np.ndarray))
        size = int(call.args[1]) * pairs * self.vector
        return Work(call.label, "halo", 0, size, size, size)

    def _convolution(self, call: Call, read: int, written: int) -> Work:
        layer = self.layers[call.label]
        assert layer.weight is not None
        filters, channels, *window = layer.weight.shape
        _, height, width = self.values.shapes[layer.output]
        places = height * width * (4 if call.shape.pool else 1)
        groups, (_, stride, dilation, _) = layer.attributes["groups"], window_of(layer)
        block = -(-channels // int(call.args[convolution.ARGS.index("blocks")]))
        sides = [(tile - 1) * step + (size - 1) * far + 1
                 for tile, step, size, far in zip(call.shape.tile, stride, window, dilation, strict=True)]  # fmt: skip
        again = block * sides[0] * sides[1] * self.vector
        kind = "x".join(map(str, window)) + (
            " depthwise" if groups == filters > 1 else " grouped" if groups > 1 else ""
        )
        multiply_adds = int(np.count_nonzero(layer.weight)) * places
        return Work(layer.output, kind, multiply_adds, read, written, again, call.shape.group)


@dataclass(frozen=True)
class Step:
    """A step's work, the `ms` that it took, and the least `ms` of its multiply-adds and of its bytes."""

    work: Work
    level: str
    ms: float
    computing: float
    moving: float

    @property
    def least(self) -> float:
        """The ms at the roofline."""
        return max(self.computing, self.moving)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        bound = "computing" if self.computing >= self.moving else "moving"
        facts = {"level": self.level, "ms": self.ms, "computing_ms": self.computing, "moving_ms": self.moving}
        return {**asdict(self.work), **facts, "bound_by": bound, "reached": self.least / self.ms}


def steps(engine: Engine, calls: list[Call], account: Account, ceilings: Ceilings, rounds: int) -> list[Step]:
    """Each step of a program, the least of `rounds` in which all steps come in their turn."""
    image = np.random.default_rng(1).random((1, *engine.ready.shape), np.float32)
    engine.logits(image)
    (bench,) = engine._benches
    took = np.empty((rounds, len(calls)))
    for number in range(rounds):
        bench.take(image[0])
        for at in range(len(calls)):
            start = time.perf_counter()
            bench.step(0, 1, at, 1)
            took[number, at] = time.perf_counter() - start
    # a layer that is done strip by strip is one step
    sums: dict[tuple[Any, str], float] = {}
    for call, ms in zip(calls, 1000 * took.min(0), strict=True):
        sums[call.kind, call.label] = sums.get((call.kind, call.label), 0.0) + float(ms)
    first = {(call.kind, call.label): call for call in reversed(calls)}
    found = []
    for key, ms in sums.items():
        work = account.work(first[key])
        computing, moving = work.least(ceilings)
        found.append(Step(work, ceilings.level(work.again), ms, 1000 * computing, 1000 * moving))
    return found


def measure(name: str, sparsity: float, half: bool, rounds: int, folder: Path, ceilings: Ceilings) -> dict[str, Any]:
    """One network at one sparsity."""
    path = written(name, sparsity, folder)
    ticket, chosen = opened(path), target()
    folded = fold(ticket.graph, ticket.tensors)
    program = assemble(folded, chosen, half)
    engine = Engine(executable(program, chosen, ticket.graph.input), chosen)
    found = steps(engine, program.calls, Account(folded, program, chosen, half), ceilings, rounds)
    image = np.random.default_rng(1).random((1, *engine.ready.shape), np.float32)
    whole = timed({"sparse": engine.logits, **dict(works(path, 1, DENSE))}, image, rounds)
    ms = {form: float(one["least_ms"]) for form, one in whole.items()}
    dense = min(DENSE, key=lambda form: ms.get(form, np.inf))
    now, least = ms["sparse"], sum(step.least for step in found)
    facts = {"net": name, "sparsity": sparsity, "half": half, "dense": dense}
    facts |= {"ms": now, "steps_ms": sum(step.ms for step in found), "roofline_ms": least}
    ratios = {"dense_ms": ms[dense], "times_now": ms[dense] / now, "times_at_roofline": ms[dense] / least}
    return {**facts, **ratios, "kinds": kinds(found), "steps": [step.as_dict() for step in found]}


def kinds(found: list[Step]) -> dict[str, dict[str, float]]:
    """Sums over the steps of each kind: ms, ms at the roofline, ms of computing and moving at the ceilings."""
    sums: dict[str, dict[str, float]] = {}
    for step in found:
        one = sums.setdefault(step.work.kind, dict.fromkeys(("steps", "ms", "least", "computing", "moving"), 0.0))
        one["steps"] += 1
        for key in ("ms", "least", "computing", "moving"):
            one[key] += getattr(step, key)
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]["ms"]))


def told(found: Mapping[str, Any], count: int) -> str:
    """The table of the kinds, and of the `count` slowest steps, all of them where it is 0."""
    kind = "fp16" if found["half"] else "fp32"
    lines = [
        f"{found['net']} {found['sparsity']:.0%} {kind}: {found['ms']:.2f} ms, {found['times_now']:.2f} times "
        f"{found['dense']} ({found['dense_ms']:.2f} ms); at the roofline {found['roofline_ms']:.2f} ms, "
        f"{found['times_at_roofline']:.2f} times",
        f"  {'kind':24}{'steps':>6}{'ms':>9}{'share':>7}{'least':>8}{'reached':>9}",
    ]
    total = sum(one["ms"] for one in found["kinds"].values())
    for name, one in found["kinds"].items():
        share, reached = one["ms"] / total, one["least"] / one["ms"]
        lines.append(f"  {name:24}{one['steps']:6.0f}{one['ms']:9.3f}{share:7.1%}{one['least']:8.3f}{reached:9.1%}")
    lines.append(
        f"  {'step':44}{'ms':>8}{'share':>7}{'M madds':>9}{'G/s':>7}{'KB in':>8}{'out':>8}"
        f"{'again':>8}{'in':>4}{'computing':>11}{'moving':>8}{'reached':>9}"
    )
    slowest = sorted(found["steps"], key=lambda step: -step["ms"])
    for step in slowest[: count or None]:
        speed = step["multiply_adds"] / step["ms"] / 1e6
        lines.append(
            f"  {step['kind'] + ' ' + step['label']:44.44}{step['ms']:8.3f}{step['ms'] / total:7.1%}"
            f"{step['multiply_adds'] / 1e6:9.2f}{speed:7.1f}{step['read'] / 1024:8.0f}{step['written'] / 1024:8.0f}"
            f"{step['again'] / 1024:8.0f}{step['level']:>4}{step['computing_ms']:11.3f}{step['moving_ms']:8.3f}"
            f"{step['reached']:9.1%}"
        )
    return "\n".join(lines)


def ceilings_told(found: Ceilings, half: bool) -> str:
    """The ceilings, in one line."""
    loads = ", ".join(f"{value / 1e9:.1f} from {level}" for level, value in found.loads.items())
    copied = ", ".join(f"{value / 1e9:.1f} in {level}" for level, value in found.copies.items())
    kind = "fp16" if half else "fp32"
    return (
        f"ceilings of {kind}: {found.registers / 1e9:.1f} G multiply-adds/s from registers, one operand {loads}; "
        f"copying, GB/s read and written: {copied}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", default="xception", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--sparsity", default="0.8,0.9,0.95")
    parser.add_argument("--half", action="store_true", help="fp16, where the processor computes in it")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=12, help="how many of the slowest steps are told; 0: all")
    parser.add_argument("--json", action="store_true", help="print the results as JSON alone")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    chosen = target()
    if args.half and not chosen.half:
        parser.error("this processor does not compute in fp16 (AVX512-FP16)")
    from clew.base.files import write_json

    aside = sys.stderr if args.json else sys.stdout
    ceilings = measured(chosen, args.half)
    print(ceilings_told(ceilings, args.half), file=aside, flush=True)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.nets.split(","):
            for sparsity in map(float, args.sparsity.split(",")):
                found = measure(name, sparsity, args.half, args.rounds, Path(folder), ceilings)
                results.append(found)
                print(told(found, args.steps), file=aside, flush=True)
    whole = {"processor": chosen.cpu, "target": chosen.name, "rounds": args.rounds}
    whole |= {"ceilings": ceilings.as_dict(), "results": results}
    if args.json:
        print(json.dumps(whole))
    if args.out:
        write_json(args.out, whole)


if __name__ == "__main__":
    main()
