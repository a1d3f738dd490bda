"""Tickets brought to other data: what they start from, what they are compared with, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.detectors.base import Config
from clew.tickets.place import Place
from clew.tickets.runs import Run
from clew.tickets.search import search
from clew.tickets.settings import SearchSettings
from clew.tickets.starting import start_of
from clew.tickets.ticket import load_ticket
from clew.tickets.transfer import transfer_tickets
from clew.training.blended import load_part
from clew.training.settings import TrainSettings
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
    facts = moved.facts["runs"]["zero-shot-imp-s0-80"]
    assert (facts["pictures"], facts["history"]) == (0, [])


def test_each_kind_begins_where_it_should(here, there, moved):
    settings = SearchSettings.from_dict(moved.settings)
    place = Place(moved.path, (there,), origin=here.path)
    split = load_part([open_store(there)], "train", False)
    starts = {
        kind: start_of(place, settings, Run("x", "moved-imp", 0, 0.8, begins=kind, origin="imp"), split, False)
        for kind in ("rewound", "trained", "fresh")
    }
    assert {kind: start.step for kind, start in starts.items()} == {"rewound": 2, "trained": 0, "fresh": 0}
    from clew.training.weights import load_state

    point, _ = load_state(here.path / "rewind" / "seed-0.safetensors")
    trained = here.ticket("imp", 0.8, 0).content.values
    for key, values in trained.items():
        assert starts["rewound"].state[key].equal(point[key])
        np.testing.assert_array_equal(starts["trained"].state[key].numpy(), values)
        assert not starts["fresh"].state[key].equal(point[key])


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
    first = transfer_tickets(here.path, there, out, weights=("fresh",), levels=(0.8,), seeds=(0,), executor=Inline())
    done = set(first.facts["runs"])
    again = transfer_tickets(here.path, there, out, levels=(0.8,), seeds=(0,), executor=Inline())
    assert done < set(again.facts["runs"])
    assert again.facts == moved.facts
    assert (again.path / "scores.parquet").read_bytes() == (moved.path / "scores.parquet").read_bytes()
    other = search([store_path], replace(SETTINGS, margin=0.03), tmp_path / "other", executor=Inline())
    with pytest.raises(ClewError, match="holds tickets of another ladder"):
        transfer_tickets(other.path, there, out, levels=(0.8,), seeds=(0,), executor=Inline())


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
    import json
    import shutil

    shutil.copytree(here.path, tmp_path / "ladder")
    facts = json.loads((tmp_path / "ladder" / "ladder.json").read_text())
    facts["settings"] |= {key: list(value) if isinstance(value, tuple) else value for key, value in changes.items()}
    (tmp_path / "ladder" / "ladder.json").write_text(json.dumps(facts))
    with pytest.raises(ClewError, match=why):
        transfer_tickets(tmp_path / "ladder", there, tmp_path / "out", executor=Inline(), **asked)
    assert not (tmp_path / "out").exists()


def test_a_search_alone_moves_nothing():
    with pytest.raises(ClewError, match="--method moved-imp needs tickets of another ladder"):
        replace(SETTINGS, methods=("imp", "moved-imp"))
