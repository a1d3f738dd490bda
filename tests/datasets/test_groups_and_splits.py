import pytest

from clew.base.errors import ClewError
from clew.datasets.groups import clusters, read_groups
from clew.datasets.items import Item
from clew.datasets.splits import crossing, leave_out_straddling, split_items


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


def test_items_outside_the_official_splits_are_drawn_by_themselves():
    official = [item(f"o{i}", f"o{i}", split=("train", "val", "test")[i % 3]) for i in range(30)]
    others = [item(f"x{i}", f"x{i // 2}", label=i % 2) for i in range(100)]
    items = official + others
    split = split_items(items, clusters(items))
    assert split[:30] == [i.split for i in official]
    assert [split[30:].count(part) for part in ("train", "val", "test")] == [72, 8, 20]


def celebrity(source, *people, split=""):
    return Item(source, int(len(people) > 1), "m", split, people, source, cluster=people[0])


def test_swaps_across_a_cut_that_is_drawn_here_are_left_out_and_the_official_cut_stays():
    items = [celebrity(f"r{i}", f"id{i}", split="train") for i in range(20)]
    items += [celebrity(f"s{i}-{j}", f"id{i}", f"id{j}", split="train") for i in range(20) for j in range(20) if i != j]
    items += [celebrity(f"t{i}", f"id{i}", f"id{(i + 1) % 20}", split="test") for i in range(20)]
    cluster_of = [i.cluster for i in items]
    split = split_items(items, cluster_of)
    val = {c for c, s in zip(cluster_of, split, strict=True) if s == "val"}
    assert len(val) == 2
    assert not any(s == "val" for i, s in zip(items, split, strict=True) if i.split == "test")
    kept = leave_out_straddling(items, cluster_of, split)
    left_out = [i for i in kept if i.status == "left-out"]
    assert len(left_out) == 2 * 2 * 18, "each of the two with each of the eighteen, both ways"
    assert all(len(val & set(i.groups)) == 1 for i in left_out)
    assert not any(i.split == "test" for i in left_out), "the layout's own cut is not ours to mend"
    assert "id" in left_out[0].detail


def test_what_a_reader_left_out_has_no_part_in_the_splits():
    lost = Item("x", 1, "m", "", ("a", "b"), status="left-out", detail="why")
    items = [item("1", "a", split="train"), item("2", "b", split="test"), lost]
    assert clusters(items)[:2] == ["a", "b"], "it joins nobody"
    assert split_items(items, clusters(items))[:2] == ["train", "test"]
