"""Searches with every method: what the runs leave, and what is told of them."""

from dataclasses import replace

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.detectors.base import Config
from clew.detectors.build import initial_state
from clew.tickets.ladder import open_ladder
from clew.tickets.place import Place
from clew.tickets.runs import Run
from clew.tickets.search import search
from clew.tickets.settings import SearchSettings
from clew.tickets.starting import start_of
from clew.tickets.ticket import load_ticket
from clew.training.blended import load_part
from clew.training.settings import TrainSettings
from method_stores import Inline

TRAINING = TrainSettings(epochs=2, batch_size=16, lr=3e-3)
ALL = ("gradual", "grasp", "imp", "one-shot", "random", "reinit", "shuffled", "snip", "synflow")
SETTINGS = SearchSettings(Config("meso4", 32), ALL, levels=(0.5, 0.8), seeds=(0,), training=TRAINING)


def run(store_path, out, **changes):
    return search([store_path], replace(SETTINGS, **changes), out, executor=Inline())


@pytest.fixture(scope="module")
def ladder(store_path, tmp_path_factory):
    return run(store_path, tmp_path_factory.mktemp("methods") / "step", rewind="step:2")


def of(ladder, method, level=0.8, controls=""):
    """The ticket of a method, or of its control for another."""
    entry = next(
        e
        for e in ladder.facts["entries"]
        if (e["method"], e["level"], e["controls"]) == (method, level, controls) and e["seed"] == 0
    )
    return load_ticket(ladder.path / entry["ticket"])


@pytest.mark.parametrize("method", ["gradual", "grasp", "imp", "one-shot", "snip", "synflow"])
def test_every_ticket_is_as_sparse_as_asked_and_has_its_controls(ladder, method):
    for level in (0.5, 0.8):
        mine = of(ladder, method, level)
        total = sum(kept.size for kept in mine.mask.values())
        assert abs(mine.sparsity * total - level * total) <= 1
        assert all((mine.content.values[name][~kept] == 0).all() for name, kept in mine.mask.items())
        for control in ("random", "shuffled", "reinit"):
            other = of(ladder, control, level, method)
            assert {n: m.sum() for n, m in other.mask.items()} == {n: m.sum() for n, m in mine.mask.items()}
            same = all((other.mask[name] == kept).all() for name, kept in mine.mask.items())
            assert same == (control == "reinit")


def test_what_is_told_of_each(ladder):
    rows = {(row["method"], row["controls"], row["target"]): row for row in ladder.summary()["levels"]}
    assert len(rows) == 6 * 2 * 4
    assert {row["kind"] for (method, controls, _), row in rows.items() if "gradual" not in (method, controls)} == {
        "matching"
    }
    assert rows["gradual", None, 0.8]["kind"] == "pruned"
    assert rows["gradual", None, 0.8]["reference"] == rows["imp", None, 0.8]["reference"], "one budget each"
    assert of(ladder, "gradual").header["search"]["kind"] == "pruned"


def test_gradual_selects_no_epoch_before_its_mask_is_found(store_path, tmp_path):
    training = replace(TRAINING, epochs=4)
    found = run(store_path, tmp_path / "g", methods=("gradual",), levels=(0.9,), training=training, rewind="init")
    facts = next(facts for facts in found.facts["runs"].values() if facts["method"] == "gradual")
    assert facts["best_epoch"] >= 3, "the schedule ends within the third epoch"
    assert facts["sparsity"] == pytest.approx(0.9, abs=1e-4)


def test_controls_start_from_what_they_should(ladder, store_path):
    settings = SearchSettings.from_dict(ladder.settings)
    place = Place(ladder.path, (store_path,))
    split = load_part([open_store(store_path)], "train", False)
    runs = {
        name: Run(f"{name}-x", name, 0, 0.8, "imp", "imp-s0-80", "", begins)
        for name, begins in (("random", "rewound"), ("reinit", "fresh"))
    }
    starts = {name: start_of(place, settings, one, split, False) for name, one in runs.items()}
    plain = start_of(place, settings, Run("imp-s0-80", "imp", 0, 0.8, "", "imp-s0-50"), split, False)
    assert (starts["random"].step, starts["reinit"].step, plain.step) == (2, 0, 2)
    fresh = initial_state(settings.detector, 0)
    for name, tensor in plain.state.items():
        assert tensor.equal(starts["random"].state[name])
        if tensor.ndim > 1:
            assert not tensor.equal(starts["reinit"].state[name])
            assert starts["reinit"].state[name].shape == fresh[name].shape


def test_when_the_rate_is_rewound_the_weights_go_on_by_a_whole_schedule(store_path, tmp_path):
    found = run(store_path, tmp_path / "lr", rewind="lr", methods=("imp", "random", "snip"), levels=(0.5, 0.8))
    rows = {(e["method"], e["level"], e["controls"]): e["run"] for e in found.facts["entries"]}
    assert rows["dense", 0.8, "imp"] == "dense-s0-plus2"
    assert rows["dense", 0.8, "snip"] == "dense-s0-plus1"
    assert {row["kind"] for row in found.summary()["levels"]} == {"pruned"}
    settings = SearchSettings.from_dict(found.settings)
    split = load_part([open_store(store_path)], "train", False)
    place = Place(found.path, (store_path,))
    start = start_of(place, settings, Run("imp-s0-80", "imp", 0, 0.8, "", "imp-s0-50", "imp-s0-50"), split, False)
    before = found.ticket("imp", 0.5, 0)
    assert not start.flat
    assert start.step == 0
    for name, values in before.content.values.items():
        np.testing.assert_array_equal(start.state[name].numpy(), values)


def test_a_score_for_speed_frees_more_work(store_path, tmp_path):
    plain = run(store_path, tmp_path / "a", methods=("imp",), levels=(0.8,), rewind="init")
    fast = run(store_path, tmp_path / "b", methods=("imp",), levels=(0.8,), rewind="init", score="magnitude-per-mac")
    one, other = (ladder.facts["runs"]["imp-s0-80"] for ladder in (plain, fast))
    assert one["remaining"] == other["remaining"]
    assert other["macs_sparsity"] > one["macs_sparsity"]
    assert open_ladder(fast.path).settings["score"] == "magnitude-per-mac"
    assert fast.ticket("imp", 0.8, 0).header["search"]["score"] == "magnitude-per-mac"


def test_a_fresh_start_is_not_compared_with_weights_that_go_on():
    with pytest.raises(
        ClewError, match="--method reinit needs weights that are rewound, and with --rewind none they go on"
    ):
        replace(SETTINGS, rewind="none")
