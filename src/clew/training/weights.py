"""States (names -> tensors) in safetensors files: no pickle is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.base.files import write_bytes

State = dict[str, Tensor]


def save_state(path: Path, state: State, facts: dict[str, Any] | None = None) -> None:
    """Writes a state, and JSON `facts` with it, atomically; equal states give equal bytes."""
    plain = {name: tensor.detach().contiguous().clone() for name, tensor in state.items()}
    write_bytes(path, save(plain, {"clew": json.dumps(facts or {}, sort_keys=True)}))


def load_state(path: Path) -> tuple[State, dict[str, Any]]:
    """The state and the facts in a safetensors file; raises ClewError when it is damaged or missing."""
    try:
        with safe_open(path, "pt") as handle:
            facts = json.loads((handle.metadata() or {}).get("clew", "{}"))
            return {name: handle.get_tensor(name) for name in handle.keys()}, facts  # noqa: SIM118
    except FileNotFoundError:
        raise ClewError(f"{path} does not exist.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ClewError(f"{path} is not a readable safetensors file ({error}).") from None


def fit_state(module: nn.Module, state: State, where: str) -> State:
    """`state` checked against a network: same names, same shapes; raises ClewError naming the first difference."""
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in state:
            raise ClewError(f"{where} lacks '{name}': it belongs to another detector or input size.")
        if state[name].shape != tensor.shape:
            raise ClewError(
                f"{where}: '{name}' has shape {tuple(state[name].shape)}, expected {tuple(tensor.shape)}: "
                "it belongs to another detector or input size."
            )
    surplus = sorted(set(state) - set(own))
    if surplus:
        raise ClewError(f"{where} holds '{surplus[0]}', which this detector does not have.")
    return {name: state[name].to(tensor.dtype) for name, tensor in own.items()}
