"""Training and importing as users meet them: every detector by its name, others' weights good and bad, one line each."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from clew.detectors import detectors
from clew.detectors.base import Config
from clew.detectors.build import facts_of, initial_state, network
from clew.tickets.ticket import load_ticket
from command_line import FAST, clew, ended, refused, told
from method_stores import write_store

OPTIONS: dict[str, list[str]] = {"mi_net": ["--set", "backbone=meso4", "--set", "blocks=2"]}
SMALL = ["--detector", "meso4", "--size", "32", "--epochs", "1", "--batch-size", "16", *FAST]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A store of single pictures, just enough to train for a step."""
    base = tmp_path_factory.mktemp("tiny")
    videos = {"train": 4, "val": 3, "test": 3}
    return write_store(base / "tiny", methods=("real", "Grid"), videos=videos, frames=1, names=False).path


# resnet34 is resnet18 with more blocks, and takes as long as all others but xception together
@pytest.mark.parametrize("name", [name for name in detectors.names() if name != "resnet34"])
def test_every_detector_trains_by_its_name_and_is_read_again(name, tiny, tmp_path):
    options = OPTIONS.get(name, [])
    size = 32 if name in OPTIONS else facts_of(name).least or facts_of(name).multiple
    words = ["--detector", name, *options, "--size", size, "--epochs", 1, "--batch-size", 8, *FAST]
    found = told("train", tiny, *words, "--out", tmp_path / "run")
    assert found["detector"] == name
    ticket = load_ticket(tmp_path / "run" / "tickets" / "dense-s0.safetensors")
    assert (ticket.config.name, ticket.config.input_size, ticket.sparsity) == (name, size, 0.0)
    assert all(torch.isfinite(value).all() for value in ticket.state().values())
    crops = np.random.default_rng(0).integers(0, 256, (3, size, size, 3)).astype(np.uint8)
    module = network(ticket.config)
    module.load_state_dict(ticket.state(), strict=True)
    with torch.inference_mode():
        logits = module.eval()(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_allclose(ticket.predict(crops), 1 - torch.softmax(logits.double(), 1)[:, 0], atol=1e-5)


# Others' weights: a Keras Meso4 of the three layouts


def keras_layers(state: dict[str, torch.Tensor]) -> list[tuple[str, list[tuple[str, np.ndarray]]]]:
    """The layers of meso4 as Keras has them: name, and arrays by role; at 32 pixels its maps are 1x1 at the end."""
    layers: list[tuple[str, list[tuple[str, np.ndarray]]]] = []
    for number in range(4):
        conv, norm = f"blocks.{number}.0", f"blocks.{number}.2"
        kernel = state[f"{conv}.weight"].permute(2, 3, 1, 0).numpy()
        layers.append((f"conv2d_{number + 1}", [("kernel", kernel), ("bias", state[f"{conv}.bias"].numpy())]))
        parts = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
        arrays = [(role, state[f"{norm}.{part}"].numpy()) for role, part in parts.items()]
        layers.append((f"batch_normalization_{number + 1}", arrays))
    for number, name in enumerate(("hidden", "head"), 1):
        arrays = [("kernel", state[f"{name}.weight"].numpy().T), ("bias", state[f"{name}.bias"].numpy())]
        layers.append((f"dense_{number}", arrays))
    return layers


def write_named(path: Path, layers: Any, inside: str = "") -> Path:
    """As Keras 2 writes weights, or (`inside` model_weights) tf.keras a whole model."""
    with h5py.File(path, "w") as file:
        root = file.create_group(inside) if inside else file
        root.attrs["layer_names"] = np.array([name for name, _ in layers], np.bytes_)
        for name, arrays in layers:
            group = root.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{role}:0" for role, _ in arrays], np.bytes_)
            for role, array in arrays:
                group[f"{name}/{role}:0"] = array
    return path


def write_numbered(path: Path, layers: Any) -> Path:
    """As Keras 3 writes .weights.h5."""
    seen: dict[str, int] = {}
    with h5py.File(path, "w") as file:
        for name, arrays in layers:
            kind = name.rpartition("_")[0]
            place = f"{kind}_{seen[kind]}" if seen.setdefault(kind, 0) else kind
            seen[kind] += 1
            for number, (_, array) in enumerate(arrays):
                file[f"layers/{place}/vars/{number}"] = array
    return path


LAYOUTS: dict[str, Callable[[Path, Any], Path]] = {
    "Keras 2": write_named,
    "tf.keras": lambda path, layers: write_named(path, layers, "model_weights"),
    "Keras 3": write_numbered,
}


def random_state(classes: int = 1) -> dict[str, torch.Tensor]:
    """A state of meso4 in which no two tensors are alike."""
    generator = torch.Generator().manual_seed(0)
    state = initial_state(Config("meso4", 32, classes), 0)
    floats = {name: value for name, value in state.items() if value.dtype.is_floating_point}
    return state | {name: torch.rand(value.shape, generator=generator) for name, value in floats.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_keras_weights_are_imported_measured_and_trained_on(layout, tiny, tmp_path):
    state = random_state()
    path = LAYOUTS[layout](tmp_path / "theirs.h5", keras_layers(state))
    out = tmp_path / "theirs.safetensors"
    found = told("import", path, "--detector", "meso4", "--size", 32, "--out", out)
    ticket = load_ticket(out)
    assert found["detector"]["classes"] == 1
    assert all(torch.equal(ticket.state()[name], value) for name, value in state.items())
    assert clew("evaluate", out, tiny).startswith("meso4 (1 seed) ")
    for start in (path, out):
        run = tmp_path / f"from-{start.name}"
        trained = ended("train", tiny, *SMALL, "--lr", "1e-9", "--from", start, "--out", run)
        assert trained.code == 0, trained.errors
        assert f"{start}: its classifier of one logit is replaced by a fresh one of 2 classes" in trained.errors
        after = load_ticket(run / "tickets" / "dense-s0.safetensors").state()
        kept = [name for name in state if "running" not in name and "num" not in name and "head" not in name]
        assert all(torch.allclose(after[name], state[name], atol=1e-6) for name in kept)


# Others' weights that cannot be read


class Trap:
    """Pickled, it touches a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def cut(share: float, layout: str = "Keras 2") -> Callable[[Path], Path]:
    """A Keras file of which a share is left."""

    def write(folder: Path) -> Path:
        path = LAYOUTS[layout](folder / "w.h5", keras_layers(random_state()))
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        return path

    return write


def plain_pickle(folder: Path) -> Path:
    (folder / "w.pth").write_bytes(pickle.dumps({"state_dict": Trap(folder / "sprung")}, protocol=2))
    return folder / "w.pth"


def torch_pickle(folder: Path) -> Path:
    torch.save({"state_dict": random_state(2), "extra": Trap(folder / "sprung")}, folder / "w.pth")
    return folder / "w.pth"


def weights(name: str, size: int = 32, classes: int = 2) -> Callable[[Path], Path]:
    """A .pth of a fresh network."""

    def write(folder: Path) -> Path:
        torch.save(initial_state(Config(name, size, classes), 0), folder / "w.pth")
        return folder / "w.pth"

    return write


def misnamed(folder: Path) -> Path:
    (folder / "w.h5").write_text("<!DOCTYPE html><html>not found</html>")
    return folder / "w.h5"


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing left": (cut(0.0), "w.h5 is empty"),
    "a tenth": (cut(0.1), "w.h5"),
    "a half": (cut(0.5), "w.h5"),
    "all but the end": (cut(0.97), "w.h5"),
    "a half of Keras 3": (cut(0.5, "Keras 3"), "w.h5"),
    "plain pickle that runs code": (plain_pickle, "is no file of plain tensors"),
    "PyTorch file that runs code": (torch_pickle, "is no file of plain tensors"),
    "of another network": (weights("cnn5"), "w.pth"),
    "of a deeper one": (weights("mesoinception4"), "w.pth"),
    "of another input size": (weights("meso4", 64), "expected (16, 16)"),
    "no weights at all": (misnamed, "a web page"),
    "missing": (lambda folder: folder / "nowhere.h5", "nowhere.h5"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_weights_that_cannot_be_read_are_refused_in_one_line(kind, tiny, tmp_path):
    write, why = UNREADABLE[kind]
    path = write(tmp_path)
    for words in (["import", path, "--detector", "meso4", "--size", 32], ["train", tiny, *SMALL, "--from", path]):
        line = refused(*words, "--out", tmp_path / "out")
        assert why in line, line
        assert not (tmp_path / "out").exists()
        assert not (tmp_path / "sprung").exists(), "no code in the file was run"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["import", "{w}", "--detector", "meso4", "--size", "32", "--classes", "2"], r"have 5 classes, asked for 2 classes"),
        (["import", "{w}", "--detector", "meso4", "--size", "32", "--real", "5"], r"--real 5: expected 0 to 4"),
        (["import", "{w}", "--detector", "meso4", "--size", "31"], r"at least 32 pixels, found 31"),
        (["import", "{w}", "--detector", "meso5", "--size", "32"], r"unknown detector 'meso5'. Did you mean 'meso4'?"),
        (["import", "{w}", "--detector", "meso4", "--size", "32", "--set", "depth=2"], r"has no option 'depth'"),
        (["train", "{tiny}", "--detector", "resnet18", "--size", "31"], r"the input size must be at least 32 pixels, found 31"),
        (["train", "{tiny}", "--detector", "mi_net", "--size", "32", "--set", "backbone=mi_net"], r"cannot be mi_net itself"),
        (["train", "{tiny}", "--detector", "mi_net", "--size", "32", "--set", "backbone"], r"--set backbone: expected KEY=VALUE"),
        (["train", "{tiny}", *SMALL, "--classes", "method"], r"one method only (Grid); --classes method needs two or more"),
        (["train", "{tiny}", *SMALL, "--classes", "six"], r"unknown --classes 'six'. Known: binary, method"),
        (["train", "{tiny}", *SMALL, "--devices", "3"], r"--batch-size 16: expected a multiple of --devices 3"),
        (["train", "{tiny}", *SMALL, "--lr", "nan"], r"--lr nan"),
        (["train", "{tiny}", *SMALL, "--fpr", "0.9"], r"--fpr 0.9"),
        (["train", "{tiny}", *SMALL, "--augment", "flip,heavy"], r"unknown augmentation 'heavy'"),
        (["train", "{tiny}", *SMALL, "--balance", "age"], r"unknown balance 'age'"),
        (["train", "{tiny}/none", *SMALL], r"none is not a crop store"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_before_any_work(words, why, tiny, tmp_path):
    places = {"w": weights("meso4", 32, 5)(tmp_path), "tiny": tiny}
    line = refused(*(word.format(**places) for word in words), "--out", tmp_path / "out")
    assert why in line, line
    assert not (tmp_path / "out").exists()
