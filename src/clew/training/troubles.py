"""What a device or a compiler refuses, in words that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from clew.base.errors import ClewError

NO_MEMORY = "can't allocate memory"


@contextmanager
def in_words(device: str, batch_size: int) -> Iterator[None]:
    """Turns the errors of a device, or of torch's compiler, within the block into ClewErrors of one line."""
    try:
        yield
    except RuntimeError as error:
        if (told := _told(error, device, batch_size)) is None:
            raise
        raise ClewError(told) from error


def _told(error: RuntimeError, device: str, batch_size: int) -> str | None:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    kinds = [kind.__module__ for kind in type(error).__mro__]
    if isinstance(error, torch.cuda.OutOfMemoryError) or NO_MEMORY in first:
        return (
            f"the memory of the device '{device}' is too small for batches of {batch_size}: give a smaller "
            "--batch-size, and --accumulate to make up for it."
        )
    if any(kind.startswith(("torch._dynamo", "torch._inductor")) for kind in kinds):
        return f"torch cannot compile this network here ({first}): give --compile off."
    if device == "cuda" and "CUDA" in first:
        return f"the GPU cannot go on ({first}): give the same command again, or --device cpu."
    return None
