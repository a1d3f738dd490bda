"""From the layers of a Keras file to the state of a network: by kind and order, every shape checked before reading."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.base.errors import ClewError
from clew.training.importing.fitting import MOST_CLASSES
from clew.training.importing.keras_h5 import KINDS, KerasLayer, by_creation, keras_layers, read_array
from clew.training.importing.keras_layouts import KerasLayout, keras_layouts
from clew.training.weights import State

Array = NDArray[np.float32]
Shape = tuple[int | None, ...]  # None: any number of classes

_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_PLAIN = {"kernel": "weight", "bias": "bias"}


def keras_state(path: Path, module: nn.Module, detector: str, classifier: str) -> State:
    """The tensors of a Keras file under the names of `module`; raises ClewError when it is of another network.

    Convolutions turn from (H, W, I, O) to (O, I, H, W), dense layers from (I, O) to (O, I), and the columns of the
    first dense layer from Keras' order of a flattened map (H, W, C) to ours (C, H, W).
    """
    if detector not in keras_layouts:
        raise ClewError(f"{path} is a Keras file, which is read for {', '.join(keras_layouts)} alone, not {detector}.")
    layout = keras_layouts.get(detector)(module)
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    state: State = {}
    with keras_layers(path) as layers:
        for layer, target in _pairs(layers, layout, detector, path):
            for role, name in _tensors(layer, target, own, path):
                rows = target == classifier
                array = _read(layer, role, own[name], rows, path)
                state[name] = torch.from_numpy(_turned(array, own[name], target == layout.flat, layout, own))
    return state


def _pairs(
    layers: list[KerasLayer], layout: KerasLayout, detector: str, path: Path
) -> Iterator[tuple[KerasLayer, str]]:
    """Every layer of the file with the name of ours that it fills."""
    targets = {"conv": layout.convs, "norm": layout.norms, "dense": layout.denses}
    found = {kind: [layer for layer in layers if layer.kind == kind] for kind in KINDS}
    if any(len(found[kind]) != len(targets[kind]) for kind in KINDS):
        raise ClewError(
            f"{path} holds {_counts(found)}, expected {_counts(targets)} of {detector}: "
            "these are weights of another network."
        )
    for kind in KINDS:
        ordered, created = by_creation(found[kind])
        names = layout.by_depth if kind == "conv" and layout.by_depth and not created else targets[kind]
        yield from zip(ordered, names, strict=True)


def _counts(layers: Any) -> str:
    words = {"conv": "convolutions", "norm": "BatchNorms", "dense": "dense layers"}
    return ", ".join(f"{len(layers[kind])} {words[kind]}" for kind in KINDS)


def _tensors(layer: KerasLayer, target: str, own: dict[str, tuple[int, ...]], path: Path) -> Iterator[tuple[str, str]]:
    """The roles in a layer, each with the name of the tensor that it fills."""
    words = _NORM if layer.kind == "norm" else _PLAIN
    wanted = {role: f"{target}.{part}" for role, part in words.items() if f"{target}.{part}" in own}
    if set(wanted) != set(layer.arrays):
        raise ClewError(
            f"{path}: layer '{layer.name}' holds {', '.join(layer.arrays)}; expected {', '.join(wanted)} ('{target}')."
        )
    yield from wanted.items()


def _read(layer: KerasLayer, role: str, own: tuple[int, ...], any_rows: bool, path: Path) -> Array:
    shape: Shape = own
    if role == "kernel":
        shape = (*own[2:], own[1], own[0]) if len(own) == 4 else own[::-1]
    if any_rows:  # the last axis counts the classes in all of a dense layer's arrays
        shape = (*shape[:-1], None)
    found = tuple(layer.arrays[role].shape)
    if not _same(found, shape):
        said = tuple("K" if size is None else size for size in shape)
        raise ClewError(
            f"{path}: '{layer.name}/{role}' has shape {found}, expected {str(said).replace(chr(39), '')}: "
            "it belongs to another detector or input size."
        )
    return read_array(layer.arrays[role], f"{path}: '{layer.name}/{role}'")


def _same(found: tuple[int, ...], shape: Shape) -> bool:
    return len(found) == len(shape) and all(
        1 <= size <= MOST_CLASSES if wanted is None else size == wanted
        for size, wanted in zip(found, shape, strict=True)
    )


def _turned(
    array: Array, own: tuple[int, ...], flat: bool, layout: KerasLayout, shapes: dict[str, tuple[int, ...]]
) -> Array:
    """An array with its axes in torch's order."""
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
    elif array.ndim == 2 and flat:
        channels = shapes[f"{layout.norms[-1]}.weight"][0]
        side = isqrt(own[1] // channels)
        array = array.reshape(side, side, channels, -1).transpose(3, 2, 0, 1).reshape(-1, own[1])
    elif array.ndim == 2:
        array = array.T
    return np.ascontiguousarray(array)
