"""One way in for all formats: a file and a network's config -> its state, and how many classes it tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from clew.detectors.base import Config, Facts
from clew.detectors.build import facts_of, network
from clew.training.importing.content import content_of
from clew.training.importing.fitting import fit_foreign
from clew.training.importing.keras_state import keras_state
from clew.training.importing.torch_file import load_weights
from clew.training.weights import State

FORMS = {"hdf5": "Keras HDF5", "safetensors": "safetensors", "zip": "PyTorch", "pickle": "PyTorch (before 1.6)"}


@dataclass(frozen=True)
class Foreign:
    """Somebody's weights: a network's `state` but for the classifier, which tells `classes` apart; the file's `form`.

    One class is a single logit.
    """

    state: State
    classes: int
    form: str


def read_weights(path: Path, config: Config) -> Foreign:
    """The weights in `path` for the network of `config`, whatever the number of classes.

    The format is told by the content. Raises ClewError naming the file when it is damaged, unsafe to read, or
    belongs to another network or input size.
    """
    kind = content_of(path)
    module = network(config)
    classifier = classifier_of(config, module)
    found = keras_state(path, module, config.name, classifier) if kind == "hdf5" else load_weights(path)
    state = fit_foreign(module, found, str(path), classifier)
    return Foreign(state, classes_in(state, classifier, config), FORMS[kind])


def classes_in(state: State, classifier: str, config: Config) -> int:
    """How many classes a state tells apart: the rows of its classifier, or `config`'s where that is not one layer."""
    return state[f"{classifier}.weight"].shape[0] if classifier else config.classes


def classifier_of(config: Config, module: nn.Module) -> str:
    """The name of the network's last layer; "" where that is not a single layer with a weight of its own."""
    stated = getattr(module, "facts", None)
    name = (stated if isinstance(stated, Facts) else facts_of(config.name)).classifier
    return name if f"{name}.weight" in module.state_dict() else ""
