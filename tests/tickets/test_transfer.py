"""Tickets brought to other data: what they start from, what they are compared with, what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.base.progress import Silent
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.detectors.base import Config
from clew.tickets.masks import layer_counts, random_mask
from clew.tickets.origin import warnings
from clew.tickets.place import Place
from clew.tickets.runs import Run
from clew.tickets.search import _grown, search
from clew.tickets.settings import SearchSettings
from clew.tickets.starting import start_of
from clew.tickets.ticket import load_ticket
from clew.tickets.transfer import transfer_tickets
from clew.training.blended import load_part
from clew.training.settings import TrainSettings
from clew.training.weights import load_state
from method_stores import Inline

TRAINING = TrainSettings(epochs=2, batch_size=16, lr=3e-3)
SETTINGS = SearchSettings(
    Config("meso4", 32), ("imp", "random"), levels=(0.5, 0.8), seeds=(0, 1), rewind="step:2", training=TRAINING
)


@pytest.fixture(scope="module")
def here(store_path, tmp_path_factory):
    """The ladder that tickets come from."""
    return search([store_path], SETTINGS, tmp_path_factory.mktemp("transfer") / "here", executor=Inline())


@pytest.fixture(scope="module")
def there(folder_root, tmp_path_factory):
    """Other data: the same pictures under another crop size."""
    path = tmp_path_factory.mktemp("other") / "other-store"
    crop_dataset(folder_root, "folder", path, size=40)
    return path


@pytest.fixture(scope="module")
def moved(here, there, tmp_path_factory):
    out = tmp_path_factory.mktemp("moved") / "moved"
    return transfer_tickets(here.path, there, out, levels=(0.8,), seeds=(0,), executor=Inline())


class Counting(Inline):
    """Does its jobs here and notes their names; `stop_after` so many it is killed."""

    def __init__(self, stop_after=None):
        self.done, self.stop_after = [], stop_after

    def run(self, jobs, description, progress, done, failed=None):
        def note(name, result):
            done(name, result)
            self.done.append(name)
            if len(self.done) == self.stop_after:
                raise KeyboardInterrupt

        return super().run(jobs, description, progress, note, failed)


def entries(ladder):
    return {(e["method"], e["controls"], e["level"]): e["run"] for e in ladder.facts["entries"]}


def test_what_is_trained_there(moved):
    found = entries(moved)
    assert found["imp", "", 0.5] == "imp-s0-50", "its own search has all levels, or it would be another"
    for name in ("moved-imp", "moved-imp-trained", "moved-imp-fresh"):
        assert (name, "", 0.8) in found
        assert (name, "", 0.5) not in found
        assert ("random", name, 0.8) in found
    assert found["zero-shot", "imp", 0.8] == "zero-shot-imp-s0-80"
    assert ("zero-shot", "dense", 0.0) in found


def test_masks_and_weights_are_those_of_the_other_ladder(here, moved):
    origin = here.ticket("imp", 0.8, 0)
    for name in ("moved-imp", "moved-imp-trained", "moved-imp-fresh"):
        ticket = moved.ticket(name, 0.8, 0)
        for key, kept in origin.mask.items():
            np.testing.assert_array_equal(ticket.mask[key], kept)
    alone = load_ticket(moved.path / "tickets" / "zero-shot-imp-s0-80.safetensors")
    for key, values in origin.content.values.items():
        np.testing.assert_array_equal(alone.content.values[key], values)
    for key, values in origin.content.rest.items():
        np.testing.assert_array_equal(alone.content.rest[key], values)
    facts = moved.facts["runs"]["zero-shot-imp-s0-80"]
    assert (facts["pictures"], facts["history"]) == (0, [])


def test_zero_shot_scores_are_those_of_the_tickets_files(here, there, moved):
    store = open_store(there)
    samples = store.samples("test")
    crops = store.crops(samples["crop"].to_numpy())
    for method, level, controls in (("imp", 0.8, "imp"), ("dense", 0.0, "dense")):
        kept = {
            row["sample"]: row["logits"]
            for row in moved.scores.to_pylist()
            if (row["method"], row["controls"], row["split"]) == ("zero-shot", controls, "test")
        }
        told = np.array([kept[name] for name in samples["sample"].to_pylist()], np.float32)
        np.testing.assert_allclose(told, here.ticket(method, level, 0).logits(crops), atol=1e-5)


def test_one_random_mask_is_drawn_for_a_ticket_brought_along_whatever_its_weights(here, moved):
    entries = [e for e in moved.facts["entries"] if e["method"] == "random" and e["level"] == 0.8]
    controls = {entry["controls"]: entry["run"] for entry in entries if entry["controls"].startswith("moved-imp")}
    assert set(controls) == {"moved-imp", "moved-imp-trained", "moved-imp-fresh"}
    assert set(controls.values()) == {"random-of-moved-imp-s0-80"}, "trained once: the masks are the same"
    run = moved.facts["runs"]["random-of-moved-imp-s0-80"]
    assert (run["mask_from"], run["begins"]) == ("moved-imp-s0-80", "rewound")
    drawn = load_ticket(moved.path / "tickets" / "random-of-moved-imp-s0-80.safetensors").mask
    wanted = random_mask(here.ticket("imp", 0.8, 0).mask, 0)
    for key, kept in wanted.items():
        np.testing.assert_array_equal(drawn[key], kept)
    assert layer_counts(drawn) != layer_counts(moved.ticket("imp", 0.8, 0).mask), "the own ticket's are others"


def test_each_kind_begins_where_it_should(here, there, moved):
    settings = SearchSettings.from_dict(moved.settings)
    place = Place(moved.path, (there,), origin=here.path)
    split = load_part([open_store(there)], "train", False)
    starts = {
        kind: start_of(place, settings, Run("x", "moved-imp", 0, 0.8, begins=kind, origin="imp"), split, False)
        for kind in ("rewound", "trained", "fresh")
    }
    assert {kind: start.step for kind, start in starts.items()} == {"rewound": 2, "trained": 0, "fresh": 0}
    point, _ = load_state(here.path / "rewind" / "seed-0.safetensors")
    assert starts["rewound"].state.keys() == point.keys()
    assert all(tensor.equal(point[key]) for key, tensor in starts["rewound"].state.items()), "BatchNorm with it"
    ticket = here.ticket("imp", 0.8, 0)
    for key, values in ticket.state().items():
        assert starts["trained"].state[key].equal(values)
    for key in ticket.content.values:
        assert not starts["fresh"].state[key].equal(point[key])
        np.testing.assert_array_equal(starts["fresh"].mask[key].numpy(), ticket.mask[key])
    own, _ = load_state(moved.path / "rewind" / "seed-0.safetensors")
    assert any(not own[key].equal(point[key]) for key in ticket.content.values), "two steps on other pictures"


def test_seeds_are_paired(here, there, moved):
    """The second seed's ticket starts from the second seed's rewind point, under the second seed's mask."""
    settings = SearchSettings.from_dict(moved.settings)
    place = Place(moved.path, (there,), origin=here.path)
    split = load_part([open_store(there)], "train", False)
    start = start_of(place, settings, Run("x", "moved-imp", 1, 0.8, origin="imp"), split, False)
    points = [load_state(here.path / "rewind" / f"seed-{seed}.safetensors")[0] for seed in (0, 1)]
    for key, kept in here.ticket("imp", 0.8, 1).mask.items():
        assert start.state[key].equal(points[1][key])
        assert not start.state[key].equal(points[0][key])
        np.testing.assert_array_equal(start.mask[key].numpy(), kept)


def test_crops_made_in_another_way_are_warned_of_and_recorded(here, there, moved, tmp_path, monkeypatch):
    origin = moved.settings["origin"]
    assert (origin["protocol"], moved.facts["data"][0]["protocol"]) == ("as-given-v1, 32 px", "as-given-v1, 40 px")
    (text,) = warnings(moved)
    assert text.startswith(
        "other-store was cropped as 'as-given-v1, 40 px', the tickets were found on 'as-given-v1, 32"
    )
    said = []
    monkeypatch.setattr("clew.tickets.transfer.search", lambda *asked, **rest: None)
    shown = Silent()
    shown.say = said.append
    transfer_tickets(here.path, there, tmp_path / "out", progress=shown)
    assert said == ["tickets of noise-store, trained on other-store", f"warning: {text}"]
    assert warnings(here) == []


def test_what_is_told(moved):
    rows = {(row["method"], row["controls"], row["target"]): row for row in moved.summary()["levels"]}
    own, brought = rows["imp", None, 0.8]["auc"]["mean"], rows["moved-imp", None, 0.8]
    assert brought["minus_own"]["mean"] == pytest.approx(brought["auc"]["mean"] - own)
    assert brought["minus_random"] is not None
    assert "minus_own" not in rows["imp", None, 0.8]
    assert rows["zero-shot", "imp", 0.8]["verdict"] is None
    assert moved.settings["origin"]["data"] == "noise-store"


def test_a_transfer_goes_further_to_the_same_bytes_and_takes_no_other_ladder(here, there, moved, tmp_path, store_path):
    out = tmp_path / "moved"
    asked = {"levels": (0.8,), "seeds": (0,)}
    killed, second = Counting(stop_after=4), Counting()
    with pytest.raises(KeyboardInterrupt):
        transfer_tickets(here.path, there, out, weights=("rewound",), executor=killed, **asked)
    first = transfer_tickets(here.path, there, out, weights=("rewound",), executor=second, **asked)
    assert len(killed.done) == 4
    assert not set(killed.done) & set(second.done), "nothing finished is done again"
    done = set(first.facts["runs"])
    third = Counting()
    again = transfer_tickets(here.path, there, out, executor=third, **asked)
    assert set(again.facts["runs"]) - done == set(third.done)
    assert again.facts == moved.facts
    assert (again.path / "scores.parquet").read_bytes() == (moved.path / "scores.parquet").read_bytes()
    longer = replace(SETTINGS, training=replace(SETTINGS.training, lr=2e-3))
    other = search([store_path], longer, tmp_path / "other", executor=Inline())
    with pytest.raises(ClewError, match="is the ladder of another search: its training is lr"):
        transfer_tickets(other.path, there, out, levels=(0.8,), seeds=(0,), executor=Inline())


def edit(path, changes):
    """Changes settings of a ladder."""
    facts = json.loads((path / "ladder.json").read_text())
    facts["settings"] |= changes
    (path / "ladder.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("changes", "asked", "why"),
    [
        ({"rewind": "none"}, {}, "its tickets are not rewound"),
        ({}, {"levels": (0.7,)}, "has no level 0.7. It has: 0.5, 0.8"),
        ({}, {"seeds": (5,)}, "has no seed 5. It has: 0, 1"),
        ({}, {"weights": ("old",)}, "unknown --weights 'old'"),
        ({"methods": ("snip", "random")}, {}, "no tickets of imp or one-shot"),
    ],
)
def test_what_cannot_be_brought_along_is_refused(here, there, tmp_path, changes, asked, why):
    shutil.copytree(here.path, tmp_path / "ladder")
    edit(tmp_path / "ladder", {key: list(v) if isinstance(v, tuple) else v for key, v in changes.items()})
    with pytest.raises(ClewError, match=why):
        transfer_tickets(tmp_path / "ladder", there, tmp_path / "out", executor=Inline(), **asked)
    assert not (tmp_path / "out").exists()


def test_a_ladder_of_another_network_or_the_tickets_own_data_is_refused(here, there, moved, tmp_path, store_path):
    shutil.copytree(moved.path, tmp_path / "there")
    edit(tmp_path / "there", {"detector": {**moved.settings["detector"], "input_size": 48}})
    with pytest.raises(
        ClewError, match="ladder of another search: its detector is input_size 48, asked for is input_s"
    ):
        transfer_tickets(here.path, there, tmp_path / "there", levels=(0.8,), seeds=(0,), executor=Inline())
    with pytest.raises(ClewError, match="its tickets were found on noise-store itself: name another store"):
        transfer_tickets(here.path, store_path, tmp_path / "out", executor=Inline())
    assert not (tmp_path / "out").exists()


def test_given_weights_must_be_those_that_the_ladder_began_with(here, there, tmp_path, monkeypatch):
    """Else the dense net there would begin with other weights than the tickets that it is compared with."""
    asked = []
    monkeypatch.setattr("clew.tickets.transfer.search", lambda *_, **rest: asked.append(rest["weights"]))
    (tmp_path / "weights.pth").write_bytes(b"weights")
    (tmp_path / "other.pth").write_bytes(b"others")
    shutil.copytree(here.path, tmp_path / "ladder")
    edit(tmp_path / "ladder", {"start": hash_file(tmp_path / "weights.pth")})
    with pytest.raises(ClewError, match=r"began with given weights \(SHA-256 .*\): name their file, --from"):
        transfer_tickets(tmp_path / "ladder", there, tmp_path / "out")
    with pytest.raises(ClewError, match=r"--from .*other.pth: .* began with weights of SHA-256"):
        transfer_tickets(tmp_path / "ladder", there, tmp_path / "out", start=tmp_path / "other.pth")
    with pytest.raises(ClewError, match=r"--from .*weights.pth: .* began with fresh weights, not with these"):
        transfer_tickets(here.path, there, tmp_path / "out", start=tmp_path / "weights.pth")
    assert asked == []
    transfer_tickets(tmp_path / "ladder", there, tmp_path / "out", start=tmp_path / "weights.pth")
    assert asked == [tmp_path / "weights.pth"]


@pytest.mark.parametrize(
    ("before", "asked", "wanted"),
    [((0.8,), (0.5,), (0.5, 0.8)), ((0.8,), (), ()), ((), (0.5,), ()), ((0.8,), (0.8,), (0.8,))],
)
def test_levels_that_were_brought_along_stay(before, asked, wanted):
    origin = {"data": "a", "hash": "b", "ladder": "c"}
    have = replace(SETTINGS, origin=origin, moved_levels=before).as_dict()
    assert _grown(replace(SETTINGS, origin=origin, moved_levels=asked), {"settings": have}).moved_levels == wanted
    alone = SETTINGS.as_dict()
    assert _grown(replace(SETTINGS, origin=origin, moved_levels=asked), {"settings": alone}).moved_levels == asked
    assert _grown(SETTINGS, {"settings": have}).moved_levels == before


def test_a_search_alone_moves_nothing():
    with pytest.raises(ClewError, match="--method moved-imp needs tickets of another ladder"):
        replace(SETTINGS, methods=("imp", "moved-imp"))
