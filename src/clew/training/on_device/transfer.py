"""Numbers from the host to a device without waiting for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """A copy of an array on a device; on CUDA it goes through pinned memory, so that nothing waits for it."""
    return pinned(np.array(array), device).to(device, non_blocking=True)


def pinned(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """An array as a tensor, in pinned memory where the device is CUDA; elsewhere it shares the array's memory."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory() if device.type == "cuda" else tensor


def together(arrays: Sequence[NDArray[np.float32]], device: torch.device) -> list[Tensor]:
    """Several float32 arrays on a device, of their shapes, in one copy."""
    whole = to_device(np.concatenate([a.reshape(-1) for a in arrays]), device)
    parts = whole.split([a.size for a in arrays])
    return [part.view(a.shape) for part, a in zip(parts, arrays, strict=True)]
