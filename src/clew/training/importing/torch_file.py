"""Tensors in .pth, .pt, .bin (read with weights_only: no code of theirs runs) and .safetensors files."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clew.base.errors import ClewError
from clew.training.importing.content import MOST_BYTES, content_of
from clew.training.weights import State, load_state

# Files keep a state under one of these; the averaged weights come last, as they are not always those that were tested.
WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights",
    "params", "params_ema", "state_dict_ema", "model_ema", "ema",
)  # fmt: skip
DEEPEST = 4
# All that a hostile file has been seen to make the reader raise; SystemExit and the like are not among them.
_BROKEN = (
    pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, ArithmeticError, ImportError, MemoryError, struct.error, zipfile.BadZipFile, NotImplementedError,
)  # fmt: skip


def load_weights(path: Path) -> State:
    """The tensors in somebody's file by the names there; raises ClewError naming it when it is no such file."""
    kind = content_of(path)
    if kind == "hdf5":
        raise ClewError(f"{path} is HDF5, as Keras writes it, not weights of PyTorch.")
    if kind == "safetensors":
        return load_state(path)[0]
    if kind == "zip":
        _check_archive(path)
    return _unwrapped(_load(path), path)


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as handle, warnings.catch_warnings():  # given the path, it would go by the name
            warnings.simplefilter("ignore")  # of what is refused anyway: one line is told
            return torch.load(handle, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        raise ClewError(f"{path} {_why(error)}.") from None


def _why(error: BaseException) -> str:
    """What is wrong, in one line, without the advice to read the file unsafely."""
    text = str(error)
    asked = re.search(r"GLOBAL ([\w.]+)", text)
    if asked is None and "weights_only" not in text:
        first = (text.splitlines() or [""])[0][:200]
        return f"is damaged or truncated ({first or type(error).__name__}): fetch it again"
    what = f"it asks for '{asked.group(1)}'" if asked else "it is a program or holds more"
    return (
        f"is no file of plain tensors, and nothing else is read, as it could run code ({what}): where it was made, "
        "save torch.save(model.state_dict(), FILE)"
    )


def _check_archive(path: Path) -> None:
    """Raises ClewError for an archive that PyTorch did not write, or that unpacks to more than it may."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, struct.error) as error:
        raise ClewError(f"{path} is a damaged or truncated zip archive ({error}): fetch it again.") from None
    names = [part.filename for part in parts]
    if "model.weights.h5" in names:
        raise ClewError(f"{path} is a .keras archive: unpack it and give the model.weights.h5 that lies in it.")
    if not any(name.endswith("/data.pkl") for name in names):
        raise ClewError(f"{path} is a zip archive that PyTorch did not write: unpack it and give what lies in it.")
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(p.file_size for p in parts) > MOST_BYTES:
        raise ClewError(f"{path} is a packed archive, which PyTorch does not write: it is not unpacked.")


def _unwrapped(found: Any, path: Path) -> State:
    """The dictionary of names and tensors in what a file holds, taken out of the usual wrappers."""
    for _ in range(DEEPEST):
        if _is_state(found):
            return dict(found)
        inner = [found[key] for key in WRAPPERS if isinstance(found.get(key), dict)] if isinstance(found, dict) else []
        if not inner:
            break
        found = next((state for state in inner if _is_state(state)), inner[0])
    raise ClewError(
        f"{path}: expected a dictionary of names and tensors, or one of {', '.join(WRAPPERS[:5])}, ... that holds it; "
        f"found {_kind(found)}."
    )


def _is_state(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and bool(found)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items())
    )


def _kind(found: Any) -> str:
    if isinstance(found, dict):
        return f"a dictionary of {', '.join(repr(key) for key in list(found)[:5])}"[:200] if found else "an empty one"
    return f"one tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
