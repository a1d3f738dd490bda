"""The layouts `dfdc` and `dfdc-preview`."""

import pytest
from layout_trees import PREVIEW, dfdc, dfdc_preview, read, touch, write

from clew.base.errors import ClewError
from clew.datasets.groups import clusters
from clew.datasets.layouts import layouts

NO_IDENTITIES = "dfdc names no identities: the same actors may stand in several clusters and splits."
PART = "dfdc_train_part_0"


def test_parts_and_test(tmp_path):
    listing, found = read("dfdc", dfdc(tmp_path))
    assert listing.official
    assert listing.notes == (NO_IDENTITIES,)
    facts = {source: (i.label, i.method, i.split, i.groups) for source, i in found.items()}
    group = (f"{PART}/b.mp4",)
    assert facts == {
        f"{PART}/a.mp4": (1, "fake", "train", group),
        f"{PART}/b.mp4": (0, "real", "train", group),
        "test/c.mp4": (1, "fake", "test", ()),
        "test/d.mp4": (0, "real", "test", ()),
    }
    assert all(item.video == source and item.kind == "video" for source, item in found.items())
    assert clusters(listing.items) == [f"{PART}/b.mp4", f"{PART}/b.mp4", "test/c.mp4", "test/d.mp4"]


def test_the_root_may_be_one_part(tmp_path):
    listing, found = read("dfdc", dfdc(tmp_path) / PART)
    assert {source: item.groups for source, item in found.items()} == {"a.mp4": ("b.mp4",), "b.mp4": ("b.mp4",)}
    assert {item.split for item in listing.items} == {"train"}


def test_parts_with_the_same_names_do_not_mix(tmp_path):
    facts = {"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}}
    for number in (0, 7):
        write(tmp_path / f"dfdc_train_part_{number}/metadata.json", facts)
        touch(tmp_path, f"dfdc_train_part_{number}/a.mp4")
    listing, _ = read("dfdc", tmp_path)
    assert [item.groups for item in listing.items] == [("dfdc_train_part_0/b.mp4",), ("dfdc_train_part_7/b.mp4",)]


@pytest.mark.parametrize("inner", ["train/dfdc_train_part_3", "dfdc_train_part_3/dfdc_train_part_3"])
def test_parts_that_were_unpacked_one_folder_deeper(inner, tmp_path):
    write(tmp_path / inner / "metadata.json", {"a.mp4": {"label": "REAL", "split": "train"}})
    touch(tmp_path, f"{inner}/a.mp4")
    _, found = read("dfdc", tmp_path)
    assert set(found) == {f"{inner}/a.mp4"}


def test_labels_at_the_root_and_validation(tmp_path):
    touch(tmp_path, "test_videos/a.mp4", "validation/v.mp4")
    write(tmp_path / "labels.csv", "\ufefffilename,label\r\na.mp4,1\r\ngone.mp4,0\r\n")
    write(tmp_path / "validation/labels.csv", "label,filename\n0,v.mp4\n")
    _, found = read("dfdc", tmp_path)
    assert {source: (i.split, i.label, i.status) for source, i in found.items()} == {
        "test_videos/a.mp4": ("test", 1, "ok"),
        "test_videos/gone.mp4": ("test", 0, "missing"),
        "validation/v.mp4": ("val", 0, "ok"),
    }


def test_the_test_folders_own_metadata_is_of_another_kind(tmp_path):
    root = dfdc(tmp_path)
    write(root / "test/metadata.json", {"c.mp4": {"is_fake": 1}})
    assert read("dfdc", root)[1].keys() == read("dfdc", dfdc(tmp_path / "x"))[1].keys()


def test_splits_as_the_metadata_say(tmp_path):
    facts = {f"{k}.mp4": {"label": "REAL", "split": name} for k, name in enumerate(("train", "validation", "test"))}
    facts["3.mp4"] = {"label": "REAL"}
    write(tmp_path / "metadata.json", facts)
    touch(tmp_path, *facts)
    _, found = read("dfdc", tmp_path)
    assert [found[name].split for name in facts] == ["train", "val", "test", "train"]


def test_missing_unnamed_and_unlabelled_videos(tmp_path):
    root = touch(dfdc(tmp_path), f"{PART}/new\nline.mp4", "dfdc_train_part_1/x.mp4")
    (root / PART / "b.mp4").unlink()
    listing, found = read("dfdc", root)
    item = found[f"{PART}/b.mp4"]
    assert (item.status, item.detail) == (
        "missing",
        f"{PART}/b.mp4 is named by {PART}/metadata.json, but it is not there",
    )
    assert found[f"{PART}/a.mp4"].groups == (f"{PART}/b.mp4",), "a lost original still joins its fakes"
    assert listing.notes == (
        f"1 file is not named by metadata.json or labels.csv and left out, the first {PART}/new\\nline.mp4.",
        "1 folder is without metadata.json or labels.csv and left out, the first dfdc_train_part_1.",
        NO_IDENTITIES,
    )


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"label": "fake", "split": "train"}, "a.mp4, label: expected REAL or FAKE, found 'fake'"),
        ({"split": "train"}, "label: expected REAL or FAKE, found nothing"),
        ({"label": 1}, "label: expected REAL or FAKE, found 1"),
        ({"label": ["REAL"]}, "label: expected REAL or FAKE, found a list"),
        ({"label": "REAL", "split": "holdout"}, "split: expected train or validation or val or test, found 'holdout'"),
        ({"label": "FAKE", "original": 5}, "original: expected the path of a file, found 5"),
        ("REAL", "a.mp4: expected an object {...}, found 'REAL'"),
    ],
)
def test_wrong_metadata(facts, why, tmp_path):
    write(tmp_path / "metadata.json", {"a.mp4": facts})
    with pytest.raises(ClewError) as caught:
        layouts.get("dfdc")(tmp_path)
    assert "metadata.json, a.mp4" in str(caught.value)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("filename,label\na.mp4,2\n", "labels.csv, line 2: expected 0 or 1, found '2'"),
        ("filename,label\na.mp4\n", "line 2: expected 0 or 1, found ''"),
        ("filename,label\na.mp4,1\na.mp4,0\n", "line 3: a.mp4 is real and fake"),
        ("name,fake\na.mp4,1\n", "labels.csv: expected the columns filename,label; found name,fake"),
    ],
)
def test_wrong_labels(text, why, tmp_path):
    write(tmp_path / "test/labels.csv", text)
    with pytest.raises(ClewError) as caught:
        layouts.get("dfdc")(tmp_path)
    assert why in str(caught.value)


def test_a_video_described_twice(tmp_path):
    root = dfdc(tmp_path)
    write(root / "labels.csv", "filename,label\nc.mp4,1\n")
    assert len(read("dfdc", root)[1]) == 4, "the same description twice is one"
    write(root / "labels.csv", "filename,label\nc.mp4,0\n")
    with pytest.raises(ClewError, match="test/c.mp4 is described twice, differently"):
        layouts.get("dfdc")(root)


def test_a_list_without_videos(tmp_path):
    write(tmp_path / "metadata.json", {})
    with pytest.raises(ClewError, match="the lists of this dfdc set name no videos"):
        layouts.get("dfdc")(tmp_path)


def test_the_real_part(shared):
    listing, found = read("dfdc", shared("dfdc"))
    assert len(found) == 5
    assert sum(item.label for item in listing.items) == 3
    assert {item.status for item in listing.items} == {"ok"}
    assert found[f"{PART}/brtujopkby.mp4"].groups == (f"{PART}/gnmmhlbzge.mp4",)
    assert listing.notes == (NO_IDENTITIES,)


def test_preview(tmp_path):
    listing, found = read("dfdc-preview", dfdc_preview(tmp_path))
    assert listing.official
    assert listing.notes == ()
    real, first, second = (found[name] for name in PREVIEW)
    assert (real.label, real.method, real.split, real.groups, real.cluster) == (0, "real", "train", ("101",), "101")
    assert (first.label, first.method, first.split) == (1, "method_A", "train")
    assert (first.groups, first.cluster) == (("101", "202"), "101")
    assert (second.label, second.method, second.split) == (1, "method_B", "test")
    assert (second.groups, second.cluster) == (("303", "404"), "303"), "as the file name tells"


def test_preview_missing_unnamed_and_unknown(tmp_path):
    root = dfdc_preview(tmp_path)
    write(root / "dataset.json", {**PREVIEW, "method_A/odd.mp4": {"label": "fake", "set": "train"}})
    touch(root, "method_B/303/deep/other.mp4")
    (root / "method_A/101/101_A/101_202_A_001.mp4").unlink()
    listing, found = read("dfdc-preview", root)
    assert {source: item.status for source, item in found.items() if item.status != "ok"} == {
        "method_A/101/101_A/101_202_A_001.mp4": "missing",
        "method_A/odd.mp4": "missing",
    }
    assert listing.notes == (
        "1 video is not named by dataset.json and left out, the first method_B/303/deep/other.mp4.",
        "1 video of unknown identity, the first method_A/odd.mp4: each of these is a cluster of its own.",
    )


@pytest.mark.parametrize(
    ("name", "facts", "why"),
    [
        ("method_A/x.mp4", {"label": "FAKE", "set": "train"}, "label: expected real or fake, found 'FAKE'"),
        ("method_A/x.mp4", {"label": "fake", "set": 3}, "set: expected train or test"),
        (
            "method_A/x.mp4",
            {"label": "fake", "set": "test", "target_id": [1]},
            "target_id: expected an identity, found a list",
        ),
        (
            "method_A/x.mp4",
            {"label": "fake", "set": "test", "swapped_id": True},
            "swapped_id: expected an identity, found true",
        ),
        ("method_A/x.mp4", {"label": "real", "set": "test"}, "labelled real, but it lies in method_A"),
        ("original_videos/x.mp4", {"label": "fake", "set": "test"}, "labelled fake, but it lies in original_videos"),
        ("method_A/x.mp4", None, "expected an object {...}, found nothing"),
    ],
)
def test_wrong_preview_lists(name, facts, why, tmp_path):
    write(tmp_path / "dataset.json", {name: facts})
    with pytest.raises(ClewError) as caught:
        layouts.get("dfdc-preview")(tmp_path)
    assert f"dataset.json, {name}" in str(caught.value)
    assert why in str(caught.value)
