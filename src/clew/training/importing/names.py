"""From the names in somebody's file to a network's own: prefixes, other words for the classifier, what is no weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from clew.training.weights import State

PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.", "network.", "encoder.")
CLASSIFIERS = ("last_linear.1", "last_linear", "classifier.1", "classifier", "fc.1", "fc", "head.fc", "head")
NOT_WEIGHTS = ("mean", "std", "total_ops", "total_params")  # constants, and what counting tools leave
UNUSED = ("adjust_channel.",)  # DeepfakeBench's Xception carries it along, its usual mode does not run it
TRACKED = "num_batches_tracked"


def renamed(state: State, own: Mapping[str, Tensor], classifier: str) -> State:
    """`state` under the names of a network's own tensors, as far as they can be told; `classifier` may be ""."""
    known = {name.rpartition(".")[2] for name in own}
    kept = {n: t for n, t in state.items() if (last := n.rpartition(".")[2]) not in NOT_WEIGHTS or last in known}
    theirs, ours = shared_prefix(kept), shared_prefix(own)
    bare = {name[len(theirs) :]: tensor for name, tensor in kept.items()}
    named = {f"{ours}{name}": tensor for name, tensor in bare.items() if not name.startswith(UNUSED)}
    return _counted(_with_classifier(named, own, ours, classifier), own)


def shared_prefix(names: Iterable[str]) -> str:
    """The common wrappers' names before every one of `names`, such as "module.backbone."; "" for none."""
    left, found = list(names), ""
    while prefix := next((p for p in PREFIXES if left and all(name.startswith(p) for name in left)), ""):
        left, found = [name.removeprefix(prefix) for name in left], found + prefix
    return found


def _with_classifier(state: State, own: Mapping[str, Tensor], prefix: str, classifier: str) -> State:
    """Their classifier under our name for it, where they call it otherwise."""
    if not classifier or f"{classifier}.weight" in state:
        return state
    for theirs in (f"{prefix}{name}" for name in CLASSIFIERS):
        if f"{theirs}.weight" in state and f"{theirs}.weight" not in own:
            both = {f"{theirs}.{part}": f"{classifier}.{part}" for part in ("weight", "bias")}
            return {both.get(name, name): tensor for name, tensor in state.items()}
    return state


def _counted(state: State, own: Mapping[str, Tensor]) -> State:
    """With BatchNorm's counters, which files from before PyTorch 0.4.1 lack."""
    lacking = [name for name in own if name.endswith(TRACKED) and name not in state]
    return state | {name: torch.zeros_like(own[name]) for name in lacking}
