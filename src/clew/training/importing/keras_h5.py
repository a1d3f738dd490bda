"""The layers in a Keras .h5, without TensorFlow; the file is hostile until shown otherwise.

Three forms: Keras 2 `save_weights` (root attribute layer_names), a whole model (the same in the group model_weights),
and Keras 3 `.weights.h5` (layers/NAME/vars/0, 1, ...). Nothing outside the file is followed, nothing is unpacked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError

KINDS = ("conv", "norm", "dense")
MOST_NAMES = 4096
MOST_TEXT = 2**30
_KERAS_3 = ("layers", "_layer_checkpoint_dependencies")  # the second: TensorFlow 2.12 and 2.13
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_PLAIN = ("kernel", "bias")


@dataclass(frozen=True)
class KerasLayer:
    """A layer: its `kind` (conv, norm, dense) and its arrays by role, not yet read.

    `base` and `number` are the parts of a name such as conv2d_17 (without a suffix: 0), which counts the layers as
    they were made; "" and 0 where the file does not keep that name.
    """

    name: str
    kind: str
    arrays: dict[str, Any]  # role -> h5py.Dataset
    base: str
    number: int


@contextmanager
def keras_layers(path: Path) -> Iterator[list[KerasLayer]]:
    """The layers with weights in a Keras file, in the file's order, while it is open.

    Raises ClewError naming the file when it is damaged, not of Keras, or holds anything but plain arrays.
    """
    import h5py  # needed by nobody who reads no such file

    try:
        with h5py.File(path, "r") as file:
            yield _layers(file, str(path))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ClewError(f"{path} is a damaged or truncated HDF5 file ({first}): fetch it again.") from None


def by_creation(layers: Sequence[KerasLayer]) -> tuple[list[KerasLayer], bool]:
    """Layers of one kind as they were made, and True; where their names do not count them: as listed, and False."""
    if len({layer.base for layer in layers}) <= 1 and len({layer.number for layer in layers}) == len(layers):
        return sorted(layers, key=lambda layer: layer.number), True
    return list(layers), False


def read_array(dataset: Any, what: str) -> NDArray[np.float32]:
    """A plain array of floats; its shape must have been looked at. Raises ClewError for any other kind of data."""
    if dataset.dtype not in (np.float16, np.float32, np.float64):
        raise ClewError(f"{what} holds {dataset.dtype}, expected float16, float32 or float64.")
    if dataset.is_virtual or dataset.external:
        raise ClewError(f"{what} lies in another file: such links are not followed.")
    if dataset.id.get_create_plist().get_nfilters():
        raise ClewError(f"{what} is compressed, which Keras does not do: unpack it with 'h5repack -f NONE'.")
    with np.errstate(over="ignore"):  # what does not fit into float32 becomes infinite, and is refused as such
        return np.asarray(dataset[()], np.float32)


def _layers(file: Any, where: str) -> list[KerasLayer]:
    root = _member(file, "model_weights", where) if "model_weights" in file else file
    if "layer_names" in root.attrs or "layer_names0" in root.attrs:
        return list(_keras_2(root, where))
    for name in _KERAS_3:
        if name in file:
            return _keras_3(_member(file, name, where), where)
    raise ClewError(f"{where} is HDF5 but not weights of Keras: expected layer_names, model_weights or layers in it.")


def _keras_2(root: Any, where: str) -> Iterator[KerasLayer]:
    for layer in _names(root, "layer_names", where):
        group = _member(root, layer, where)
        parts: dict[str, dict[str, Any]] = {}  # a model inside the model has the weights of several layers
        for weight in _names(group, "weight_names", where):
            owner, _, role = weight.rpartition("/")
            parts.setdefault(owner, {})[role] = _member(group, weight, where)
        for owner, arrays in parts.items():
            name = layer if len(parts) == 1 else owner.rpartition("/")[2]
            yield _layer(name, name, arrays, where)


def _keras_3(root: Any, where: str) -> list[KerasLayer]:
    """The groups are numbered by depth; the attribute `name`, in later versions, keeps the layer's own name."""
    if len(root) > MOST_NAMES:
        raise ClewError(f"{where} holds {len(root):,} layers; at most {MOST_NAMES:,} are read.")
    found = []
    for group in sorted(root, key=_split):
        if "vars" not in _member(root, group, where):
            continue
        variables = _member(root, f"{group}/vars", where)
        if not 0 < len(variables) <= MOST_NAMES:
            continue
        arrays = {key: _member(variables, key, where) for key in sorted(variables, key=_split)}
        own = _names(variables, "name", where) if "name" in variables.attrs else []
        found.append(_layer(group, own[0] if own else "", arrays, where))
    return found


def _layer(name: str, counted: str, arrays: dict[str, Any], where: str) -> KerasLayer:
    """A layer with its kind told by the roles of its arrays, or by their shapes where the file names no roles."""
    base, number = _split(counted)
    roles = {re.sub(r"(_\d+)?(:\d+)?$", "", role): array for role, array in arrays.items()}
    for array in arrays.values():
        if not hasattr(array, "dtype") or not hasattr(array, "ndim"):
            raise ClewError(f"{where}: layer '{name}' holds something that is no array.")
    ranks = tuple(array.ndim for array in arrays.values())
    if len(roles) == len(arrays) and set(roles) & set(_NORM):
        kind = "norm"
    elif len(roles) == len(arrays) and set(roles) <= set(_PLAIN) and "kernel" in roles:
        kind = {4: "conv", 2: "dense"}.get(roles["kernel"].ndim, "")
    else:
        kind = {(4, 1): "conv", (4,): "conv", (2, 1): "dense", (2,): "dense", (1, 1, 1, 1): "norm"}.get(ranks, "")
        roles = dict(zip(_NORM if kind == "norm" else _PLAIN, arrays.values(), strict=False))
    if not kind:
        shapes = ", ".join(f"{role} {array.shape}" for role, array in list(arrays.items())[:4])
        raise ClewError(f"{where}: layer '{name}' ({shapes}) is no convolution, BatchNorm or dense layer.")
    return KerasLayer(name, kind, roles, base, number)


def _split(name: str) -> tuple[str, int]:
    """conv2d_17 -> (conv2d, 17); conv2d -> (conv2d, 0); 3 -> ("", 3)."""
    found = re.fullmatch(r"(.*?)_?(\d{1,9})", name)
    return (found.group(1), int(found.group(2))) if found else (name, 0)


def _member(group: Any, name: str, where: str) -> Any:
    """What lies under a name in a group, reached by hard links alone: the others can point to any other file."""
    import h5py

    for part in name.split("/"):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) and part not in ("", ".") else None
        if link is None:
            raise ClewError(f"{where} lacks '{name}', which it lists: it is damaged.")
        if not isinstance(link, h5py.HardLink):
            raise ClewError(f"{where}: '{name}' is a link to elsewhere: such links are not followed.")
        group = group[part]
    return group


def _names(group: Any, key: str, where: str) -> list[str]:
    """An attribute that lists names, bytes or text, whole or in the pieces (key0, key1, ...) of a long one."""
    pieces = takewhile(lambda piece: piece in group.attrs, (f"{key}{number}" for number in range(MOST_NAMES)))
    keys = [key] if key in group.attrs else list(pieces)
    return [name for part in keys for name in _texts(group, part, where)]


def _texts(group: Any, key: str, where: str) -> list[str]:
    import h5py

    attribute = group.attrs.get_id(key)
    text = h5py.check_string_dtype(attribute.dtype)
    count = int(np.prod(attribute.shape, dtype=np.float64))
    if count == 0:  # Keras writes an empty list as an empty array of floats
        return []
    if text is None:
        raise ClewError(f"{where}: its attribute '{key}' holds {attribute.dtype}, expected names.")
    # Texts of free length may all point to the same long one: the file's size bounds each of them.
    size = text.length or group.file.id.get_filesize()
    if count > MOST_NAMES or count * size > MOST_TEXT:
        raise ClewError(f"{where}: its attribute '{key}' holds {count:,} names of up to {size:,} bytes: too many.")
    found = np.asarray(group.attrs[key], object).reshape(-1)
    names = [name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in found]
    if not all(name.isprintable() for name in names):
        raise ClewError(f"{where}: its attribute '{key}' holds names that cannot be printed: it is damaged.")
    return names
