"""The tensors of a ticket file: a few for the whole network, whatever its number of layers; needs no torch.

    mask        packed bits (uint8, most significant first) of all prunable tensors
    kept        their surviving values (float32, or float16)
    rest/DTYPE  whatever is not prunable, the tensors of each type together
    details     the compressed part of the header (uint8), which tells the names and shapes in `rest`

One tensor follows another in the order of their names, each in C order, with nothing in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]
DTYPES: dict[str, np.dtype[Any]] = {
    "fp32": np.dtype(np.float32),
    "fp16": np.dtype(np.float16),
}  # by the header's `values`


def packed(mask: Mapping[str, NDArray[np.bool_]], values: Tensors, rest: Tensors, stored: str) -> Tensors:
    """What a ticket is written as, less its details; `stored` one of `VALUES`.

    Raises ValueError when a pruned value is not zero, or a surviving one has no place in `stored`.
    """
    bits, kept = [np.zeros(0, bool)], [np.zeros(0, np.float32)]
    for name in sorted(mask):
        _check_values(name, mask[name], values[name])
        bits.append(mask[name].reshape(-1))
        kept.append(values[name][mask[name]])
    tensors = {"mask": np.packbits(np.concatenate(bits)), "kept": _stored(np.concatenate(kept), DTYPES[stored])}
    for kind, shapes in layout_of(rest).items():
        tensors[f"rest/{kind}"] = np.concatenate([rest[name].reshape(-1) for name in sorted(shapes)])
    return tensors


def layout_of(rest: Tensors) -> dict[str, dict[str, list[int]]]:
    """The header's `rest`: by type of number the names and shapes of the tensors."""
    found: dict[str, dict[str, list[int]]] = {}
    for name, tensor in rest.items():
        found.setdefault(tensor.dtype.name, {})[name] = list(tensor.shape)
    return found


def unpacked(header: dict[str, Any], tensors: Tensors) -> tuple[Tensors, Tensors, Tensors]:
    """Mask, values (float32) and rest in the tensors of a file; raises ValueError where header and tensors differ."""
    shapes, layouts = header["shapes"], header["rest"]
    _check_names(tensors, {"mask", "kept", "details", *(f"rest/{kind}" for kind in layouts)})
    bits = unpacked_bits(tensors["mask"], sum(map(prod, shapes.values())), "mask")
    mask = _apart(bits, shapes)
    filling = filled(bits, tensors["kept"], DTYPES[header.get("values", "fp32")], "kept")
    rest: Tensors = {}
    for kind, layout in layouts.items():
        _expect_numbers(tensors[f"rest/{kind}"], kind, layout)
        rest |= _apart(tensors[f"rest/{kind}"], layout)
    return mask, _apart(filling, shapes), rest


def unpacked_bits(found: NDArray[Any], count: int, name: str) -> NDArray[np.bool_]:
    """`count` bits (count,), the checked content of a tensor."""
    if found.dtype != np.uint8 or found.shape != (-(-count // 8),):
        raise ValueError(f"{name}: the mask does not fit the shapes, {count:,} weights")
    bits = np.unpackbits(found)
    if bits[count:].any():
        raise ValueError(f"{name}: the mask has bits beyond its end")
    return bits[:count].view(bool)


def filled(mask: NDArray[np.bool_], kept: NDArray[Any], dtype: np.dtype[Any], name: str) -> NDArray[np.float32]:
    """Values of the shape of a mask, the surviving ones in their places, zeros elsewhere."""
    if kept.dtype != dtype or kept.shape != (np.count_nonzero(mask),):
        raise ValueError(f"{name}: the surviving values do not fit the mask, or are not {dtype}")
    if dtype == np.float16 and not np.isfinite(kept).all():
        raise ValueError(f"{name}: a surviving value is NaN or infinite")
    if len(kept) == mask.size:
        return kept.astype(np.float32).reshape(mask.shape)
    values = np.zeros(mask.size, np.float32)
    values[np.flatnonzero(mask)] = kept  # many times faster than the mask itself as an index, where it is sparse
    return values.reshape(mask.shape)


def _check_values(name: str, mask: NDArray[np.bool_], values: NDArray[Any]) -> None:
    if values.shape != mask.shape or values.dtype != np.float32:
        raise ValueError(f"{name}: expected float32 {mask.shape}, found {values.dtype} {values.shape}")
    if np.any(values[~mask]):
        raise ValueError(f"{name}: a pruned weight is not zero")


def _stored(kept: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        found = kept.astype(dtype)
    if dtype != np.float32 and not (np.isfinite(found).all() and np.array_equal(found.astype(np.float32), kept)):
        raise ValueError(f"its header says {dtype}, in which its values have no place: round them first")
    return found


def _check_names(tensors: Tensors, expected: set[str]) -> None:
    for what, names in (("lacks", expected - set(tensors)), ("has unknown", set(tensors) - expected)):
        if names:
            raise ValueError(f"it {what} tensors: {', '.join(sorted(names))[:200]}")


def _expect_numbers(found: NDArray[Any], kind: str, layout: Mapping[str, list[int]]) -> None:
    if found.dtype.name != kind or found.shape != (sum(map(prod, layout.values())),):
        raise ValueError(f"rest/{kind}: does not fit the names and shapes of the header")


def _apart(flat: NDArray[Any], shapes: Mapping[str, list[int]]) -> Tensors:
    """The tensors by name that lie in one, one after the other."""
    found, start = {}, 0
    for name in sorted(shapes):
        end = start + prod(shapes[name])
        found[name] = flat[start:end].reshape(shapes[name])
        start = end
    return found
