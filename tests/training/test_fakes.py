"""Some manipulation methods alone: which samples stay, in every split, and which choices are refused."""

from dataclasses import replace

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.datasets.index import index_table
from clew.training.blended import load_part
from clew.training.data import load_split, method_classes
from clew.training.fakes import known_fakes
from method_stores import write_store

COUNTS = {"train": 4, "val": 2, "test": 3}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("three") / "three"
    return write_store(path, methods=("real", "Grid", "Stripes", "Waves"), videos=COUNTS)


def column(samples, name):
    return samples.rows[name].to_pylist()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_fakes_of_other_methods_are_left_out_and_the_reals_stay(store, split):
    whole, some = load_part([store], split, False), load_part([store], split, False, fakes=("Grid", "Waves"))
    wanted = [row["sample"] for row in whole.rows.to_pylist() if row["method"] != "Stripes"]
    assert column(some, "sample") == wanted
    assert [column(some, "method").count(name) for name in ("real", "Grid", "Waves")] == [2 * COUNTS[split]] * 3
    assert len(some.labels) == len(some.places) == len(wanted)
    at = column(some, "method").index("Waves")
    np.testing.assert_array_equal(some.crops([at], 32)[0], store.crop(column(some, "crop")[at]))


def test_no_method_named_leaves_all(store):
    whole, same = load_split([store], "train"), load_split([store], "train", fakes=())
    assert whole.rows.equals(same.rows)


def test_methods_are_gathered_over_stores(store, tmp_path):
    other = write_store(tmp_path / "other", methods=("real", "Grid"), videos=COUNTS, seed=1)
    assert known_fakes([store, other]) == {"Grid": 36, "Stripes": 18, "Waves": 18}
    both = load_split([store, other], "test", fakes=("Waves",))
    assert [column(both, "method").count(name) for name in ("real", "Waves", "Grid")] == [12, 6, 0]


def test_an_unknown_method_lists_the_known_ones_with_their_counts(store):
    known = r".*three has no fakes of that method. Known: Grid \(18\), Stripes \(18\), Waves \(18\)."
    with pytest.raises(ClewError, match=f"--fakes Gird: {known}"):
        load_part([store], "train", False, fakes=("Grid", "Gird"))
    with pytest.raises(ClewError, match=f"--fakes Gird: {known}"):
        method_classes([store], ("Gird",))
    with pytest.raises(ClewError, match=f"--fakes real: {known}"):
        load_part([store], "train", False, fakes=("real",))


def test_a_split_left_without_fakes_names_store_split_and_method(store):
    index = store.index.to_pylist()
    kept = [row for row in index if not (row["split"] == "val" and row["method"] == "Waves")]
    lacking = replace(store, index=index_table(kept))
    with pytest.raises(ClewError, match="three: the split 'val' holds no fakes of Waves: name other --fakes"):
        load_part([lacking], "val", False, fakes=("Waves",))
    assert len(load_part([lacking], "val", False, fakes=("Waves", "Grid"))) == 8
    assert len(load_part([lacking], "train", False, fakes=("Waves",))) == 16


def test_classes_are_those_of_the_methods_named(store):
    assert method_classes([store], ("Waves", "Grid")) == ("real", "Grid", "Waves")
    samples = load_split([store], "test", classes=("real", "Grid", "Waves"), fakes=("Grid", "Waves"))
    assert sorted(set(samples.targets.tolist())) == [0, 1, 2]
    with pytest.raises(ClewError, match=r"one method only \(Grid\)"):
        method_classes([store], ("Grid",))


def test_blends_have_no_method(store):
    with pytest.raises(ClewError, match="--fakes and --blend exclude each other"):
        load_part([store], "train", True, fakes=("Grid",))
