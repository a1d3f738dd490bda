"""Precision and memory layout, chosen once by measurement on this CPU, stored, and told with the reason."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from clew.base.errors import ClewError, unknown_name
from clew.base.files import read_json, write_json
from clew.base.hashing import hash_json
from clew.detectors.base import Config
from clew.detectors.build import build

PRECISIONS = ("fp32", "bf16")
FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
BF16_MUST_GAIN = 1.15  # it costs precision, so a small gain is not enough
ROUNDS = 7
HOPELESS = 4


@dataclass(frozen=True)
class Choices:
    """What decides the bits of a training beside its settings: fixed in the config before work starts."""

    precision: str = "fp32"
    memory_format: str = "contiguous"
    threads: int = 1

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        if self.memory_format not in FORMATS:
            raise unknown_name("memory format", self.memory_format, FORMATS)
        if self.threads < 1:
            raise ClewError(f"--threads {self.threads}: expected at least 1.")

    def as_dict(self) -> dict[str, Any]:
        """The choices as they stand in JSON."""
        return asdict(self)

    def place(self, module: nn.Module) -> nn.Module:
        """The module in the chosen memory format."""
        return module.to(memory_format=FORMATS[self.memory_format])  # type: ignore[call-overload]

    def batch(self, crops: torch.Tensor) -> torch.Tensor:
        """uint8 crops (B, H, W, 3) as float images (B, 3, H, W) in [0, 1] in the chosen memory format."""
        images = crops.permute(0, 3, 1, 2).to(memory_format=FORMATS[self.memory_format])
        return images.float().div_(255)

    def autocast(self) -> torch.autocast:
        """The context in which the network runs."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16")


@contextmanager
def thread_count(threads: int) -> Iterator[None]:
    """Runs the block with so many torch threads, and puts the old number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose(
    config: Config, batch_size: int, threads: int, precision: str = "auto", memory_format: str = "auto"
) -> tuple[Choices, str]:
    """The fastest precision and layout for training `config` on this CPU, and the reason in words.

    What is not `auto` is taken as given. A measurement is kept per CPU, torch version and network in the cache
    folder (CLEW_CACHE, or ~/.cache/clew), so that the same machine chooses the same again. bf16 is chosen only
    where it gains at least 15 %.
    """
    precisions = list(PRECISIONS) if precision == "auto" else [precision]
    formats = list(FORMATS) if memory_format == "auto" else [memory_format]
    candidates = [Choices(p, f, threads) for p in precisions for f in formats]
    if len(candidates) == 1:
        return candidates[0], "as asked"
    speeds = _remembered(candidates, config, batch_size)
    best = max(candidates, key=lambda c: speeds[_key(c)])
    plain = max((c for c in candidates if c.precision == "fp32"), key=lambda c: speeds[_key(c)], default=best)
    if best.precision == "bf16" and speeds[_key(best)] < BF16_MUST_GAIN * speeds[_key(plain)]:
        best = plain
    others = ", ".join(f"{_key(c)} {speeds[_key(c)]:.0f}" for c in candidates if c != best)
    return best, f"{_key(best)} trains {speeds[_key(best)]:.0f} crops/s here ({others})"


def _key(choices: Choices) -> str:
    return f"{choices.precision} {choices.memory_format}"


def cache_folder() -> Path:
    """Where measurements of this machine are kept."""
    return Path(os.environ.get("CLEW_CACHE") or Path.home() / ".cache" / "clew")


def _remembered(candidates: list[Choices], config: Config, batch_size: int) -> dict[str, float]:
    what = [config.as_dict(), batch_size, candidates[0].threads, _cpu(), torch.__version__]
    path = cache_folder() / "choices" / f"{hash_json(what)[:24]}.json"
    speeds = _read_speeds(path)
    missing = [c for c in candidates if _key(c) not in speeds]
    if missing:
        speeds.update(measure(missing, config, batch_size))
        with suppress(OSError):  # a cache that cannot be written costs a measurement, nothing else
            write_json(path, speeds)
    return speeds


def _read_speeds(path: Path) -> dict[str, float]:
    """The cache file is input like any other: what is not a table of positive numbers is measured again."""
    try:
        found = read_json(path)
        return {str(k): float(v) for k, v in found.items() if 0 < float(v) < 1e12}
    except (ClewError, AttributeError, TypeError, ValueError):
        return {}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    wanted = ("model name", "flags", "cpu family", "model")
    return hash_json(sorted({line for line in lines if line.split("\t")[0].strip() in wanted}))


def measure(candidates: list[Choices], config: Config, batch_size: int) -> dict[str, float]:
    """Crops per second of training steps, interleaved between the candidates: medians of 7.

    A candidate whose second step takes 4 times the shortest (bf16 on a CPU without it) is not measured on.
    """
    with thread_count(candidates[0].threads):
        steps = {_key(c): _step(c, config, batch_size) for c in candidates}
        for step in steps.values():
            step()  # warms up
        times = {key: [_seconds(step)] for key, step in steps.items()}
        hopeful = [key for key in steps if times[key][0] < HOPELESS * min(times.values())[0]]
        for _ in range(ROUNDS - 1):
            for key in hopeful:
                times[key].append(_seconds(steps[key]))
    return {key: batch_size / median(values) for key, values in times.items()}


def _seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _step(choices: Choices, config: Config, batch_size: int) -> Callable[[], None]:
    with torch.random.fork_rng(devices=[]):
        module = choices.place(build(config.name, config.input_size, config.classes)).train()
        crops = torch.randint(0, 256, (batch_size, config.input_size, config.input_size, 3), dtype=torch.uint8)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-4)
    labels = torch.arange(batch_size) % 2

    def step() -> None:
        with choices.autocast():
            logits = module(choices.batch(crops))
        optimiser.zero_grad()
        nn.functional.cross_entropy(logits.float(), labels).backward()
        optimiser.step()

    return step
