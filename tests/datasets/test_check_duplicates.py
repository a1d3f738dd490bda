"""The same picture twice is found however it was changed a little, and only where it must not be."""

from itertools import pairwise

import numpy as np
import pytest
from planted import brighter, face, find, jpeg, plain, scaled, write_store

from clew.base.hashing import stable_fraction
from clew.datasets.checks import check_store
from clew.datasets.checks.copies import ALIKE
from clew.datasets.checks.fingerprints import likeness
from clew.datasets.groups import read_groups
from clew.media.pictures import read_picture


def check(out, crops, rows, **facts):
    return check_store(write_store(out, crops, rows, **facts), only=["duplicates"]).results[0]


CHANGES = {
    "as it is": lambda picture: picture.copy(),
    "recompressed at 70": lambda picture: jpeg(picture, 70),
    "recompressed at 60": lambda picture: jpeg(picture, 60),
    "scaled by 0.9": lambda picture: scaled(picture, 0.9),
    "brighter": lambda picture: brighter(picture, 20),
    "all of it": lambda picture: jpeg(brighter(scaled(picture, 0.9), 10), 70),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_in_another_split_is_a_fault(change, tmp_path):
    crops, rows = plain()
    here, there = find(rows, "train", 1, 3), find(rows, "test", 1, 5)
    crops[there] = CHANGES[change](crops[here])
    found = check(tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == ["fault"]
    assert found.findings[0].text.startswith("1 of 44 test pictures and 1 of 60 train pictures have a copy")
    pairs = found.numbers["splits"]["pairs"]
    assert [pair["samples"] for pair in pairs] == [[rows[here]["sample"], rows[there]["sample"]]]
    assert pairs[0]["exact"] == (change == "as it is")
    assert found.numbers["labels"]["pairs"] == []
    shown = [[picture.sample for picture in strip.pictures] for strip in found.findings[0].strips]
    assert shown == [pairs[0]["samples"]]


def test_a_copy_over_official_splits_is_a_warning(tmp_path):
    crops, rows = plain()
    crops[find(rows, "test", 0)] = crops[find(rows, "train", 0)]
    found = check(tmp_path / "s", crops, rows, official=True)
    assert [one.severity for one in found.findings] == ["warning"]
    assert "the dataset's own" in found.findings[0].advice


@pytest.mark.parametrize(("change", "severity"), [("as it is", "fault"), ("recompressed at 70", "warning")])
def test_a_copy_under_the_other_label(change, severity, tmp_path):
    crops, rows = plain()
    real, fake = find(rows, "train", 0, 1), find(rows, "train", 1, 7)
    crops[fake] = CHANGES[change](crops[real])
    found = check(tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == [severity]
    assert found.numbers["labels"]["exact_pairs" if severity == "fault" else "near_pairs"] == 1
    assert found.numbers["splits"]["pairs"] == []


def test_what_is_alike_by_nature_does_not_count(tmp_path):
    crops, rows = plain()
    frames = [find(rows, "train", 0, nth) for nth in range(4)]  # four frames of one still video
    for at in frames:
        crops[at] = jpeg(crops[frames[0]], 80) if at != frames[0] else crops[at]
        rows[at].update(video="train/real/a.mp4", cluster="a", groups=["a"])
    fake = find(rows, "train", 1, 2)  # and its own fake
    crops[fake] = jpeg(crops[frames[0]], 60)
    rows[fake].update(cluster="a", groups=["a"])
    twice = [find(rows, "test", 1, nth) for nth in (0, 1)]  # one file twice in a split under one label
    crops[twice[1]] = crops[twice[0]]
    found = check(tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == ["ok"]
    assert found.numbers["splits"]["samples"] == found.numbers["labels"]["samples"] == 0


def test_a_fake_that_equals_its_original_is_a_warning(tmp_path):
    crops, rows = plain()
    real, fake = find(rows, "train", 0, 1), find(rows, "train", 1, 1)
    crops[fake] = crops[real]
    rows[fake]["cluster"] = rows[real]["cluster"]
    found = check(tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == ["warning"]
    assert found.findings[0].text == "1 fake equals the original byte for byte."
    assert found.numbers["labels"]["samples"] == 0


def test_frames_of_a_video_copied_to_another_split_are_all_counted(tmp_path):
    crops, rows = plain()
    for nth in range(5):
        here, there = find(rows, "train", 1, nth), find(rows, "val", 1, nth)
        rows[here].update(video="a.mp4", cluster="a")
        rows[there].update(video="b.mp4", cluster="b")
        crops[here] = brighter(crops[find(rows, "train", 1, 0)], nth)  # nearly still
        crops[there] = jpeg(crops[here], 65)
    found = check(tmp_path / "s", crops, rows)
    assert found.findings[0].text.startswith("5 of 20 val pictures and 5 of 60 train pictures have a copy")
    assert found.numbers["splits"]["samples"] == 10


def test_black_crops_are_compared_by_bytes_only(tmp_path):
    crops, rows = plain()
    for nth in range(3):
        crops[find(rows, "train", 0, nth)] = np.full_like(crops[0], 10 + nth)
    crops[find(rows, "test", 0, 0)] = np.full_like(crops[0], 10)
    found = check(tmp_path / "s", crops, rows)
    assert [one.severity for one in found.findings] == ["fault", "note"]
    assert found.numbers["splits"]["samples"] == 2
    assert found.numbers["flat"] == 4


def test_a_crowd_of_one_picture_takes_no_square_of_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr("clew.datasets.checks.copies.CROWD", 6)
    crops, rows = plain()
    one = crops[0]
    for at, row in enumerate(rows):
        if row["label"] == 0:
            crops[at] = jpeg(one, 61 + at % 30)
    found = check(tmp_path / "s", crops, rows)
    assert found.numbers["splits"]["exact_pairs"] > 0
    assert found.numbers["looked_at"] < 200  # of 62 * 61 / 2 pairs
    assert found.numbers["left_out_of_crowds"] > 20
    assert found.findings[-1].severity == "note"


def test_equal_stores_give_equal_results(tmp_path):
    crops, rows = plain()
    crops[find(rows, "test", 0)] = jpeg(crops[find(rows, "train", 0)], 70)
    assert check(tmp_path / "a", crops, rows) == check(tmp_path / "b", crops, rows)


def test_likeness_tells_copies_from_others():
    pictures = [face(seed) for seed in range(40)]
    others = [likeness(one, other) for one, other in pairwise(pictures)]
    assert max(others) < 0.3
    for change in CHANGES.values():
        assert min(likeness(picture, change(picture)) for picture in pictures) > ALIKE


@pytest.mark.parametrize("name", ["openforensics-crops", "dfdc-crops"])
def test_no_false_alarms_among_real_faces(name, shared, tmp_path):
    """The near-duplicates of these sets were removed, so that whatever is found is an error; planted copies are found."""
    files = sorted(shared(name).rglob("*.jpg"))[::12]
    crops = [read_picture(file) for file in files]
    groups = read_groups(shared(name)) if name == "dfdc-crops" else {}
    pattern, rows = plain()[1][0], []
    for file in files:
        path = file.relative_to(shared(name)).as_posix()
        group = groups[path][0][0] if path in groups else path  # a fake and its original share the background
        split = "test" if stable_fraction(group) < 0.5 else "train"
        label = int("fake" in path.lower().split("/")[1])
        rows.append({**pattern, "sample": path, "cluster": group, "groups": [], "label": label, "split": split})
    planted = range(0, 60, 3)
    for at in planted:
        copy = at + 301
        crops[copy] = jpeg(crops[at], 60)
        other = {"train": "test", "test": "train"}[rows[at]["split"]]
        rows[copy].update(label=rows[at]["label"], split=other, cluster=f"copy-{at}")
    found = check(tmp_path / "s", crops, rows).numbers
    assert found["splits"]["near_pairs"] == len(planted)
    assert found["labels"]["near_pairs"] == 0
