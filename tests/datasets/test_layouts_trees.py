"""The layouts `folder` and `openforensics-crops`, and walking through folders."""

import os

import pytest
from layout_trees import crops, folder, read, touch

from clew.base.errors import ClewError
from clew.datasets.disk import Walk, inside
from clew.datasets.layouts import layouts
from clew.datasets.tree import is_media


def test_pictures_and_videos_of_a_folder(tmp_path):
    root = folder(tmp_path)
    touch(root, "train/fake/deep/b c.MP4", "test/real/2.webp", "train/fake/notes.txt", "train/fake/._1.jpg")
    listing, found = read("folder", root)
    assert not listing.official
    assert listing.notes == ()
    assert len(found) == 8
    video = found["train/fake/deep/b c.MP4"]
    assert (video.kind, video.video, video.label, video.method, video.split) == (
        "video",
        "train/fake/deep/b c.MP4",
        1,
        "fake",
        "train",
    )
    picture = found["test/real/2.webp"]
    assert (picture.kind, picture.video, picture.label, picture.method, picture.split) == (
        "picture",
        "",
        0,
        "real",
        "test",
    )
    assert [item.source for item in listing.items[:3]] == [
        "train/real/1.jpg",
        "train/fake/1.jpg",
        "train/fake/deep/b c.MP4",
    ]


def test_without_split_folders_no_split_is_named(tmp_path):
    touch(tmp_path, "real/a.jpg", "fake/b.mp4")
    _, found = read("folder", tmp_path)
    assert {source: (item.split, item.label) for source, item in found.items()} == {
        "real/a.jpg": ("", 0),
        "fake/b.mp4": ("", 1),
    }


def test_regions_of_fakes_by_kind(tmp_path):
    root = touch(tmp_path, "real/a.jpg", "fake/b.mp4", "fake/c.mp4", "fake/d.e.jpg", "fake/f.mov", "fake/g.mp4")
    touch(root, "regions/real/a.png", "regions/fake/b.mp4", "regions/fake/c.png", "regions/fake/d.e.png")
    touch(root, "regions/fake/f.mkv", "regions/fake/g.avi")
    _, found = read("folder", root)
    assert {source: item.region for source, item in found.items()} == {
        "real/a.jpg": "",
        "fake/b.mp4": "regions/fake/b.mp4",
        "fake/c.mp4": "",
        "fake/d.e.jpg": "regions/fake/d.e.png",
        "fake/f.mov": "regions/fake/f.mkv",
        "fake/g.mp4": "regions/fake/g.avi",
    }


def test_groups_and_what_they_miss(tmp_path):
    root = folder(tmp_path)
    (root / "groups.csv").write_text("path,group,method\ntrain/fake/1.jpg,p,swap\ntrain/fake/1.jpg,q,\nno.jpg,p,\n")
    listing, found = read("folder", root)
    assert found["train/fake/1.jpg"].groups == ("p", "q")
    assert found["train/fake/1.jpg"].method == "swap"
    assert found["test/fake/1.jpg"].method == "fake"
    assert listing.notes == (
        "groups.csv names 1 path that cannot be found, the first no.jpg.",
        "groups.csv gives no group to 5 files, the first train/real/1.jpg: each of these is a cluster of its own.",
    )


def test_strange_names(tmp_path):
    names = [
        "a b.jpg",
        "zwei\nZeilen.mp4",
        "Ωμέγα 顔.png",
        "[red]x[/red].jpg",
        "quote'\".jpg",
        "back\\slash.jpg",
        "-rf.mp4",
    ]
    touch(tmp_path, *(f"real/{name}" for name in names), "fake/x.jpg")
    _, found = read("folder", tmp_path)
    assert set(found) == {f"real/{name}" for name in names} | {"fake/x.jpg"}
    assert {item.status for item in found.values()} == {"ok"}


@pytest.mark.skipif(os.name != "posix", reason="bytes in names")
def test_a_name_that_is_not_utf8_becomes_an_unreadable_item(tmp_path):
    touch(tmp_path, "real/a.jpg", "fake/x.jpg")
    with open(os.fsencode(tmp_path) + b"/real/caf\xe9.mp4", "wb"):
        pass
    _, found = read("folder", tmp_path)
    item = found["real/caf\\udce9.mp4"]
    assert (item.status, item.video) == ("unreadable", "real/caf\\udce9.mp4")
    assert "not UTF-8" in item.detail
    for other in found.values():
        other.source.encode()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_broken_links_and_pipes_are_unreadable_items(tmp_path):
    touch(tmp_path, "real/a.jpg", "fake/x.jpg")
    os.mkfifo(tmp_path / "real/pipe.mp4")
    os.symlink(tmp_path / "gone.jpg", tmp_path / "fake/link.jpg")
    _, found = read("folder", tmp_path)
    assert {source: item.status for source, item in found.items()} == {
        "real/a.jpg": "ok",
        "real/pipe.mp4": "unreadable",
        "fake/x.jpg": "ok",
        "fake/link.jpg": "unreadable",
    }
    assert found["fake/link.jpg"].detail == "fake/link.jpg is not a file that can be read: a broken link or a device"


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    disk = touch(tmp_path / "disk", "one/1.jpg", "one/more/2.jpg", "two/3.jpg")
    root = touch(tmp_path / "set", "fake/x.jpg")
    os.symlink(disk / "one", root / "real")
    os.symlink(disk / "one", disk / "one/more/back")  # a circle
    os.symlink(disk / "two", disk / "one/two")
    listing, found = read("folder", root)
    assert set(found) == {"real/1.jpg", "real/more/2.jpg", "real/two/3.jpg", "fake/x.jpg"}
    assert listing.notes == ("Left out: 1 link to folders that were read already, the first real/more/back.",)


def test_one_folder_cannot_be_real_and_fake(tmp_path):
    touch(tmp_path, "real/1.jpg")
    os.symlink(tmp_path / "real", tmp_path / "fake")
    with pytest.raises(ClewError, match="fake is a link to a folder that was read already"):
        layouts.get("folder")(tmp_path)


def test_a_walk_prefers_folders_to_links_and_sorts(tmp_path):
    touch(tmp_path, "top/z/1.jpg", "top/z/0.jpg", "top/z!/2.jpg", "top/b.jpg")
    os.symlink(tmp_path / "top/z", tmp_path / "top/zz")
    walk = Walk(tmp_path, is_media)
    assert walk.files("top") == ["top/b.jpg", "top/z/0.jpg", "top/z/1.jpg", "top/z!/2.jpg"]
    assert walk.repeated == ["top/zz"]


def test_a_split_without_a_class_is_refused(tmp_path):
    touch(tmp_path, "train/real/1.jpg", "train/fake/1.jpg", "test/real/1.jpg")
    with pytest.raises(ClewError, match="found train/fake, train/real, test/real"):
        layouts.get("folder")(tmp_path)


def test_crops_with_videos_beside_them(tmp_path):
    root = touch(crops(tmp_path), "Test/Fake/clip.mp4", "regions/Test/Fake/clip.mp4")
    listing, found = read("openforensics-crops", root)
    assert not listing.official
    assert {item.split for item in found.values()} == {"train", "val", "test"}
    clip = found["Test/Fake/clip.mp4"]
    assert (clip.kind, clip.video, clip.region) == ("video", "Test/Fake/clip.mp4", "regions/Test/Fake/clip.mp4")


def test_paths_in_lists():
    assert inside("./a//b\\c.mp4", "list") == "a/b/c.mp4"
    assert inside("a:b/..c.mp4", "list") == "a:b/..c.mp4"
    for bad in (3, None, "..", "a/..", "\\\\server\\x", "D:/x"):
        with pytest.raises(ClewError, match="^list: "):
            inside(bad, "list")


def test_the_real_trees(shared):
    listing, found = read("folder", shared("dfdc-facetracks"))
    assert len(found) == 20
    assert sum(item.label for item in listing.items) == 19
    assert {(item.kind, item.split, item.status) for item in listing.items} == {("video", "", "ok")}
    listing, found = read("folder", shared("dfdc-crops"))
    assert len(found) == 8000
    assert all(len(item.groups) == 1 for item in listing.items)
    assert listing.notes == ()
    listing, found = read("openforensics-crops", shared("openforensics-crops"))
    assert [sum(i.split == part and i.label == 1 for i in listing.items) for part in ("train", "val", "test")] == [
        3000,
        500,
        500,
    ]
