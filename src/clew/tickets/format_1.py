"""The tensors of format 1, which earlier versions wrote: three or four for each layer; read, not written any more."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.tickets.packed import Tensors, filled, unpacked_bits


def unpacked_1(header: dict[str, Any], tensors: Tensors) -> tuple[Tensors, Tensors, Tensors]:
    """Mask, values and rest in `mask/NAME`, `kept/NAME` and `rest/NAME`; raises ValueError where they do not fit."""
    tensors = dict(tensors)
    mask: dict[str, NDArray[np.bool_]] = {}
    values: dict[str, NDArray[np.float32]] = {}
    for name, shape in header["shapes"].items():
        mask[name] = unpacked_bits(tensors.pop(f"mask/{name}"), prod(shape), name).reshape(shape)
        values[name] = filled(mask[name], tensors.pop(f"kept/{name}"), np.dtype(np.float32), name)
    rest = {name.removeprefix("rest/"): tensor for name, tensor in tensors.items()}
    return mask, values, rest
