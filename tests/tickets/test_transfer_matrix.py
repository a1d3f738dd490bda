"""The transfer matrix: its cells worked out by hand, its names, and the sets of ladders that make none."""

from dataclasses import replace

import pytest

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.tickets.transfer_matrix import transfer_matrix
from clew.training.settings import TrainSettings
from matrix_ladders import MOVED, OWN, ladder_of, origin, small_matrix, small_set
from moved_ladders import moved_ladders


@pytest.fixture(scope="module")
def matrix():
    return small_matrix()


def cells(matrix):
    return {(cell["found"], cell["trained"]): cell for cell in matrix["cells"]}


def tickets(cell):
    return {(one["method"], one["of"], one["level"]): one for one in cell["tickets"]}


def test_rows_and_columns_are_named_with_their_methods(matrix):
    names = ["ff-c23/Deepfakes", "ff-c23/NeuralTextures", "celeb"]
    assert [place["name"] for place in matrix["places"]] == names
    assert [place["fakes"] for place in matrix["places"]] == [["Deepfakes"], ["NeuralTextures"], []]
    assert matrix["places"][2]["data"] == [{"name": "celeb", "hash": "hash-celeb", "protocol": "as-given-v1, 32 px"}]
    assert [(cell["found"], cell["trained"]) for cell in matrix["cells"]] == [
        (names[0], names[0]), (names[0], names[1]), (names[0], names[2]), (names[1], names[1]), (names[2], names[2]),
    ]  # fmt: skip
    assert (matrix["level"], matrix["levels"], matrix["warnings"]) == (0.8, [0.8], [])


def test_the_diagonal_is_the_own_ticket(matrix):
    for name in ("celeb", "ff-c23/Deepfakes", "ff-c23/NeuralTextures"):
        cell = cells(matrix)[name, name]
        assert cell["own"]
        (ticket,) = cell["tickets"]
        assert (ticket["method"], ticket["of"], ticket["auc"]["mean"]) == ("imp", "imp", pytest.approx(0.88))
        assert ticket["minus_own"] is None
        assert ticket["minus_random"]["mean"] == pytest.approx(0.18)
    assert cells(matrix)["celeb", "celeb"]["ladder"] == "celeb-", "of the search alone, not of the transfer"


def test_every_kind_against_own_dense_and_random(matrix):
    cell = cells(matrix)["ff-c23/Deepfakes", "celeb"]
    found = tickets(cell)
    assert not cell["own"]
    assert cell["dense"]["mean"] == pytest.approx(0.9)
    wanted = {  # AUC, minus own, minus dense, minus random
        ("moved-imp", "imp", 0.8): (0.80, -0.08, -0.10, 0.12),
        ("moved-imp-trained", "imp", 0.8): (0.92, 0.04, 0.02, 0.24),
        ("moved-imp-fresh", "imp", 0.8): (0.88, 0.0, -0.02, 0.20),
        ("zero-shot", "imp", 0.8): (0.50, -0.38, -0.40, None),
        ("zero-shot", "dense", 0.0): (0.60, None, -0.30, None),
    }
    assert found.keys() == wanted.keys()
    for key, numbers in wanted.items():
        for name, number in zip(("auc", "minus_own", "minus_dense", "minus_random"), numbers, strict=True):
            interval = found[key][name]
            if number is None:
                assert interval is None, (key, name)
            else:
                assert interval["mean"] == pytest.approx(number), (key, name)
                assert (interval["n"], cell["clusters"]) == (3, 100)
                assert interval["low"] <= interval["mean"] <= interval["high"]
    assert found["moved-imp", "imp", 0.8]["verdict"] == "losing"
    assert found["moved-imp-trained", "imp", 0.8]["verdict"] == "pruned", "it goes on from trained weights"
    assert found["zero-shot", "imp", 0.8]["verdict"] is None
    worse, better = (found[name, "imp", 0.8]["minus_own"] for name in ("moved-imp", "moved-imp-trained"))
    assert worse["high"] < 0
    assert better["low"] < 0 < better["high"], "two fakes of fifty more are not told apart from none"


def test_the_figures_are_those_of_the_ladders_table(tmp_path_factory):
    moved = moved_ladders(tmp_path_factory)
    matrix = transfer_matrix([moved.grid.path, moved.stripes.path, moved.there.path])
    assert [place["name"] for place in matrix["places"]] == ["both/Grid", "both/Stripes"]
    rows = {(row["method"], row["controls"], row["target"]): row for row in moved.there.summary()["levels"]}
    ticket = tickets(cells(matrix)["both/Grid", "both/Stripes"])["moved-imp", "imp", 0.5]
    for key in ("auc", "minus_own", "minus_dense", "minus_random", "verdict", "reason", "sparsity"):
        assert ticket[key] == rows["moved-imp", None, 0.5][key], key
    own = tickets(cells(matrix)["both/Stripes", "both/Stripes"])["imp", "imp", 0.5]
    assert own["auc"] == rows["imp", None, 0.5]["auc"]


def test_a_place_without_a_search_of_its_own_has_the_own_tickets_of_the_transfer():
    found = cells(transfer_matrix([small_set()[0], small_set()[3]]))
    assert found["celeb", "celeb"]["ladder"] == "to-celeb"
    assert [one["method"] for one in found["celeb", "celeb"]["tickets"]] == ["imp"]


def test_the_level_shown(monkeypatch):
    monkeypatch.setattr("clew.tickets.transfer_matrix.RESAMPLES", 100)
    both = {key if key[2] == 0.0 else (*key[:2], 0.6): won for key, won in MOVED.items()} | MOVED
    own = {key if key[2] == 0.0 else (*key[:2], 0.6): won for key, won in OWN.items()} | OWN
    one = {"seeds": (0,)}
    some = [ladder_of("a", own, **one), ladder_of("b", both, origin=origin("a"), **one)]
    found = transfer_matrix(some)
    assert (found["level"], found["levels"]) == (0.8, [0.6, 0.8])
    assert transfer_matrix(some, 0.6)["level"] == 0.6
    with pytest.raises(ClewError, match="--level 0.7: no tickets there. There are: 0.6, 0.8"):
        transfer_matrix(some, 0.7)
    less = [*some, ladder_of("c", {k: v for k, v in both.items() if k[2] != 0.8}, origin=origin("a"), **one)]
    assert transfer_matrix(less)["level"] == 0.6, "where every transfer has tickets"


def test_crops_that_differ_are_warned_of():
    some = [ladder_of("a", OWN), ladder_of("b", MOVED, origin=origin("a"), protocol="dlib-v1, 32 px")]
    (text,) = transfer_matrix(some)["warnings"]
    assert text.startswith("b was cropped as 'dlib-v1, 32 px', the tickets were found on 'as-given-v1, 32 px' (a):")


@pytest.mark.parametrize(
    ("ladders", "why"),
    [
        ([], "a matrix needs ladders"),
        ([ladder_of("a", OWN), ladder_of("a", OWN, folder="twin")], "a- and twin both hold the tickets found on a and"),
        ([ladder_of("b", MOVED, origin=origin("a"))], r"brings tickets of a, whose own ladder .* \(they are of b\)"),
        (
            [ladder_of("a", OWN), ladder_of("b", MOVED, origin=origin("a", ("Grid",)))],
            r"brings tickets of a/Grid, whose own ladder .* \(they are of a, b\): give it too",
        ),
        (
            [ladder_of("a", OWN), ladder_of("b", OWN, training=TrainSettings(epochs=3))],
            r"their training differs \(epochs 3; epochs 20\)",
        ),
        ([ladder_of("a", OWN), ladder_of("b", OWN, scope="local")], r"their scope differs \(local; global\)"),
        ([ladder_of("a", {("dense", "", 0.0): 45})], "hold no tickets of imp or one-shot"),
        ([ladder_of("a", OWN, rewind="none")], "its tickets are not rewound"),
    ],
)
def test_sets_that_make_no_matrix_are_refused(ladders, why):
    with pytest.raises(ClewError, match=why):
        transfer_matrix(ladders)


def test_ladders_of_other_detectors_and_stores_of_one_name_are_refused():
    a, b = ladder_of("a", OWN), ladder_of("b", OWN)
    other = replace(b, facts={**b.facts, "settings": {**b.settings, "detector": Config("cnn5", 32).as_dict()}})
    with pytest.raises(ClewError, match=r"their detector differs \(name cnn5; name meso4\): leave one of them out"):
        transfer_matrix([a, other])
    changed = replace(a, facts={**a.facts, "data": [{**a.facts["data"][0], "hash": "other"}]})
    changed.__dict__["scores"] = a.scores
    with pytest.raises(ClewError, match="two stores are called a and hold other data"):
        transfer_matrix([a, changed])
