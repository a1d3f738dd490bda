"""Where a training runs: Lightning Fabric places the network, sets its precision, and spreads it over processes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from clew.training.choices import Choices, check_device
from clew.training.processes import Here, Report, together

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed"}
BACKEND = {"cpu": "gloo", "cuda": "nccl"}
PATIENCE = timedelta(minutes=30)  # of a process that waits for the others
CHATTER = ("find_unused_parameters=True was specified", "Grad strides do not match bucket view strides")


def make_fabric(choices: Choices, rank: int = 0) -> Fabric:
    """The Fabric for some choices in the process `rank`; raises ClewError where the device is not there."""
    from lightning_fabric import Fabric  # seconds to import, and a mistake is to be told at once
    from lightning_fabric.strategies import DDPStrategy

    from clew.training.rank import Rank

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its start-up lines tell users nothing
    check_device(choices.device, choices.devices)
    # not every network uses all of its parameters in each step: mi_net's weights of losses, heads of outside networks
    many: Any = DDPStrategy(find_unused_parameters=True) if choices.devices > 1 else "auto"
    return Fabric(
        accelerator=choices.device,
        devices=choices.devices,
        strategy=many,
        precision=PRECISION[choices.precision],  # type: ignore[arg-type]
        plugins=[Rank(rank)],
    )


def spread(
    choices: Choices, function: Callable[..., Any], *args: Any, report: Report = lambda steps, note: None
) -> Any:
    """`function(fabric, *args, report)` in as many processes as there are devices; what the first of them returns.

    With one device it runs here; with more, `function`, `args` and the result must be picklable, and what the
    processes report is told to `report` here. Raises ClewError when one of them fails (torch.distributed, DDP).
    """
    check_device(choices.device, choices.devices)
    if choices.devices == 1:
        return function(make_fabric(choices), *args, report)
    return together(choices.devices, _joined, (choices, function, args), report)


def _joined(here: Here, choices: Choices, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What each of several processes does: meets the others, then makes the call."""
    for words in CHATTER:
        warnings.filterwarnings("ignore", message=f"(?s).*{words}")
    fabric = make_fabric(choices, here.rank)
    if choices.device == "cuda":
        torch.cuda.set_device(here.rank)
    # they meet in a file: no port that another program takes first, no variables of somebody else's launcher
    store = torch.distributed.FileStore(str(here.meeting), here.of)
    torch.distributed.init_process_group(
        BACKEND[choices.device], store=store, rank=here.rank, world_size=here.of, timeout=PATIENCE
    )
    fabric.launch()
    return function(fabric, *args, here.report)


def gather(fabric: Fabric, share: Any) -> list[Any]:
    """What every process holds, in their order: a list in each of them."""
    if fabric.world_size == 1:
        return [share]
    shares: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(shares, share)
    return shares


def mean_over(fabric: Fabric, value: Tensor) -> Tensor:
    """The mean of a scalar over the processes; no GPU is waited for, as Fabric's own would."""
    if fabric.world_size == 1:
        return value
    total = value.clone()
    torch.distributed.all_reduce(total)
    return total / fabric.world_size


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
