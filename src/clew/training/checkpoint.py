"""What a killed training goes on from: one safetensors file, written whole, of one training alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.training.data import Samples
from clew.training.weights import State, load_state, save_state

FACTS = ("best_epoch", "best_score", "good", "history", "losses", "of", "pictures", "step")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's file; `of` says, when it is asked, which training it belongs to."""

    path: Path
    of: Callable[[], str]

    @property
    def last_good(self) -> Path:
        """Where weights are kept when the training breaks."""
        return self.path.with_suffix(".last-good.safetensors")

    @cached_property
    def identity(self) -> str:
        """Which training it belongs to."""
        return self.of()

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.exists()

    def write(self, parts: Mapping[str, State], facts: Mapping[str, Any]) -> None:
        """Writes named groups of tensors, and facts for JSON."""
        tensors = {f"{part}/{name}": tensor for part, state in parts.items() for name, tensor in state.items()}
        save_state(self.path, tensors, {**facts, "of": self.identity})

    def read(self) -> tuple[dict[str, State], dict[str, Any]]:
        """What `write` took; raises ClewError when it is damaged or another training's."""
        mend = f"remove {self.path}, and the training begins anew."
        try:
            tensors, facts = load_state(self.path)
        except ClewError as error:
            raise ClewError(f"the checkpoint cannot be read: {error} To go on, {mend}") from None
        if not isinstance(facts, dict) or any(name not in facts for name in FACTS):
            raise ClewError(f"{self.path}: expected a checkpoint of this version, found other fields: {mend}")
        if facts["of"] != self.identity:
            raise ClewError(f"{self.path} is the checkpoint of a training with other settings or data: {mend}")
        parts: dict[str, State] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts.setdefault(part, {})[rest] = tensor
        return parts, facts

    def remove(self) -> None:
        """Takes away what a finished training needs no more."""
        self.path.unlink(missing_ok=True)
        self.last_good.unlink(missing_ok=True)


def fingerprint(facts: str, states: tuple[State, ...], splits: tuple[Samples, ...]) -> str:
    """SHA-256 of what decides a training: facts in words, tensors, and the samples of its splits."""
    found = hashlib.sha256(facts.encode())
    for state in states:
        for name, tensor in sorted(state.items()):
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.detach().cpu().numpy().tobytes())
    for split in splits:
        found.update(" ".join(store.hash for store in split.stores).encode())
        found.update(split.targets.tobytes())
        found.update(split.places.tobytes())
    return found.hexdigest()
