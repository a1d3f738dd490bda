from dataclasses import replace

import pytest
import torch

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.training import loop
from clew.training.choices import Choices
from clew.training.data import load_split
from clew.training.loop import Start, train
from clew.training.settings import TrainSettings
from clew.training.weights import load_state, save_state

CONFIG, SETTINGS = Config("meso4", 32), TrainSettings(epochs=2, batch_size=16, lr=3e-3)


@pytest.fixture(scope="module")
def splits(store_path):
    store = open_store(store_path)
    return load_split([store], "train"), load_split([store], "val")


@pytest.fixture
def stopped(splits, tmp_path, monkeypatch):
    """A checkpoint within the first epoch, and the start of its training."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    start, path, left = Start(initial_state(CONFIG, 0)), tmp_path / "run.checkpoint", 3

    def stop(steps, note):
        nonlocal left
        left -= steps
        if not left:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path, report=stop)
    return path, start


def test_the_checkpoint_of_another_training_is_refused(stopped, splits):
    path, start = stopped
    other = {**start.state, "head.bias": start.state["head.bias"] + 1}
    mask = {"head.weight": torch.zeros_like(start.state["head.weight"], dtype=torch.bool)}
    for settings, choices, begin, seed in (
        (replace(SETTINGS, lr=1e-3), Choices(), start, 0),
        (SETTINGS, Choices(precision="bf16"), start, 0),
        (SETTINGS, Choices(), start, 1),
        (SETTINGS, Choices(), Start(other), 0),
        (SETTINGS, Choices(), replace(start, mask=mask), 0),
        (SETTINGS, Choices(), replace(start, flat=True), 0),
    ):
        with pytest.raises(ClewError, match=r"run\.checkpoint is the checkpoint of a training with other settings"):
            train(CONFIG, settings, choices, begin, *splits, seed=seed, checkpoint=path)
    with pytest.raises(ClewError, match="other settings or data"):
        train(CONFIG, SETTINGS, Choices(), start, splits[0], splits[0], seed=0, checkpoint=path)
    assert len(train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path).history) == 2


def test_a_damaged_checkpoint_says_what_to_do(stopped, splits):
    path, start = stopped
    whole = path.read_bytes()
    for damage in (whole[: len(whole) // 2], whole[:4], b""):
        path.write_bytes(damage)
        with pytest.raises(ClewError, match=r"cannot be read: .*remove .*run\.checkpoint, and the training begins"):
            train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path)
    save_state(path, {"now/x": torch.zeros(1)}, {"step": 3})
    with pytest.raises(ClewError, match="expected a checkpoint of this version"):
        train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path)


def test_a_kept_checkpoint_gives_the_finished_training_at_once(splits, tmp_path):
    start, path, steps = Start(initial_state(CONFIG, 0)), tmp_path / "run.checkpoint", []
    first = train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path, keep=True)
    assert not any(name.startswith("adam/") for name in load_state(path)[0]), "only what it left"
    told = lambda count, note: steps.append((count, note))  # noqa: E731
    again = train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path, keep=True, report=told)
    assert steps == [(10, "resumed")]
    assert (first.history, first.best_epoch, first.pictures) == (again.history, again.best_epoch, again.pictures)
    assert all(torch.equal(first.state[name], again.state[name]) for name in first.state)


def test_a_training_that_ends_well_leaves_nothing_of_one_that_did_not(splits, tmp_path):
    path = tmp_path / "run.checkpoint"
    left = tmp_path / "run.last-good.safetensors"
    left.write_bytes(b"of an earlier try")
    train(CONFIG, SETTINGS, Choices(), Start(initial_state(CONFIG, 0)), *splits, seed=0, checkpoint=path)
    assert not list(tmp_path.iterdir())
