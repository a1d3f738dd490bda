"""The crops of a split where a GPU can take them: all on the device, or streamed to it ahead of their use."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.training.data import Samples
from clew.training.on_device.transfer import pinned, to_device

Positions = NDArray[np.int64] | Tensor  # (B,)
CHUNK_BYTES = 64 * 2**20  # of host memory that loading takes at a time
AHEAD = 2


class CropSource(Protocol):
    """What hands out batches of crops on a device."""

    def prefetch(self, order: Sequence[Positions]) -> None:
        """Announces the batches to come, in their order."""

    def batch(self, positions: Positions) -> Tensor:
        """The crops at `positions` (B,): uint8 (B, 3, H, W) on the device, channels last in memory."""

    def close(self) -> None:
        """Ends what runs in the background."""


def bytes_needed(samples: Samples, input_size: int) -> int:
    """What all crops of a split take at a size, as they lie on a device."""
    return len(samples) * input_size * input_size * 3


def fits(samples: Samples, input_size: int, device: torch.device, force: bool = False) -> bool:
    """Whether a split may be held on a device: at most half of what a CUDA device has free, elsewhere when forced."""
    if force or device.type != "cuda":
        return force
    free, _ = torch.cuda.mem_get_info(device)
    return bytes_needed(samples, input_size) <= free // 2


class _Source:
    """What both kinds share: a context manager that closes."""

    def __init__(self, samples: Samples, input_size: int, device: torch.device) -> None:
        self.samples, self.input_size, self.device = samples, input_size, device

    def close(self) -> None:
        """Ends what runs in the background."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class DeviceCrops(_Source):
    """All crops of a split on a device, read and resized once."""

    def __init__(
        self,
        samples: Samples,
        input_size: int,
        device: torch.device,
        loaded: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Reads the crops, a bounded part of them at a time; `loaded` is told how many each part held."""
        super().__init__(samples, input_size, device)
        shape = (len(samples), input_size, input_size, 3)
        self.levels = torch.empty(shape, dtype=torch.uint8, device=device)
        part = max(1, CHUNK_BYTES // (input_size * input_size * 3))
        for start in range(0, len(samples), part):
            crops = samples.crops(np.arange(start, min(start + part, len(samples))), input_size)
            self.levels[start : start + len(crops)].copy_(torch.from_numpy(crops))
            loaded(len(crops))

    def prefetch(self, order: Sequence[Positions]) -> None:
        """Nothing: all is there."""

    def batch(self, positions: Positions) -> Tensor:
        """The crops at `positions` (B,): uint8 (B, 3, H, W) on the device, channels last in memory."""
        if isinstance(positions, Tensor):
            chosen = positions.to(self.device, torch.int64, non_blocking=True)
        else:
            chosen = to_device(np.asarray(positions, np.int64), self.device)
        return self.levels.index_select(0, chosen).permute(0, 3, 1, 2)


class StreamedCrops(_Source):
    """The crops of a split too large for the device: read from the stores by threads, `ahead` batches at a time."""

    def __init__(self, samples: Samples, input_size: int, device: torch.device, ahead: int = AHEAD) -> None:
        super().__init__(samples, input_size, device)
        self.ahead = max(1, ahead)
        self._threads: ThreadPoolExecutor | None = None
        self._waiting: deque[NDArray[np.int64]] = deque()
        self._reading: deque[tuple[NDArray[np.int64], Future[Tensor]]] = deque()

    def prefetch(self, order: Sequence[Positions]) -> None:
        """Begins to read the batches `order`; `batch` hands them out in this order. What was announced before ends."""
        self.close()
        self._waiting.extend(_on_host(positions) for positions in order)
        if self._waiting:
            workers = min(self.ahead, os.cpu_count() or 1)
            self._threads = ThreadPoolExecutor(workers, thread_name_prefix="clew-crops")
        self._fill()

    def batch(self, positions: Positions) -> Tensor:
        """The crops at `positions` (B,): uint8 (B, 3, H, W) on the device, channels last in memory.

        Raises ValueError when other positions were announced, and what reading raised. Where nothing is announced
        (any more) the crops are read at once.
        """
        wanted = _on_host(positions)
        if not self._reading:
            return self._sent(_read(self.samples, wanted, self.input_size, self.device))
        announced, future = self._reading.popleft()
        try:
            if not np.array_equal(announced, wanted):
                raise ValueError("positions: expected the batch that prefetch announced, found another; announce anew")
            crops = future.result()
            self._fill()
        except BaseException:
            self.close()
            raise
        if not self._reading:
            self.close()
        return self._sent(crops)

    def close(self) -> None:
        """Ends the threads and forgets what was announced; waits for a batch that is being read."""
        self._waiting.clear()
        self._reading.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._threads = None

    def _fill(self) -> None:
        while self._threads is not None and self._waiting and len(self._reading) < self.ahead:
            positions = self._waiting.popleft()
            work = self._threads.submit(_read, self.samples, positions, self.input_size, self.device)
            self._reading.append((positions, work))

    def _sent(self, crops: Tensor) -> Tensor:
        return crops.to(self.device, non_blocking=True).permute(0, 3, 1, 2)


def _read(samples: Samples, positions: NDArray[np.int64], input_size: int, device: torch.device) -> Tensor:
    """Crops (B, H, W, 3) in host memory from which a device copies without waiting."""
    return pinned(samples.crops(positions, input_size), device)


def _on_host(positions: Positions) -> NDArray[np.int64]:
    return np.asarray(positions.cpu() if isinstance(positions, Tensor) else positions, np.int64)
