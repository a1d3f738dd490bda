"""What holds of every layout that is registered."""

import json
import os

import pytest
from layout_trees import TREES, read, touch, write

from clew.base.errors import ClewError
from clew.datasets.items import SPLITS
from clew.datasets.layouts import layouts
from clew.datasets.recognise import looks_like, signs

LISTS_OF = {
    "faceforensics": ("train.json",),
    "celeb-df": ("List_of_testing_videos.txt",),
    "dfdc": ("dfdc_train_part_0/metadata.json", "test/labels.csv"),
    "dfdc-preview": ("dataset.json",),
    "deepfakebench": ("FaceForensics++.json",),
    "openforensics": ("Train_poly.json",),
    "openforensics-crops": ("groups.csv",),
    "folder": ("groups.csv",),
}
EVERY_LIST = [(name, path) for name, paths in LISTS_OF.items() for path in paths]


def test_every_layout_has_a_sign_and_a_tree_here():
    assert layouts.names() == signs.names() == sorted(TREES) == sorted(LISTS_OF)


@pytest.mark.parametrize("name", list(layouts))
def test_an_empty_folder_a_file_and_a_missing_path_are_refused(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for path, why in (("empty", "is an empty folder"), ("file", "is not a folder"), ("nowhere", "is not a folder")):
        with pytest.raises(ClewError, match=why) as caught:
            layouts.get(name)(tmp_path / path)
        assert str(tmp_path / path) in str(caught.value)


@pytest.mark.parametrize("name", list(layouts))
def test_the_tree_of_each_layout_is_recognised_as_that_one_alone(name, tmp_path):
    assert looks_like(TREES[name](tmp_path)) == [name]


@pytest.mark.parametrize("name", list(layouts))
@pytest.mark.parametrize("other", list(layouts))
def test_the_tree_of_another_layout_is_refused_with_its_name(name, other, tmp_path):
    root = TREES[other](tmp_path / "set")
    if name == other:
        listing, found = read(name, root)
        assert listing.items
        assert {item.status for item in listing.items} == {"ok"}
        assert {item.split for item in listing.items} <= set(SPLITS)
        assert all((item.method == "real") == (item.label == 0) for item in found.values())
        assert all((root / item.source).exists() for item in found.values())
        assert listing == layouts.get(name)(root), "the same every time"
        return
    with pytest.raises(
        ClewError, match=rf"is not laid out as '{name}': expected .*\. It looks like --layout {other}\."
    ):
        layouts.get(name)(root)


@pytest.mark.parametrize("name", list(layouts))
def test_a_root_too_high_or_too_low_is_told(name, tmp_path):
    root = TREES[name](tmp_path / "some set")
    with pytest.raises(ClewError, match=r"Did you mean .*/some set\?"):
        layouts.get(name)(tmp_path)
    touch(root, "zz below/x.txt")
    with pytest.raises(ClewError, match=r"Did you mean .*/some set\?"):
        layouts.get(name)(root / "zz below")


@pytest.mark.parametrize("name", list(layouts))
def test_the_truth_that_a_synthetic_set_brings_is_ignored(name, tmp_path):
    root = TREES[name](tmp_path)
    before = layouts.get(name)(root)
    (root / "truth.csv").write_text("path,label\nlies.jpg,1\n")
    assert layouts.get(name)(root) == before


@pytest.mark.parametrize(("name", "path"), EVERY_LIST)
@pytest.mark.parametrize(
    "spoil", ["empty", "noise", "deep", "latin", "wrong", "folder", "null", "numbers"], ids=lambda spoil: spoil
)
def test_a_broken_list_is_one_clear_error_that_names_it(name, path, spoil, tmp_path):
    root = TREES[name](tmp_path / "set")
    target = root / path
    target.unlink(missing_ok=True)
    if spoil == "folder":
        target.mkdir()
    else:
        target.write_bytes(
            {
                "empty": b"",
                "noise": bytes(range(128, 256)) * 9,
                "deep": b'{"a":' * 200_000,
                "latin": "path,group\nM\xfcller,1\nfilename,label".encode("latin-1"),
                "wrong": b'{"x": {"y": {"train": {"z": 5}}}}',
                "null": b"null",
                "numbers": b"9" * 10_000,
            }[spoil]
        )
    if name == "deepfakebench" and spoil in ("null", "folder"):
        with pytest.raises(ClewError, match="is not laid out as 'deepfakebench'"):
            layouts.get(name)(root)
        return
    with pytest.raises(ClewError) as caught:
        layouts.get(name)(root)
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "bad", ["../../etc/passwd", "/etc/passwd", "C:\\x.mp4", "a/../../b.mp4", "", ".", "x\0.mp4", "\ud800.mp4"]
)
def test_a_path_that_leaves_the_root_is_refused(bad, tmp_path):
    root = TREES["dfdc"](tmp_path / "dfdc")
    write(root / "dfdc_train_part_0/metadata.json", {bad: {"label": "REAL", "split": "train"}})
    with pytest.raises(ClewError, match=r"metadata\.json: .*expected"):
        layouts.get("dfdc")(root)
    fake = {"a.mp4": {"label": "FAKE", "original": bad}}
    write(root / "dfdc_train_part_0/metadata.json", fake)
    with pytest.raises(ClewError, match=r"metadata\.json, a\.mp4, original: .*expected"):
        layouts.get("dfdc")(root)
    root = TREES["dfdc-preview"](tmp_path / "preview")
    write(root / "dataset.json", {bad: {"label": "real", "set": "train"}})
    with pytest.raises(ClewError, match=r"dataset\.json: .*expected"):
        layouts.get("dfdc-preview")(root)
    root = TREES["openforensics"](tmp_path / "of")
    facts = json.loads((root / "Val_poly.json").read_text())
    facts["images"][0]["file_name"] = bad
    write(root / "Val_poly.json", facts)
    with pytest.raises(ClewError, match=r"Val_poly\.json, image 1: .*expected"):
        layouts.get("openforensics")(root)


def test_a_path_that_leaves_the_root_is_refused_in_text_lists(tmp_path):
    root = TREES["celeb-df"](tmp_path / "celeb")
    write(root / "List_of_testing_videos.txt", "1 YouTube-real/../../../etc/passwd\n")
    with pytest.raises(ClewError, match=r"List_of_testing_videos\.txt, line 1: .* does not lie below the root"):
        layouts.get("celeb-df")(root)
    root = TREES["dfdc"](tmp_path / "dfdc")
    write(root / "test/labels.csv", "filename,label\n/etc/passwd,1\n")
    with pytest.raises(ClewError, match=r"labels\.csv, line 2: .* does not lie below the root"):
        layouts.get("dfdc")(root)


@pytest.mark.parametrize("name", list(layouts))
def test_the_whole_set_may_lie_behind_links(name, tmp_path):
    root = TREES[name](tmp_path / "set")
    plain = layouts.get(name)(root)
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in sorted(root.iterdir()):
        os.symlink(path, linked / path.name)
    assert layouts.get(name)(linked).items == plain.items


@pytest.mark.parametrize("name", list(layouts))
def test_a_folder_without_permission_is_a_clear_error(name, tmp_path):
    root = TREES[name](tmp_path / "set")
    leaves = (path for path in sorted(root.rglob("*")) if path.is_dir())
    locked = next(path for path in leaves if not any(inner.is_dir() for inner in path.iterdir()))
    locked.chmod(0)
    try:
        if os.access(locked, os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(ClewError, match=r"cannot be read \(Permission denied\)"):
            layouts.get(name)(root)
    finally:
        locked.chmod(0o755)
