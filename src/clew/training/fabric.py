"""Where a training runs: Lightning Fabric places the network, sets its precision, and spreads it over processes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.training.choices import Choices

Report = Callable[[float, str], None]
PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed"}


def make_fabric(choices: Choices) -> Fabric:
    """The Fabric for some choices; raises ClewError where the device is not there."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its start-up lines tell users nothing
    if choices.device == "cuda" and torch.cuda.device_count() < choices.devices:
        raise ClewError(
            f"--device cuda --devices {choices.devices}: torch finds {torch.cuda.device_count()} GPUs here; "
            "choose --device cpu, or fewer."
        )
    return Fabric(
        accelerator=choices.device,
        devices=choices.devices,
        strategy="ddp_spawn" if choices.devices > 1 else "auto",
        precision=PRECISION[choices.precision],  # type: ignore[arg-type]
    )


def spread(choices: Choices, function: Callable[..., Any], *args: Any) -> Any:
    """`function(fabric, *args)` in as many processes as there are devices; what the first of them returns.

    With one device it runs here; with more, `function` and `args` must be picklable (torch.distributed, DDP).
    """
    fabric = make_fabric(choices)
    if choices.devices == 1:
        return function(fabric, *args)
    found, error = fabric.launch(_Call(function, args))
    if error is not None:
        raise ClewError(error)
    return found


class _Call:
    """A call to be made in every process; closed to Fabric, which takes arguments apart and may not frozen ones."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function, self.args = function, args

    def __call__(self, fabric: Fabric) -> tuple[Any, str | None]:
        """What the function returns, or its error in words: all processes meet the same one, so none is waited for."""
        try:
            return self.function(fabric, *self.args), None
        except ClewError as error:
            return None, str(error)


@contextmanager
def relayed(choices: Choices, report: Report) -> Iterator[Report]:
    """`report` as a call that other processes can make: with several devices what they say comes through a queue."""
    if choices.devices == 1:
        yield report
        return
    queue = torch.multiprocessing.get_context("spawn").SimpleQueue()
    listener = threading.Thread(target=_listen, args=(queue, report), daemon=True)
    listener.start()
    try:
        yield _Relay(queue)
    finally:
        queue.put(None)
        listener.join()
        queue.close()


@dataclass(frozen=True)
class _Relay:
    """Puts what is reported into a queue."""

    queue: Any

    def __call__(self, steps: float, note: str) -> None:
        self.queue.put((steps, note))


def _listen(queue: Any, report: Report) -> None:
    while (said := queue.get()) is not None:
        report(*said)


def gather(fabric: Fabric, share: Any) -> list[Any]:
    """What every process holds, in their order: a list in each of them."""
    if fabric.world_size == 1:
        return [share]
    shares: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(shares, share)
    return shares


def mean_over(fabric: Fabric, value: Tensor) -> Tensor:
    """The mean of a scalar over the processes."""
    if fabric.world_size == 1:
        return value
    mean = fabric.all_reduce(value, reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean


def agree(fabric: Fabric, module: nn.Module) -> None:
    """Gives every process the first one's buffers: each BatchNorm has seen its own share of the batches."""
    if fabric.world_size > 1:
        for buffer in module.buffers():
            torch.distributed.broadcast(buffer, src=0)


class Objective(nn.Module):
    """A network's objective as a module of its own, so that its call goes through precision and DDP."""

    def __init__(self, network: nn.Module, objective: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network
        self.value = objective

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """The scalar to be lowered, for images (B, 3, H, W) and targets (B,) or (B, K)."""
        return self.value(self.network, images, targets)
