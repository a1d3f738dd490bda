"""Searches on the fakes of one manipulation method, and tickets brought from one method to another."""

import json
import shutil

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.datasets.store import open_store
from clew.detectors.base import Config
from clew.tickets.ladder import open_ladder
from clew.tickets.settings import SearchSettings
from clew.tickets.ticket import load_ticket
from clew.tickets.transfer import transfer_tickets
from clew.training.settings import TrainSettings
from command_line import FAST, clew, refused, told
from method_stores import Inline, small_search, write_store
from moved_ladders import moved_ladders


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    return moved_ladders(tmp_path_factory)


def counts(ladder, split):
    """How many pictures of each forgery every entry of a ladder is scored on."""
    rows = ladder.scores.filter(np.array(ladder.scores["split"]) == split).to_pylist()
    found = {}
    for row in rows:
        place = found.setdefault((row["method"], row["controls"], row["level"], row["seed"]), {})
        place[row["forgery"]] = place.get(row["forgery"], 0) + 1
    return found


@pytest.mark.parametrize(("split", "videos"), [("val", 4), ("test", 6)])
def test_every_run_is_scored_on_the_method_alone(moved, split, videos):
    for ladder, name in ((moved.grid, "Grid"), (moved.there, "Stripes")):
        found = counts(ladder, split)
        assert len(found) == len(ladder.facts["entries"])
        assert all(one == {"real": 2 * videos, name: 2 * videos} for one in found.values())


def test_it_is_trained_on_the_method_alone(moved):
    run = moved.grid.facts["runs"]["dense-s0"]
    assert run["pictures"] == 2 * (2 * 6 * 2), "two epochs of six videos of each of two kinds, two frames each"


def test_the_filter_is_recorded_in_ladder_and_tickets(moved):
    assert moved.grid.settings["fakes"] == ["Grid"]
    for ticket in (moved.grid.path / "tickets").iterdir():
        assert load_ticket(ticket).header["search"]["fakes"] == ["Grid"]
    assert SearchSettings.from_dict(moved.grid.settings).fakes == ("Grid",)


def test_an_older_ladder_without_the_filter_opens_and_goes_on(moved, tmp_path):
    store = write_store(tmp_path / "old", videos={"train": 4, "val": 2, "test": 4})
    made = small_search(store, tmp_path / "ladder", seeds=1, training=TrainSettings(epochs=1, batch_size=12))
    facts = json.loads((made.path / "ladder.json").read_text())
    del facts["settings"]["fakes"]
    (made.path / "ladder.json").write_text(json.dumps(facts))
    assert open_ladder(made.path).summary()["dense"]["auc"]["n"] == 1
    again = small_search(store, made.path, seeds=1, training=TrainSettings(epochs=1, batch_size=12))
    assert again.settings["fakes"] == []
    with pytest.raises(ClewError, match=r"another search: its fakes is \[\], asked for is \['Grid'\]"):
        small_search(store, made.path, seeds=1, fakes=("Grid",), training=TrainSettings(epochs=1, batch_size=12))


def test_what_a_filter_excludes_is_refused():
    config = Config("meso4", 32)
    with pytest.raises(ClewError, match="--fakes and --blend exclude each other"):
        SearchSettings(config, fakes=("Grid",), training=TrainSettings(blend=True))
    with pytest.raises(ClewError, match="each once"):
        SearchSettings(config, fakes=("Grid", "Grid"))
    with pytest.raises(ClewError, match="--fakes Grid: the classes are other methods: Grid, Stripes"):
        SearchSettings(Config("meso4", 32, 3), fakes=("Grid",), classes=("real", "Grid", "Stripes"))


def test_tickets_of_one_method_are_trained_on_another(moved):
    there, origin = moved.there, moved.there.settings["origin"]
    assert (there.settings["fakes"], origin["fakes"], origin["data"]) == (["Stripes"], ["Grid"], "both")
    for key, kept in moved.grid.ticket("imp", 0.5, 0).mask.items():
        np.testing.assert_array_equal(there.ticket("moved-imp", 0.5, 0).mask[key], kept)
    own = {name: run["ticket_sha256"] for name, run in moved.stripes.facts["runs"].items()}
    assert {name: there.facts["runs"][name]["ticket_sha256"] for name in own} == own, "what was there is not redone"


def test_by_default_the_ladders_own_methods_are_kept_where_they_are(moved, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("clew.tickets.transfer.search", lambda paths, settings, out, **rest: asked.append(settings))
    same = write_store(tmp_path / "same", methods=("real", "Grid", "Stripes"), seed=5)
    other = write_store(tmp_path / "other", methods=("real", "Stripes"), seed=6)
    transfer_tickets(moved.grid.path, same.path, tmp_path / "a")
    transfer_tickets(moved.grid.path, other.path, tmp_path / "b")
    transfer_tickets(moved.grid.path, same.path, tmp_path / "c", fakes=())
    assert [one.fakes for one in asked] == [("Grid",), (), ()]
    with pytest.raises(ClewError, match=r"found on both/Grid itself: name another store, or other --fakes"):
        transfer_tickets(moved.grid.path, moved.store, tmp_path / "d")
    monkeypatch.undo()
    with pytest.raises(ClewError, match=r"--fakes Waves: .*both has no fakes of that method. Known: Grid \(32\)"):
        transfer_tickets(moved.grid.path, moved.store, tmp_path / "d", fakes=("Waves",), executor=Inline())
    assert not (tmp_path / "d").exists()


def test_more_seeds_of_a_ladder_with_moved_tickets_come_with_transfer(moved, tmp_path):
    shutil.copytree(moved.there.path, tmp_path / "there")
    training = TrainSettings(epochs=2, batch_size=12, lr=3e-3)
    asked = {"methods": ("imp", "random"), "fakes": ("Stripes",), "training": training}
    with pytest.raises(ClewError, match=r"holds tickets of another ladder \(both/Grid\): go on with 'clew tickets tra"):
        small_search(open_store(moved.store), tmp_path / "there", seeds=2, **asked)
    same = small_search(open_store(moved.store), tmp_path / "there", seeds=1, **asked)
    assert same.facts == moved.there.facts


def test_the_command_line(moved, tmp_path):
    asked = ["train", moved.store, "--detector", "meso4", "--size", 32, "--epochs", 1, *FAST]
    found = told(*asked, "--fakes", "Stripes", "--out", tmp_path / "run")
    assert found["fakes"] == ["Stripes"]
    assert "\nfakes: Stripes only\n" in clew(*asked, "--fakes", "Stripes", "--out", tmp_path / "run")
    assert "--fakes Srtipes" in refused(*asked, "--fakes", "Srtipes", "--out", tmp_path / "no")
    assert "exclude each other" in refused(*asked, "--fakes", "Grid", "--blend", "--out", tmp_path / "no")
    assert "needs two or more" in refused(*asked, "--fakes", "Grid", "--classes", "method", "--out", tmp_path / "no")
    assert not (tmp_path / "no").exists()
    shutil.copytree(moved.there.path, tmp_path / "there")
    again = ["tickets", "transfer", moved.grid.path, moved.store, "--fakes", "Stripes", "--weights", "rewound", "--out"]
    lines = clew(*again, tmp_path / "there")
    assert "fakes: Stripes only" in lines
    assert "tickets brought along were found on both/Grid" in lines
    page = (tmp_path / "there" / "report.html").read_text()
    assert "Stripes only, in training, validation and test" in page
    assert "found on both/Grid, cropped as as-given-v1, 32 px" in page
    shown = clew("tickets", "show", tmp_path / "there" / "tickets" / "dense-s0.safetensors")
    assert "fakes: Stripes only" in shown
