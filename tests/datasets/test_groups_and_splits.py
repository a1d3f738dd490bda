import pytest

from clew.base.errors import ClewError
from clew.datasets.groups import clusters, read_groups
from clew.datasets.items import Item
from clew.datasets.splits import crossing, split_items


def item(source, *groups, label=0, split="", video=""):
    return Item(source, label, "real" if label == 0 else "fake", split, groups, video)


def test_a_cluster_is_a_connected_component_of_groups():
    items = [item("1", "b", "c"), item("2", "a"), item("3", "c", "d"), item("4", "e"), item("5"), item("6", video="v")]
    assert clusters(items) == ["b", "a", "b", "e", "5", "v"]
    assert clusters([*items, item("7", "a", "d")]) == ["a", "a", "a", "e", "5", "v", "a"]


def test_groups_csv(tmp_path):
    assert read_groups(tmp_path) == {}
    (tmp_path / "groups.csv").write_text("path,group,method\na\\x.jpg,g1,swap\na/x.jpg,g2,\nb.jpg,,\n")
    assert read_groups(tmp_path) == {"a/x.jpg": (("g1", "g2"), "swap"), "b.jpg": ((), "")}
    (tmp_path / "groups.csv").write_text("file,identity\na,b\n")
    with pytest.raises(ClewError, match=r"groups\.csv: expected the columns path,group"):
        read_groups(tmp_path)


def test_splits_are_by_cluster_and_hold_the_shares():
    items = [item(f"{i}", f"g{i // 4}", label=i % 2) for i in range(400)]
    cluster_of = clusters(items)
    split = split_items(items, cluster_of)
    assert crossing(split, cluster_of) == {}
    assert [split.count(part) for part in ("train", "val", "test")] == [288, 32, 80]
    assert split == split_items(items, cluster_of)


def test_a_layouts_own_splits_are_kept_and_only_the_validation_part_is_drawn():
    items = [item(f"{i}", label=i % 2, split="test" if i < 20 else "train") for i in range(120)]
    split = split_items(items, clusters(items))
    assert split[:20] == ["test"] * 20
    assert split.count("val") == 10
    drawn = [i for i, part in enumerate(split) if part == "val"]
    assert sum(i % 2 for i in drawn) == 5, "each kind of cluster gives its share"


def test_some_items_without_a_split_are_an_error():
    with pytest.raises(ClewError, match="b belongs to no split"):
        split_items([item("a", split="train"), item("b")], ["a", "b"])
