"""Who stands in two splits is named, with the splits and the counts, and nobody else."""

import pytest
from planted import find, plain, write_store

from clew.base.errors import ClewError
from clew.datasets.checks import check_store


def check(out, crops, rows, **facts):
    return check_store(write_store(out, crops, rows, **facts), only=["leaks"]).results[0]


def test_clean_data(tmp_path):
    found = check(tmp_path / "s", *plain())
    assert found.severity == "ok"
    assert found.numbers["identities"]["known"] == found.numbers["identities"]["components"] == 124
    assert found.numbers["identities"]["largest_component"] == 1


@pytest.mark.parametrize(("official", "severity"), [(False, "fault"), (True, "warning")])
def test_an_identity_in_two_splits(official, severity, tmp_path):
    crops, rows = plain()
    for split, nth in (("train", 0), ("train", 1), ("test", 4)):
        rows[find(rows, split, 1, nth)]["groups"].append("ann")
    found = check(tmp_path / "s", crops, rows, official=official)
    assert [one.severity for one in found.findings] == [severity, "note"]
    assert found.findings[0].text.startswith(
        "1 identity stands in more than one split (train and test; 3 samples): 'ann'"
    )
    assert found.findings[1].text == "1 of 44 test samples (2.3 %) show an identity known from training."
    numbers = found.numbers["identities"]
    assert numbers["leaks"] == [{"name": "ann", "samples": {"train": 2, "val": 0, "test": 1}}]
    assert numbers["test_samples_known_from_training"] == 1
    assert numbers["components_over_splits"] == 1
    assert numbers["largest_component"] == 3
    assert found.numbers["videos"]["leaks"] == found.numbers["clusters"]["leaks"] == []


def test_identities_that_hang_together_are_one_component(tmp_path):
    crops, rows = plain()
    for at, names in zip(
        (find(rows, "val", 1, nth) for nth in range(3)), (["a", "b"], ["b", "c"], ["c", "d"]), strict=True
    ):
        rows[at]["groups"] = names
    numbers = check(tmp_path / "s", crops, rows).numbers["identities"]
    assert (numbers["largest_component"], numbers["components"], numbers["leaking"]) == (3, 122, 0)
    assert numbers["known"] == 121 + 4


@pytest.mark.parametrize(("column", "kind"), [("video", "videos"), ("cluster", "clusters")])
def test_a_video_or_a_cluster_in_two_splits(column, kind, tmp_path):
    crops, rows = plain()
    for split in ("train", "val"):
        rows[find(rows, split, 0)][column] = "shared.mp4"
    found = check(tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == ["fault"]
    assert found.numbers[kind]["leaks"] == [{"name": "shared.mp4", "samples": {"train": 1, "val": 1, "test": 0}}]
    assert sum(found.numbers[other]["leaking"] for other in ("identities", "videos", "clusters")) == 1


def test_rows_without_a_crop_leak_nothing(tmp_path):
    crops, rows = plain()
    for split in ("train", "test"):
        rows[find(rows, split, 1)].update(groups=["ann"], video="v.mp4", cluster="c")
    rows[find(rows, "test", 1)]["status"] = "no-face"
    found = check(tmp_path / "s", crops, rows)
    assert found.severity == "ok"


@pytest.mark.parametrize("groups", [[], None])
def test_unknown_identities_are_said_to_be_unknown(groups, tmp_path):
    crops, rows = plain()
    for row in rows:
        row["groups"] = groups
    found = check(tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == ["note"]
    assert "identities are not known" in found.findings[0].text


def test_a_strange_split_is_one_clear_error(tmp_path):
    crops, rows = plain()
    rows[3]["split"] = "training"
    with pytest.raises(ClewError, match="expected the splits train, val, test, found 'training'"):
        check(tmp_path / "s", crops, rows)


def test_an_unknown_check_lists_the_known_ones(tmp_path):
    store = write_store(tmp_path / "s", *plain())
    with pytest.raises(
        ClewError, match=r"unknown check 'leak'.*Known: balance, drops, duplicates, leaks, sheet, shortcuts"
    ):
        check_store(store, only=["leak"])
