from dataclasses import replace
from itertools import pairwise

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
from clew.training.choices import Choices, Wishes, choose, thread_count
from clew.training.data import load_split
from clew.training.gradients import Gradients
from clew.training.loop import MaskedOptimiser, Start, train
from clew.training.schedule import SCHEDULES
from clew.training.settings import TrainSettings
from clew.training.weights import load_state

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


@pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
def test_a_training_goes_on_from_its_checkpoint_bit_for_bit(layout, splits, tmp_path, monkeypatch):
    choices = Choices(memory_format=layout)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    state = initial_state(CONFIG, 0)
    kept = {n: torch.rand(state[n].shape, generator=torch.Generator().manual_seed(2)) < 0.5 for n in ("hidden.weight",)}
    start, path = Start(state, step=2, mask=kept), tmp_path / "x.checkpoint"
    whole = train(CONFIG, SETTINGS, choices, start, *splits, seed=4)
    count = 0

    def stop(steps, note):
        nonlocal count
        count += steps
        if count == 9:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(CONFIG, SETTINGS, choices, start, *splits, seed=4, checkpoint=path, report=stop)
    assert path.exists()
    told = []
    again = train(
        CONFIG, SETTINGS, choices, start, *splits, seed=4, checkpoint=path, report=lambda n, note: told.append(n)
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
    whole = train(CONFIG, SETTINGS, Choices(), Start(state), *splits, seed=0, at_steps={0: lambda s: saved.update(s)})
    assert same(saved, state)
    constant = TrainSettings(epochs=3, batch_size=16, lr=3e-3, schedule="constant", select=False)
    whole = train(CONFIG, constant, Choices(), Start(state), *splits, seed=0, at_steps={5: lambda s: saved.update(s)})
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
        ({"schedule": "stairs"}, "unknown schedule 'stairs'. Known: constant, cosine, linear, step"),
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
    best, reason = choose(CONFIG, 16, Wishes(threads=1))
    assert best == Choices("fp32", "channels-last", 1), "8 % is too little for bf16"
    assert "120 crops/s" in reason
    assert choose(CONFIG, 16, Wishes(threads=1))[0] == best
    assert len(calls) == 1
    assert choose(CONFIG, 16, Wishes(threads=1, precision="bf16"))[0] == Choices("bf16", "contiguous", 1)
    assert choose(CONFIG, 16, Wishes("fp32", "contiguous", 1)) == (Choices(), "as asked")
    assert len(calls) == 1
    (file,) = (tmp_path / "choices").iterdir()
    file.write_text('{"fp32 contiguous": "fast", "x": -1}')
    assert choose(CONFIG, 16, Wishes(threads=1))[0] == best, "a damaged cache is measured again"
    assert len(calls) == 2


def test_the_measurement_itself_runs():
    from clew.training.choices import measure

    speeds = measure([Choices("fp32"), Choices("bf16", "channels-last")], CONFIG, 4)
    assert all(np.isfinite(v) and v > 0 for v in speeds.values())


def test_two_half_batches_make_the_step_of_a_whole_one(splits):
    """Without BatchNorm and dropout the gradients add up to the same step, but for rounding."""
    config = Config("linear_net:Linear", 32)
    start = Start(initial_state(config, 0))
    plain = {"epochs": 2, "lr": 1e-2, "augment": "none", "select": False}
    whole = train(config, TrainSettings(batch_size=16, **plain), Choices(), start, *splits, seed=0)
    halves = train(config, TrainSettings(batch_size=8, accumulate=2, **plain), Choices(), start, *splits, seed=0)
    assert halves.pictures == whole.pictures
    for name, tensor in whole.state.items():
        assert torch.allclose(tensor, halves.state[name], atol=1e-5)
    assert halves.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], abs=1e-5)
    small = train(config, TrainSettings(batch_size=8, **plain), Choices(), start, *splits, seed=0)
    assert not torch.allclose(small.state["head.weight"], whole.state["head.weight"], atol=1e-5)


@pytest.fixture(autouse=True)
def linear_net(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "linear_net.py").write_text(
        "from torch import nn\nfrom clew.detectors import Detector, Facts\n"
        "class Linear(Detector):\n"
        "    facts = Facts(input_size=32, multiple=1, cam_layer='pool')\n    width = 192\n"
        "    def __init__(self, input_size, classes=2):\n"
        "        super().__init__(input_size, classes)\n"
        "        self.pool = nn.AdaptiveAvgPool2d(8)\n        self.head = nn.Linear(192, classes)\n"
        "    def features(self, images):\n        return self.pool(images).flatten(1)\n"
    )


class Told:
    """Counts what is reported."""

    calls = 0

    def __call__(self, steps, note):
        self.calls += 1


def test_a_training_killed_within_an_epoch_goes_on_from_the_step(splits, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    start, path = Start(initial_state(CONFIG, 0)), tmp_path / "x.checkpoint"
    settings = TrainSettings(epochs=2, batch_size=8, accumulate=2, lr=3e-3, augment="flip,mixup:0.5")
    whole = train(CONFIG, settings, Choices(), start, *splits, seed=4)
    for stop_at in (1, 2, 5, 6, 10):  # of ten steps, five an epoch
        seen = 0

        def stop(steps, note):
            nonlocal seen
            seen += steps
            if seen == stop_at:  # noqa: B023
                raise StoppedError

        with pytest.raises(StoppedError):
            train(CONFIG, settings, Choices(), start, *splits, seed=4, checkpoint=path, report=stop)
        told = Told()
        again = train(CONFIG, settings, Choices(), start, *splits, seed=4, checkpoint=path, report=told)
        assert same(whole.state, again.state)
        assert whole.history == again.history
        assert told.calls == 10 - (stop_at - 1) + (stop_at > 1), "no finished step is made again"


def test_when_the_loss_breaks_the_last_good_weights_are_kept(splits, tmp_path, monkeypatch):
    path, start = tmp_path / "run.checkpoint", Start(initial_state(CONFIG, 0))
    good = train(CONFIG, replace(SETTINGS, epochs=3), Choices(), Start(initial_state(CONFIG, 0)), *splits, seed=0)
    states = {}

    def poison(row):
        states[row["epoch"]] = row

    real = Gradients.of

    def gradient(self, positions, step, feed):
        found = real(self, positions, step, feed)
        return found * float("nan") if step == 12 else found

    monkeypatch.setattr(Gradients, "of", gradient)
    with pytest.raises(ClewError, match=r"became nan at step 12 of 15: .* after epoch 2 are kept in .*last-good"):
        train(CONFIG, SETTINGS, Choices(), start, *splits, seed=0, checkpoint=path, each_epoch=poison)
    kept, _ = load_state(tmp_path / "run.last-good.safetensors")
    assert sorted(states) == [1, 2]
    assert all(torch.isfinite(tensor).all() for tensor in kept.values())
    monkeypatch.undo()
    after_two = train(
        CONFIG,
        SETTINGS,
        Choices(),
        Start(initial_state(CONFIG, 0)),
        *splits,
        seed=0,
        at_steps={10: lambda state: states.update(at_ten=state)},
    )
    assert same(kept, states["at_ten"]), "the weights with which epoch 2 ended"
    assert good.history == after_two.history


@pytest.mark.parametrize("name", ["linear", "step", "cosine", "constant"])
def test_schedules_stay_within_bounds_and_fall(name):
    rates = [SCHEDULES[name](step, 200) for step in range(201)]
    assert all(0 < rate <= 1 for rate in rates)
    late = rates[20:]
    assert all(b <= a + 1e-12 for a, b in pairwise(late))
    ends = {"linear": 0.02, "cosine": 0.02, "step": 0.01, "constant": 1.0}
    assert rates[200] == pytest.approx(ends[name])
    assert {"linear": 0.51, "cosine": 0.51, "step": 0.1, "constant": 1.0}[name] == pytest.approx(rates[110])
