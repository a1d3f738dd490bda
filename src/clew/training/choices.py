"""Precision and memory layout, chosen once by measurement on this CPU, stored, and told with the reason."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from clew.base.errors import ClewError, unknown_name
from clew.base.files import read_json, write_json
from clew.base.hashing import hash_json
from clew.detectors.base import Config, objective_of
from clew.detectors.build import network
from clew.training.repeatable import quiet_kernels, repeatable
from clew.training.troubles import in_words

PRECISIONS = ("fp32", "bf16")
DEVICES = ("cpu", "cuda")
FORMATS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
BF16_MUST_GAIN = 1.15  # it costs precision, so a small gain is not enough
COMPILED_MUST_GAIN = 1.1  # it costs a minute
Objective = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
ROUNDS = 7
HOPELESS = 4


@dataclass(frozen=True)
class Choices:
    """What decides the bits of a training beside its settings: fixed in the config before work starts."""

    precision: str = "fp32"
    memory_format: str = "contiguous"
    threads: int = 1
    device: str = "cpu"
    devices: int = 1
    compile: bool = False

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise unknown_name("device", self.device, DEVICES)
        if not 1 <= self.devices <= 1024:
            raise ClewError(f"--devices {self.devices}: expected 1 to 1024.")
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
        return self.images(crops.permute(0, 3, 1, 2))

    def images(self, crops: torch.Tensor) -> torch.Tensor:
        """uint8 crops (B, 3, H, W) as float images in [0, 1] in the chosen memory format."""
        return crops.to(memory_format=FORMATS[self.memory_format]).float().div_(255)

    def autocast(self) -> torch.autocast:
        """The context in which the network runs."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")


def check_device(device: str, devices: int) -> None:
    """Raises ClewError where torch does not find so many GPUs."""
    if device == "cuda" and torch.cuda.device_count() < devices:
        raise ClewError(
            f"--device cuda --devices {devices}: torch finds {torch.cuda.device_count()} GPUs here; "
            "choose --device cpu, or fewer."
        )


@contextmanager
def thread_count(threads: int) -> Iterator[None]:
    """Runs the block with so many torch threads, and puts the old number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Wishes:
    """What is asked for of the choices: a value, or `auto` for what measures fastest (`threads` 0: see `settle`)."""

    precision: str = "auto"
    memory_format: str = "auto"
    threads: int = 0
    device: str = "auto"
    devices: int = 1
    compile: str = "auto"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("precision", self.precision, PRECISIONS),
            ("memory format", self.memory_format, tuple(FORMATS)),
            ("device", self.device, DEVICES),
            ("--compile", self.compile, ("on", "off")),
        ):
            if value not in ("auto", *known):
                raise unknown_name(name, value, ("auto", *known))
        Choices(threads=max(1, self.threads), devices=self.devices)

    def met_by(self, choices: Choices) -> bool:
        """Whether choices made earlier are what is asked for."""
        return (
            self.precision in ("auto", choices.precision)
            and self.memory_format in ("auto", choices.memory_format)
            and self.threads in (0, choices.threads)
            and self.device in ("auto", choices.device)
            and self.devices == choices.devices
            and (self.compile == "auto" or (self.compile == "on") == choices.compile)
        )


def choose(config: Config, batch_size: int, wishes: Wishes) -> tuple[Choices, str]:
    """The fastest device, precision and layout for training `config` on this machine, and the reason in words.

    What is not `auto` is taken as given; a GPU is taken where torch finds one. A measurement is kept per CPU or
    GPU, torch version and network in the cache folder (CLEW_CACHE, or ~/.cache/clew), so that the same machine
    chooses the same again. bf16 is chosen only where it gains at least 15 %, compilation (on a GPU) 10 %. Raises
    ClewError where there are not as many GPUs as asked for, or they cannot train.
    """
    device = wishes.device if wishes.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    check_device(device, wishes.devices)
    precisions = list(PRECISIONS) if wishes.precision == "auto" else [wishes.precision]
    formats = list(FORMATS) if wishes.memory_format == "auto" else [wishes.memory_format]
    threads, always = max(1, wishes.threads), wishes.compile == "on"
    candidates = [Choices(p, f, threads, device, wishes.devices, always) for p in precisions for f in formats]
    best, reason = candidates[0], "as asked"
    if len(candidates) > 1:
        best, reason = _fastest(candidates, config, batch_size)
    if wishes.compile != "auto" or device == "cpu":
        return best, reason
    return _compiled(best, reason, config, batch_size)


def _fastest(candidates: list[Choices], config: Config, batch_size: int) -> tuple[Choices, str]:
    with in_words(candidates[0].device, batch_size):
        speeds = _remembered(candidates, config, batch_size)
    best = max(candidates, key=lambda c: speeds[_key(c)])
    plain = max((c for c in candidates if c.precision == "fp32"), key=lambda c: speeds[_key(c)], default=best)
    if best.precision == "bf16" and speeds[_key(best)] < BF16_MUST_GAIN * speeds[_key(plain)]:
        best = plain
    others = ", ".join(f"{_key(c)} {speeds[_key(c)]:.0f}" for c in candidates if c != best)
    return best, f"{_key(best)} trains {speeds[_key(best)]:.0f} crops/s here ({others})"


def _compiled(plain: Choices, reason: str, config: Config, batch_size: int) -> tuple[Choices, str]:
    """The same choices compiled, where that gains."""
    candidate = replace(plain, compile=True)
    try:
        speeds = _remembered([plain, candidate], config, batch_size)
    except Exception as error:  # noqa: BLE001  # whatever the compiler lacks here, training goes on without it
        return plain, f"{reason}; not compiled ({type(error).__name__})"
    if speeds[_key(candidate)] < COMPILED_MUST_GAIN * speeds[_key(plain)]:
        return plain, f"{reason}; compiled {speeds[_key(candidate)]:.0f}"
    return candidate, f"{reason}; compiled {speeds[_key(candidate)]:.0f}"


def _key(choices: Choices) -> str:
    return f"{choices.precision} {choices.memory_format}" + (" compiled" if choices.compile else "")


def cache_folder() -> Path:
    """Where measurements of this machine are kept."""
    return Path(os.environ.get("CLEW_CACHE") or Path.home() / ".cache" / "clew")


def _remembered(candidates: list[Choices], config: Config, batch_size: int) -> dict[str, float]:
    first = candidates[0]
    machine = _cpu() if first.device == "cpu" else torch.cuda.get_device_name()
    what = [config.as_dict(), batch_size, first.threads, machine, torch.__version__]
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
    try:
        with thread_count(candidates[0].threads), quiet_kernels():
            return {key: batch_size / median(values) for key, values in _times(candidates, config, batch_size).items()}
    finally:
        if candidates[0].device == "cuda":  # the processes that train need what this one would keep
            gc.collect()
            torch.cuda.empty_cache()


def _times(candidates: list[Choices], config: Config, batch_size: int) -> dict[str, list[float]]:
    steps = {_key(c): _step(c, config, batch_size) for c in candidates}
    for step in steps.values():
        step()  # warms up
    times = {key: [_seconds(step)] for key, step in steps.items()}
    hopeful = [key for key in steps if times[key][0] < HOPELESS * min(times.values())[0]]
    for _ in range(ROUNDS - 1):
        for key in hopeful:
            times[key].append(_seconds(steps[key]))
    return times


def compiled(objective: Objective) -> Objective:
    """An objective as torch compiles it: for each shape of its own, and as if for the first time in this process.

    What was compiled before would decide which code is taken, and torch gives up after a few networks.
    """
    torch.compiler.reset()
    found: Objective = torch.compile(objective, dynamic=False)
    return found


def _seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _step(choices: Choices, config: Config, batch_size: int) -> Callable[[], None]:
    """One training step as a call, which returns when the device is done with it."""
    device = torch.device(choices.device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        module = choices.place(network(config)).train().to(device)
        size = config.input_size
        crops = torch.randint(0, 256, (batch_size, size, size, 3), dtype=torch.uint8).to(device)
    labels = (torch.arange(batch_size) % 2).to(device)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-4, fused=True)
    objective = compiled(objective_of) if choices.compile else objective_of

    def step() -> None:
        with repeatable(device):
            with choices.autocast():
                loss = objective(module, choices.batch(crops), labels)
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step
