import numpy as np
import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.detectors import build, initial_state
from clew.detectors.base import Config
from clew.detectors.layers import prunable
from clew.training import loop
from clew.training.choices import Choices, choose, thread_count
from clew.training.data import load_split
from clew.training.loop import MaskedOptimiser, Start, train
from clew.training.settings import TrainSettings

CONFIG = Config("meso4", 32)
SETTINGS = TrainSettings(epochs=3, batch_size=16, lr=3e-3)


@pytest.fixture(scope="module")
def splits(store_path):
    store = open_store(store_path)
    return load_split([store], "train"), load_split([store], "val")


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def fifty_steps(make, mask):
    torch.manual_seed(0)
    module = build("meso4", 32)
    optimiser = MaskedOptimiser(make(module.parameters()), module, mask)
    for _ in range(50):
        module.zero_grad()
        nn.functional.cross_entropy(module(torch.rand(8, 3, 32, 32)), torch.arange(8) % 2).backward()
        optimiser.step(1e-2)
    return module


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.Adam(p),
        lambda p: torch.optim.Adam(p, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, momentum=0.9),
        lambda p: torch.optim.SGD(p, momentum=0.9, nesterov=True, weight_decay=0.1),
    ],
    ids=["adam", "adam-decay", "adamw", "sgd-momentum", "sgd-nesterov-decay"],
)
def test_a_pruned_weight_is_exactly_zero_after_fifty_steps(make):
    module = build("meso4", 32)
    rng = torch.Generator().manual_seed(1)
    mask = {n: torch.rand(module.get_parameter(n).shape, generator=rng) < 0.3 for n in prunable(module)}
    trained = fifty_steps(make, mask)
    for name, kept in mask.items():
        weight = trained.get_parameter(name).detach()
        assert (weight[~kept] == 0).all()
        assert not torch.signbit(weight[~kept]).any(), "zero, not minus zero"
        assert (weight[kept] != 0).all()


def test_momentum_moves_a_weight_whose_mask_came_late_and_is_stopped():
    weight = nn.Linear(2, 1, bias=False)
    optimiser = torch.optim.SGD(weight.parameters(), lr=1.0, momentum=0.9)
    weight(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    masked = MaskedOptimiser(optimiser, weight, {"weight": torch.tensor([[True, False]])})
    masked.step(1.0)
    assert weight.weight[0, 1] == 0, "the momentum gathered before would have moved it"
    assert weight.weight[0, 0] != 0


def test_training_learns_selects_on_validation_and_repeats_bit_for_bit(splits):
    start = Start(initial_state(CONFIG, 0))
    first = train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0)
    second = train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0)
    other = train(CONFIG, SETTINGS, Choices(), start, *splits, seed=1)
    assert same(first.state, second.state)
    assert first.history == second.history
    assert not same(first.state, other.state)
    assert first.pictures == 3 * 80
    best = max(first.history, key=lambda row: (row["val_auc"], -row["val_loss"]))
    assert first.best_epoch == best["epoch"]
    assert first.history[-1]["loss"] < first.history[0]["loss"]


def test_the_global_generator_and_thread_count_are_left_alone(splits):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train(CONFIG, TrainSettings(epochs=1, batch_size=16), Choices(), Start(initial_state(CONFIG, 0)), *splits, seed=0)
    assert torch.equal(torch.rand(2), expected)
    before = torch.get_num_threads()
    with thread_count(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


class StoppedError(Exception):
    pass


def test_a_training_goes_on_from_its_checkpoint_bit_for_bit(splits, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    state = initial_state(CONFIG, 0)
    kept = {n: torch.rand(state[n].shape, generator=torch.Generator().manual_seed(2)) < 0.5 for n in ("hidden.weight",)}
    start, path = Start(state, step=2, mask=kept), tmp_path / "x.checkpoint"
    whole = train(CONFIG, SETTINGS, Choices(), start, *splits, seed=4)
    count = 0

    def stop(steps, note):
        nonlocal count
        count += steps
        if count == 9:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(CONFIG, SETTINGS, Choices(), start, *splits, seed=4, checkpoint=path, report=stop)
    assert path.exists()
    told = []
    again = train(
        CONFIG, SETTINGS, Choices(), start, *splits, seed=4, checkpoint=path, report=lambda n, note: told.append(n)
    )
    assert same(whole.state, again.state)
    assert (whole.history, whole.pictures, whole.best_epoch) == (again.history, again.pictures, again.best_epoch)
    assert told[0] == 8, "two of the three epochs were not made again"
    assert sum(told) == 13
    assert not path.exists()


def test_early_stopping(splits):
    settings = TrainSettings(epochs=30, batch_size=16, lr=1e-9, patience=2)
    trained = train(CONFIG, settings, Choices(), Start(initial_state(CONFIG, 0)), *splits, seed=0)
    assert len(trained.history) == trained.best_epoch + 2


def test_the_rewind_point_is_the_state_before_step_k_and_training_on_from_it_is_the_same(splits):
    state, saved = initial_state(CONFIG, 0), {}
    whole = train(CONFIG, SETTINGS, Choices(), Start(state), *splits, seed=0, at_step=(0, lambda s: saved.update(s)))
    assert same(saved, state)
    constant = TrainSettings(epochs=3, batch_size=16, lr=3e-3, schedule="constant", select=False)
    whole = train(CONFIG, constant, Choices(), Start(state), *splits, seed=0, at_step=(5, lambda s: saved.update(s)))
    assert not same(saved, state)
    again = train(CONFIG, constant, Choices(), Start(dict(saved), step=5), *splits, seed=0)
    assert whole.history[-1]["epoch"] == again.history[-1]["epoch"] == 3
    assert again.pictures == whole.pictures - 5 * 16


def test_a_loss_that_is_no_number_stops_with_the_way_out(splits):
    state = initial_state(CONFIG, 0)
    state["head.bias"][0] = float("nan")
    with pytest.raises(ClewError, match=r"the training loss became nan at step 0 of 15: try a lower --lr"):
        train(CONFIG, SETTINGS, Choices(), Start(state), *splits, seed=0)


def test_a_start_beyond_the_budget_is_refused(splits):
    with pytest.raises(ClewError, match="step 15 is not within the training's 15 steps"):
        train(CONFIG, SETTINGS, Choices(), Start(initial_state(CONFIG, 0), step=15), *splits, seed=0)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"epochs": 0}, "--epochs 0"),
        ({"lr": float("nan")}, "--lr nan"),
        ({"schedule": "step"}, "unknown schedule 'step'. Known: constant, cosine"),
        ({"augment": "heavy"}, "unknown augmentation"),
    ],
)
def test_settings_are_checked_where_they_are_built(wrong, why):
    with pytest.raises(ClewError, match=why):
        TrainSettings(**wrong)


def test_choices_are_measured_once_and_kept(monkeypatch, tmp_path):
    from clew.training import choices as module

    monkeypatch.setenv("CLEW_CACHE", str(tmp_path))
    calls = []

    def measure(candidates, config, batch_size):
        calls.append([module._key(c) for c in candidates])
        speeds = {"fp32 contiguous": 100, "fp32 channels-last": 120, "bf16 contiguous": 130, "bf16 channels-last": 125}
        return {module._key(c): float(speeds[module._key(c)]) for c in candidates}

    monkeypatch.setattr(module, "measure", measure)
    best, reason = choose(CONFIG, 16, 1)
    assert best == Choices("fp32", "channels-last", 1), "8 % is too little for bf16"
    assert "120 crops/s" in reason
    assert choose(CONFIG, 16, 1)[0] == best
    assert len(calls) == 1
    assert choose(CONFIG, 16, 1, precision="bf16")[0] == Choices("bf16", "contiguous", 1)
    assert choose(CONFIG, 16, 1, "fp32", "contiguous") == (Choices(), "as asked")
    assert len(calls) == 1
    (file,) = (tmp_path / "choices").iterdir()
    file.write_text('{"fp32 contiguous": "fast", "x": -1}')
    assert choose(CONFIG, 16, 1)[0] == best, "a damaged cache is measured again"
    assert len(calls) == 2


def test_the_measurement_itself_runs():
    from clew.training.choices import measure

    speeds = measure([Choices("fp32"), Choices("bf16", "channels-last")], CONFIG, 4)
    assert all(np.isfinite(v) and v > 0 for v in speeds.values())
