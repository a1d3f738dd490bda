"""The same bits each time on a GPU, as far as torch has kernels for that."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

NO_SUCH_KERNEL = ("does not have a deterministic implementation", "Deterministic behavior was enabled")


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Runs the block with deterministic kernels where the device is a GPU, and puts torch's flags back.

    An operation without such a kernel runs all the same. cuDNN takes no measurements: their outcome differs from
    one process to the next, and with it the order of sums.
    """
    if device.type != "cuda":
        yield
        return
    cudnn: Any = torch.backends.cudnn
    fill: Any = torch.utils.deterministic
    before = cudnn.deterministic, cudnn.benchmark, fill.fill_uninitialized_memory
    asked, only_warn = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    try:
        cudnn.deterministic, cudnn.benchmark, fill.fill_uninitialized_memory = True, False, False
        torch.use_deterministic_algorithms(True, warn_only=True)
        yield
    finally:
        torch.use_deterministic_algorithms(asked, warn_only=only_warn)
        cudnn.deterministic, cudnn.benchmark, fill.fill_uninitialized_memory = before


@contextmanager
def quiet_kernels() -> Iterator[None]:
    """Keeps torch from telling users which operations have no deterministic kernel."""
    with warnings.catch_warnings():
        for words in NO_SUCH_KERNEL:
            warnings.filterwarnings("ignore", message=f"(?s).*{words}")
        yield
