"""Early-bird tickets: when a mask has settled, what the rounds leave, and that a round which does not settle is IMP's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.datasets.store import open_store
from clew.detectors import initial_state
from clew.detectors.base import Config
from clew.detectors.build import network
from clew.detectors.layers import prunable
from clew.tickets.masks import full_mask, is_nested, prune
from clew.tickets.methods import early_bird
from clew.tickets.place import Place
from clew.tickets.plan import plan
from clew.tickets.search import search
from clew.tickets.settings import SearchSettings
from clew.tickets.starting import leave_mask, start_of
from clew.training import loop
from clew.training.choices import Choices
from clew.training.data import load_split
from clew.training.settings import TrainSettings
from clew.training.settling import Settled, Settling, distance
from clew.training.weights import load_state
from method_stores import Inline, write_store

CONFIG = Config("meso4", 32)
TRAINING = TrainSettings(epochs=4, batch_size=4, lr=3e-3)  # 4 steps an epoch: a look after every step
FEW = 0.05, 3  # a threshold and a memory with which a round of so few steps settles on its way
SETTINGS = SearchSettings(CONFIG, ("early-bird",), levels=(0.5, 0.8), seeds=(0,), training=TRAINING)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    videos = {"train": 8, "val": 3, "test": 3}
    return write_store(tmp_path_factory.mktemp("few") / "few", methods=("real", "Grid"), videos=videos, frames=1)


def run(store, out, executor=None, **changes):
    return search([store.path], replace(SETTINGS, **changes), out, executor=executor or Inline())


@pytest.fixture(scope="module")
def ladder(store, tmp_path_factory):
    """A round that settles within the budget: the threshold is high enough for so short a training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(early_bird, "THRESHOLD", FEW[0])
        patch.setattr(early_bird, "MEMORY", FEW[1])
        return run(store, tmp_path_factory.mktemp("early") / "ladder", rewind="step:2")


def masks_of(*bits):
    return [{"a": np.array([bit == "1" for bit in some])} for some in bits]


def test_the_distance_is_a_share_of_what_chance_would_make_it():
    alive, one, other, third = masks_of("111111111100", "111110000000", "111001100000", "100001111000")
    assert distance(one, one, alive) == 0
    assert distance(one, other, alive) == pytest.approx(4 / 5), "10 live, 5 kept: by chance half of the 10 differ"
    assert distance(one, third, alive) == pytest.approx(8 / 5), "farther than by chance"
    assert distance(alive, alive, alive) == 0
    rng = np.random.default_rng(0)
    for keep in (0.5, 0.05):
        one, other = ({"a": rng.random(200_000) < keep} for _ in range(2))
        assert distance(one, other, full_mask({"a": np.zeros(200_000)})) == pytest.approx(1, abs=0.02)


class Scripted(nn.Module):
    """A layer of ten weights that are set by hand."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(10))

    def small(self, *places):
        """The weights at these places are the small ones."""
        with torch.no_grad():
            self.a[:] = torch.arange(2.0, 12.0)
            self.a[list(places)] = 0.5 + torch.arange(len(places)) / 100
        return self


def looks(how, *places):
    settled = Settled(how, {"a": torch.ones(10, dtype=torch.bool)})
    module, steps = Scripted(), iter(range(1, 100))
    for some in places:
        assert settled.mask is None
        settled.look(next(steps), module.small(*some))
    return settled


def test_a_mask_has_settled_when_it_is_near_all_of_the_last_and_not_before():
    how = Settling(lambda w, m, t: prune(w, m, t, "global"), 0.5, 5, 3, 0.4, 3)
    assert [step for step in range(13) if Settled(how, {}).due(step)] == [6, 9, 12], "from step 5 on"
    assert not Settled(None, {}).due(3)
    first, one, two, three = (0, 1, 2, 3, 4), (0, 1, 2, 3, 5), (0, 1, 2, 6, 5), (0, 1, 7, 6, 5)
    few = looks(how, first, first, first)
    assert (few.mask, few.looks) == (None, [])
    drifting = looks(how, first, one, two, three)
    assert drifting.mask is None, "each is near the one before it, the last is far from the first"
    assert drifting.looks == [(4, pytest.approx(6 / 5))]
    still = looks(how, first, one, one, one)
    assert still.looks == [(4, pytest.approx(2 / 5))]
    assert np.flatnonzero(~still.mask["a"].numpy()).tolist() == [0, 1, 2, 3, 5]


def test_every_level_has_a_run_that_finds_and_a_ticket():
    runs, entries = plan(replace(SETTINGS, methods=("early-bird", "random")))
    by_id = {one.id: one for one in runs}
    assert by_id["early-bird-find-s0-50"].after == ("dense-s0",)
    assert by_id["early-bird-find-s0-80"].after == ("dense-s0", "early-bird-find-s0-50")
    assert by_id["early-bird-s0-80"].after == ("dense-s0", "early-bird-find-s0-80")
    assert by_id["random-of-early-bird-s0-80"].mask_from == "early-bird-s0-80"
    assert {one.id for one in runs if one.finds} == {"early-bird-find-s0-50", "early-bird-find-s0-80"}
    assert not any("find" in entry.run for entry in entries)


@pytest.mark.parametrize("rewind", ["none", "lr"])
def test_rounds_that_are_cut_short_need_a_point_to_rewind_to(rewind):
    with pytest.raises(ClewError, match=f"--method early-bird .* --rewind {rewind} .*--rewind init or step:K"):
        replace(SETTINGS, rewind=rewind)


def test_a_round_stops_early_and_its_ticket_trains_on_the_whole_budget(ladder):
    runs = ladder.facts["runs"]
    for level in ("50", "80"):
        finder, ticket = runs[f"early-bird-find-s0-{level}"], runs[f"early-bird-s0-{level}"]
        assert finder["settled"]
        assert finder["looks"][-1][1] <= FEW[0] < min([far for _, far in finder["looks"][:-1]], default=1)
        assert finder["pictures"] == 4 * (finder["looks"][-1][0] - 2) < ticket["pictures"] == 4 * (16 - 2)
        assert len(finder["history"]) == (finder["looks"][-1][0] - 1) // 4, "no validation when it stops"
        assert finder["layers"] == ticket["layers"]
        assert "ticket_sha256" not in finder
    half, most = (ladder.ticket("early-bird", level, 0) for level in (0.5, 0.8))
    assert is_nested(most.mask, half.mask)
    assert [entry["method"] for entry in ladder.facts["entries"]] == ["dense", "early-bird", "early-bird"]
    names = {path.stem for path in (ladder.path / "tickets").iterdir()}
    assert names == {"dense-s0", "early-bird-s0-50", "early-bird-s0-80"}
    assert not (ladder.path / "unfinished").exists()


def test_the_search_leaves_its_costs_in_run_json(ladder):
    told, runs = read_json(ladder.path / "run.json"), ladder.facts["runs"]
    assert set(told["cost"]) == set(runs) == set(told["seconds"])
    rounds = [f"early-bird-find-s0-{level}" for level in ("50", "80")]
    cost = told["cost"]["early-bird-s0-80"]
    assert cost["pictures"] == runs["early-bird-s0-80"]["pictures"]
    assert cost["seconds"] == told["seconds"]["early-bird-s0-80"]
    assert cost["search_pictures"] == sum(runs[name]["pictures"] for name in rounds) + 2 * 4, "and two steps of dense"
    way = told["seconds"]["dense-s0"] * 2 / 16
    assert cost["search_seconds"] == pytest.approx(sum(told["seconds"][name] for name in rounds) + way, abs=1e-3)


def test_the_mask_is_what_pruning_gave_when_it_settled(ladder, store):
    """The round begins at the rewind point; trained on so far by hand, its weights give the ticket's mask."""
    stop = ladder.facts["runs"]["early-bird-find-s0-50"]["looks"][-1][0]
    state, _ = load_state(ladder.path / "rewind" / "seed-0.safetensors")
    seen = {}
    splits = [load_split([store], split) for split in ("train", "val")]
    full = {name: torch.ones_like(state[name], dtype=torch.bool) for name in prunable(network(CONFIG))}
    begin = loop.Start(state, 2, full)
    loop.train(CONFIG, TRAINING, Choices(), begin, *splits, 0, at_steps={stop: seen.update})
    weights = {name: seen[name].numpy() for name in full}
    expected = prune(weights, full_mask(weights), 0.5, "global")
    found = ladder.ticket("early-bird", 0.5, 0).mask
    assert all((expected[name] == kept).all() for name, kept in found.items())


def test_a_round_that_does_not_settle_is_a_round_of_imp(store, tmp_path, monkeypatch):
    monkeypatch.setattr(early_bird, "THRESHOLD", -1.0)
    training = replace(TRAINING, epochs=2)
    found = run(store, tmp_path / "both", methods=("early-bird", "imp"), training=training, scope="local")
    assert not found.facts["runs"]["early-bird-find-s0-80"]["settled"]
    for level in (0.5, 0.8):
        mine, theirs = (found.ticket(method, level, 0).content for method in ("early-bird", "imp"))
        for name, kept in theirs.mask.items():
            np.testing.assert_array_equal(mine.mask[name], kept)
            np.testing.assert_array_equal(mine.values[name], theirs.values[name])


class Cut(Exception):
    """Stands for a kill."""


def test_a_killed_round_stops_at_the_same_step_with_the_same_mask(store, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    splits = [load_split([store], split) for split in ("train", "val")]
    state = initial_state(CONFIG, 0)
    full = {name: torch.ones_like(state[name], dtype=torch.bool) for name in prunable(network(CONFIG))}
    how = Settling(lambda w, m, t: prune(w, m, t, "global"), 0.5, 4, 1, 0.05, 3)

    def train(name, cut=None):
        left = [cut]

        def report(steps, note):
            if steps and left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise Cut

        begin = loop.Start(state, 0, full, settling=how)
        path = tmp_path / f"{name}.checkpoint"
        return loop.train(CONFIG, TRAINING, Choices(), begin, *splits, 0, checkpoint=path, keep=True, report=report)

    whole = train("whole")
    assert whole.settled is not None
    assert 7 < whole.pictures / 4 < 16
    for cut in (1, 2, 2, 3):
        with pytest.raises(Cut):
            train("cut", cut)
    for again in (train("cut"), train("cut")):  # the second finds all done
        assert (again.looks, again.pictures, again.history) == (whole.looks, whole.pictures, whole.history)
        assert all(kept.equal(whole.settled[name]) for name, kept in again.settled.items())


class Few(Inline):
    """Does so many jobs and is killed; `names` are those that it was given."""

    def __init__(self, count=100):
        self.count, self.names = count, []

    def run(self, jobs, *rest):
        self.names = [job.name for job in jobs]
        done = super().run(jobs[: self.count], *rest)
        if self.count < len(jobs):
            raise Cut
        return done


def content(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_search_killed_after_a_round_goes_on_and_finds_the_same(ladder, store, tmp_path, monkeypatch):
    monkeypatch.setattr(early_bird, "THRESHOLD", FEW[0])
    monkeypatch.setattr(early_bird, "MEMORY", FEW[1])
    out = tmp_path / "again"
    with pytest.raises(Cut):
        run(store, out, Few(2), rewind="step:2")
    rest = Few()
    again = run(store, out, rest, rewind="step:2")
    assert rest.names == ["early-bird-find-s0-80", "early-bird-s0-50", "early-bird-s0-80"]
    assert content(again.path) == content(ladder.path)
    more = Few()
    run(store, out, more, rewind="step:2", methods=("random",) + SETTINGS.methods)
    assert more.names == ["random-of-early-bird-s0-50", "random-of-early-bird-s0-80"], "no round is done again"


def test_a_ticket_starts_from_the_rewind_point_with_the_mask_that_was_found(store, tmp_path):
    """What a round left decides the mask, whatever else lies in the ladder."""
    settings = replace(SETTINGS, rewind="init")
    place = Place(tmp_path, (store.path,))
    split = load_split([open_store(store.path)], "train")
    runs = {one.id: one for one in plan(settings)[0]}
    dense = start_of(place, settings, runs["dense-s0"], split, True)
    first = start_of(place, settings, runs["early-bird-find-s0-50"], split, False)
    assert all(bool(kept.all()) for kept in first.mask.values())
    assert (first.settling.every, first.settling.target, first.settling.after) == (1, 0.5, 2), "16 steps, a tenth"
    assert all(tensor.equal(dense.state[name]) for name, tensor in first.state.items())
    settled = {name: kept & (dense.state[name] > 0) for name, kept in first.mask.items()}
    trained = loop.Trained(dense.state, first.mask, [], 1, 0, settled)
    left = leave_mask(place, runs["early-bird-find-s0-50"], first, trained)
    ticket = start_of(place, settings, runs["early-bird-s0-50"], split, False)
    assert ticket.settling is None
    assert {name: kept.sum() for name, kept in left.items()} == {n: int(m.sum()) for n, m in ticket.mask.items()}
    assert all(tensor.equal(dense.state[name]) for name, tensor in ticket.state.items())
    after = start_of(place, settings, runs["early-bird-find-s0-80"], split, False)
    assert all(kept.equal(ticket.mask[name]) for name, kept in after.mask.items())
    assert after.settling.target == 0.8
