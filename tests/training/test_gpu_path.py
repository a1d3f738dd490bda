"""What a training does on a GPU, run here on tensors of the CPU: feeds, looks at the loss now and then, flags."""

from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.training import choices as choosing
from clew.training import feeds, loop, score
from clew.training.choices import Choices, Wishes, choose
from clew.training.data import load_split
from clew.training.feeds import DeviceFeed
from clew.training.gradients import Gradients
from clew.training.loop import Start, train
from clew.training.losses import Losses
from clew.training.repeatable import repeatable
from clew.training.settings import TrainSettings
from clew.training.troubles import in_words

CONFIG = Config("meso4", 32)
SETTINGS = TrainSettings(epochs=3, batch_size=16, lr=3e-3, augment="standard")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def splits(store_path):
    store = open_store(store_path)
    return load_split([store], "train"), load_split([store], "val")


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    monkeypatch.setattr(loop, "LOOK", {"cpu": 50})
    monkeypatch.setattr(loop, "make_feed", DeviceFeed)


class StoppedError(Exception):
    pass


def test_a_loss_that_was_no_number_stays_known_with_its_step():
    losses = Losses(3)
    assert [losses.add(step, torch.tensor(value)) for step, value in enumerate([1.0, float("inf")])] == [True, True]
    assert losses.values == []
    assert not losses.look()
    assert losses.broken == (1, float("inf"))
    assert not losses.add(2, torch.tensor(0.5))
    assert not losses.look(), "a good one after it changes nothing"
    assert losses.broken == (1, float("inf"))


@pytest.mark.parametrize("held", [True, False])
def test_the_path_of_a_gpu_learns_and_goes_on_bit_for_bit(held, splits, tmp_path, monkeypatch, as_on_a_gpu):
    monkeypatch.setattr(feeds, "fits", lambda *args: held)
    choices, start = Choices(memory_format="channels-last"), Start(initial_state(CONFIG, 0))
    notes = []
    whole = train(
        CONFIG, SETTINGS, choices, start, *splits, seed=1, report=lambda steps, note: notes.append((steps, note))
    )
    assert (notes[0] == (0, "0.0 GB of crops are too much for the GPU's memory: they are streamed")) is not held
    assert whole.history[-1]["loss"] < whole.history[0]["loss"]
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    left, path = 8, tmp_path / "x.checkpoint"

    def stop(steps, note):
        nonlocal left
        left -= steps
        if not left:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(CONFIG, SETTINGS, choices, start, *splits, seed=1, checkpoint=path, report=stop)
    again = train(CONFIG, SETTINGS, choices, start, *splits, seed=1, checkpoint=path)
    assert whole.history == again.history
    assert all(torch.equal(whole.state[name], again.state[name]) for name in whole.state)


def broken_at(monkeypatch, wrong, value):
    real = Gradients.of

    def of(self, positions, step, feed):
        found = real(self, positions, step, feed)
        return found * value if step == wrong else found

    monkeypatch.setattr(Gradients, "of", of)


def test_a_loss_not_yet_looked_at_is_never_taken_as_good(splits, tmp_path, monkeypatch, as_on_a_gpu):
    """It may have been infinite for one step only: then nothing after it would tell."""
    path, start, saved = tmp_path / "x.checkpoint", Start(initial_state(CONFIG, 0)), []
    broken_at(monkeypatch, 7, float("inf"))
    with pytest.raises(ClewError, match="became inf at step 7 of 15: .* after epoch 1 are kept"):
        train(
            CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path, at_steps={9: saved.append}
        )  # looked at before the state is handed out
    assert not saved
    with pytest.raises(ClewError, match="became inf at step 7 of 15"):
        train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, each_epoch=saved.append)
    assert [row["epoch"] for row in saved] == [1]
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with pytest.raises(ClewError, match="became inf at step 7 of 15"):
        train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path)
    from clew.training.weights import load_state

    assert load_state(path)[1]["step"] == 7, "the checkpoint is of before it"


def test_the_history_does_not_depend_on_how_often_the_loss_is_looked_at(splits, monkeypatch):
    start, rows = Start(initial_state(CONFIG, 0)), []
    for every in (1, 3, 50):
        monkeypatch.setattr(loop, "LOOK", {"cpu": every})
        rows.append(train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0).history)
    assert rows[0] == rows[1] == rows[2]


def test_flags_of_repeatable_kernels_hold_within_and_are_put_back():
    cudnn = torch.backends.cudnn
    before = (cudnn.deterministic, cudnn.benchmark, torch.are_deterministic_algorithms_enabled())
    with suppress(StoppedError), repeatable(torch.device("cuda")):
        assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        raise StoppedError
    assert (cudnn.deterministic, cudnn.benchmark, torch.are_deterministic_algorithms_enabled()) == before
    with repeatable(CPU):
        assert not torch.are_deterministic_algorithms_enabled(), "recorded trainings on CPUs keep their bits"


def test_images_for_a_gpu_are_streamed_there_in_order(splits):
    found = list(score._images(splits[1], np.arange(24), 32, Choices(), torch.device("meta"), 10))
    assert [tuple(images.shape) for images in found] == [(10, 3, 32, 32), (10, 3, 32, 32), (4, 3, 32, 32)]
    assert all(images.device.type == "meta" for images in found)


def test_each_training_is_compiled_anew_and_for_its_shapes(splits, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda function, **how: asked.append(how) or function)
    monkeypatch.setattr(torch.compiler, "reset", lambda: asked.append("reset"))
    start, one = Start(initial_state(CONFIG, 0)), TrainSettings(epochs=1, batch_size=16)
    compiled = train(CONFIG, one, Choices(compile=True), start, *splits, seed=0)
    assert asked == ["reset", {"dynamic": False}]
    plain = train(CONFIG, one, Choices(), start, *splits, seed=0)
    assert all(torch.equal(compiled.state[name], plain.state[name]) for name in plain.state)


class TorchDynamoError(RuntimeError):
    pass


TorchDynamoError.__module__ = "torch._dynamo.exc"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried"),
            r"of the device 'cuda' is too small .* of 64: give",
        ),
        (RuntimeError("[enforce fail] can't allocate memory: you tried"), "too small for batches of 64"),
        (TorchDynamoError("backend failed\nfor reasons"), r"cannot compile this network here \(backend failed\): give"),
        (
            RuntimeError("CUDA error: an illegal address\nmore"),
            r"the GPU cannot go on \(CUDA error: an illegal address",
        ),
    ],
)
def test_what_a_device_refuses_is_told_in_one_line(error, told):
    with pytest.raises(ClewError, match=told) as caught, in_words("cuda", 64):
        raise error
    assert "\n" not in str(caught.value)
    with pytest.raises(RuntimeError, match="^a bug$"), in_words("cuda", 64):
        raise RuntimeError("a bug")


def test_a_gpu_that_is_not_there_is_told_before_any_work(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(choosing, "measure", lambda *args: pytest.fail("nothing is measured"))
    with pytest.raises(ClewError, match="--device cuda --devices 2: torch finds 1 GPUs here"):
        choose(CONFIG, 16, Wishes(device="cuda", devices=2))


def test_a_gpu_that_cannot_hold_a_batch_is_told_where_it_is_measured(monkeypatch, tmp_path):
    def measure(*args):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setenv("CLEW_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(choosing, "measure", measure)
    with pytest.raises(ClewError, match="too small for batches of 512"):
        choose(CONFIG, 512, Wishes(device="cuda"))


def test_a_validation_split_that_compares_nothing_is_refused(splits):
    empty = SimpleNamespace(targets=np.array([0, 0, -1]))
    with pytest.raises(ClewError, match="nothing to compare epochs by"):
        train(CONFIG, SETTINGS, Choices(), Start(initial_state(CONFIG, 0)), splits[0], empty, seed=0)
