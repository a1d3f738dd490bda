"""The layout `faceforensics`."""

import json

import pytest
from layout_trees import LISTS, faceforensics, read, touch, write

from clew.base.errors import ClewError
from clew.datasets.groups import clusters
from clew.datasets.layouts import layouts

ORIGINALS = "original_sequences"
FAKES = "manipulated_sequences"
FOUR = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


def whole_set(root, lists):
    """The official set in c23, of empty files: originals and four manipulations, two for each pair."""
    for part, pairs in lists.items():
        write(root / f"{part}.json", pairs)
        for a, b in pairs:
            touch(root, *(f"{ORIGINALS}/youtube/c23/videos/{name}.mp4" for name in (a, b)))
            touch(
                root,
                *(f"{FAKES}/{method}/c23/videos/{name}.mp4" for method in FOUR for name in (f"{a}_{b}", f"{b}_{a}")),
            )
    return root


def check_700(root):
    listing, _ = read("faceforensics", root)
    test = [item for item in listing.items if item.split == "test"]
    assert len({item.video for item in test}) == len(test) == 700
    assert sum(item.label == 0 for item in test) == 140
    assert {method: sum(item.method == method for item in test) for method in FOUR} == dict.fromkeys(FOUR, 140)
    assert len(set(clusters(test))) == 70, "a pair of originals with all that is made of it is one cluster"
    assert listing.notes == ()
    assert {item.status for item in listing.items} == {"ok"}
    return listing


def test_700_videos_of_the_test_part_are_700(tmp_path):
    ids = [f"{number:03d}" for number in range(200)]
    pairs = [ids[k : k + 2] for k in range(0, 200, 2)]
    check_700(whole_set(tmp_path, {"train": pairs[:20], "val": pairs[20:30], "test": pairs[30:]}))


def test_700_videos_of_the_official_test_part(shared, tmp_path):
    folder = shared("faceforensics-splits")
    listing = check_700(
        whole_set(tmp_path, {part: json.loads((folder / f"{part}.json").read_text()) for part in LISTS})
    )
    assert [sum(item.split == part for item in listing.items) for part in LISTS] == [3600, 700, 700]


def test_a_small_set(tmp_path):
    listing, found = read("faceforensics", faceforensics(tmp_path))
    assert listing.official
    assert listing.notes == ()
    assert len(found) == 12
    fake = found[f"{FAKES}/Deepfakes/c23/videos/000_003.mp4"]
    assert fake.label == 1
    assert fake.method == "Deepfakes"
    assert fake.split == "train"
    assert fake.groups == ("000", "003")
    assert fake.cluster == ""
    assert fake.video == fake.source
    assert fake.compression == "c23"
    assert fake.region == f"{FAKES}/Deepfakes/masks/videos/000_003.mp4"
    assert fake.kind == "video"
    real = found[f"{ORIGINALS}/youtube/c23/videos/004.mp4"]
    assert (real.label, real.method, real.split, real.groups, real.region) == (0, "real", "test", ("004",), "")


def test_compressions_and_methods_are_other_videos_of_the_same_cluster(tmp_path):
    root = faceforensics(tmp_path)
    touch(root, f"{ORIGINALS}/youtube/raw/videos/000.mp4", f"{ORIGINALS}/youtube/c40/videos/000.mp4")
    touch(root, f"{FAKES}/FaceShifter/c40/videos/000_003.mp4", f"{FAKES}/FaceSwap/c40/videos/000_003.mp4")
    listing, _ = read("faceforensics", root)
    names = clusters(listing.items)
    mine = [(item, name) for item, name in zip(listing.items, names, strict=True) if "000" in item.groups]
    assert len({item.video for item, _ in mine}) == len(mine) == 7
    assert {name for _, name in mine} == {"000"}
    assert {item.compression for item, _ in mine} == {"raw", "c23", "c40"}
    assert {item.method for item, _ in mine} == {"real", "Deepfakes", "FaceShifter", "FaceSwap"}


def test_regions_per_compression_and_none(tmp_path):
    root = faceforensics(tmp_path)
    touch(root, f"{FAKES}/FaceShifter/c23/videos/000_003.mp4", f"{FAKES}/FaceSwap/c23/videos/000_003.mp4")
    touch(root, f"{FAKES}/FaceSwap/c40/videos/000_003.mp4", f"{FAKES}/FaceSwap/masks/videos/000_003.mp4")
    touch(root, f"{FAKES}/FaceSwap/masks/c23/videos/000_003.mp4")
    _, found = read("faceforensics", root)
    assert found[f"{FAKES}/FaceShifter/c23/videos/000_003.mp4"].region == ""
    assert found[f"{FAKES}/FaceSwap/c23/videos/000_003.mp4"].region == f"{FAKES}/FaceSwap/masks/c23/videos/000_003.mp4"
    assert found[f"{FAKES}/FaceSwap/c40/videos/000_003.mp4"].region == f"{FAKES}/FaceSwap/masks/videos/000_003.mp4"
    assert not any("/masks/" in source for source in found), "masks are no videos of the set"


def test_both_ids_must_be_in_the_split(tmp_path):
    root = faceforensics(tmp_path)
    touch(root, f"{FAKES}/Deepfakes/c23/videos/000_004.mp4", f"{FAKES}/Deepfakes/c23/videos/000_999.mp4")
    touch(root, f"{FAKES}/Deepfakes/c23/videos/000.mp4", f"{ORIGINALS}/youtube/c23/videos/999.mp4")
    touch(root, f"{ORIGINALS}/youtube/c23/videos/000_003.mp4")
    listing, found = read("faceforensics", root)
    out = {source: item for source, item in found.items() if item.status != "ok"}
    assert {item.status for item in out.values()} == {"left-out"}
    assert {item.split for item in out.values()} == {""}
    assert {source.rpartition("/")[2]: item.detail.partition(": ")[2] for source, item in out.items()} == {
        "000_004.mp4": "000 stands in train and 004 stands in test",
        "000_999.mp4": "the id 999 stands in none of the official lists",
        "000.mp4": "its name is not that of TARGET_SOURCE",
        "999.mp4": "the id 999 stands in none of the official lists",
        "000_003.mp4": "its name is not that of an original",
    }
    names = dict(zip((item.source for item in listing.items), clusters(listing.items), strict=True))
    assert names[f"{ORIGINALS}/youtube/c23/videos/000.mp4"] != names[f"{ORIGINALS}/youtube/c23/videos/004.mp4"]


@pytest.mark.parametrize("place", ["splits", "dataset/splits"])
def test_the_lists_may_lie_elsewhere(place, tmp_path):
    root = faceforensics(tmp_path)
    plain = layouts.get("faceforensics")(root)
    (root / place).mkdir(parents=True)
    for part in LISTS:
        (root / f"{part}.json").rename(root / place / f"{part}.json")
    assert layouts.get("faceforensics")(root) == plain


def test_without_lists_no_split_is_named(tmp_path):
    root = faceforensics(tmp_path)
    for part in LISTS:
        (root / f"{part}.json").unlink()
    listing, _ = read("faceforensics", root)
    assert not listing.official
    assert {item.split for item in listing.items} == {""}
    assert len(listing.notes) == 1
    assert "drawn here, by identity" in listing.notes[0]
    assert f"put the official lists into {root}" in listing.notes[0]


def test_some_of_the_lists_are_an_error(tmp_path):
    root = faceforensics(tmp_path)
    (root / "val.json").unlink()
    with pytest.raises(ClewError, match=r"holds train\.json but not val\.json: expected all three"):
        layouts.get("faceforensics")(root)


@pytest.mark.parametrize(
    ("lists", "why"),
    [
        ([], r"val\.json names no ids"),
        ({}, r"val\.json: expected a list \[\.\.\.\], found an object"),
        (["071", "054"], r"val\.json: expected pairs of ids such as .* entry 1 is '071'"),
        ([["001", "002"], ["071"]], r"entry 2 is a list"),
        ([[71, 54]], r"entry 1 is a list"),
        ([["001", "../x"]], r"entry 1 is a list"),
        ([["001", "000"]], r"val\.json: the id 000 stands in train\.json too"),
    ],
)
def test_malformed_lists(lists, why, tmp_path):
    root = faceforensics(tmp_path)
    write(root / "val.json", lists)
    with pytest.raises(ClewError, match=why):
        layouts.get("faceforensics")(root)


def test_what_the_lists_name_and_is_not_there_is_told(tmp_path):
    root = faceforensics(tmp_path)
    (root / f"{ORIGINALS}/youtube/c23/videos/003.mp4").unlink()
    (root / f"{FAKES}/Deepfakes/c23/videos/003_000.mp4").unlink()
    (root / f"{FAKES}/Deepfakes/c23/videos/004_005.mp4").unlink()
    listing, _ = read("faceforensics", root)
    assert listing.notes == (
        f"{ORIGINALS}/youtube/c23/videos lacks 1 of the 6 videos that the official lists name, the first 003.",
        f"{FAKES}/Deepfakes/c23/videos lacks 2 of the 6 videos that the official lists name, the first 003_000.",
    )


def test_actors_stand_outside_of_the_lists(tmp_path):
    root = faceforensics(tmp_path)
    touch(root, f"{ORIGINALS}/actors/c23/videos/01__exit phone room.mp4")
    touch(root, f"{FAKES}/DeepFakeDetection/c23/videos/01_02__exit phone room__X1Y2.mp4")
    touch(root, f"{FAKES}/DeepFakeDetection/masks/videos/01_02__exit phone room__X1Y2.mp4")
    touch(root, f"{FAKES}/DeepFakeDetection/c23/videos/strange.mp4")
    listing, found = read("faceforensics", root)
    real = found[f"{ORIGINALS}/actors/c23/videos/01__exit phone room.mp4"]
    assert (real.groups, real.cluster, real.split, real.label) == (("actor01",), "actor01", "", 0)
    fake = found[f"{FAKES}/DeepFakeDetection/c23/videos/01_02__exit phone room__X1Y2.mp4"]
    assert (fake.groups, fake.cluster, fake.split) == (("actor01", "actor02"), "actor01", "")
    assert (fake.method, fake.label) == ("DeepFakeDetection", 1)
    assert fake.region == f"{FAKES}/DeepFakeDetection/masks/videos/01_02__exit phone room__X1Y2.mp4"
    assert found[f"{FAKES}/DeepFakeDetection/c23/videos/strange.mp4"].status == "left-out"
    assert listing.notes == (
        "2 videos of actors and DeepFakeDetection stand outside of the official lists: their splits are drawn here, "
        "by target actor.",
    )


def test_folders_of_another_kind_are_told(tmp_path):
    root = touch(
        faceforensics(tmp_path), f"{FAKES}/FaceSwap/c99/videos/000_003.mp4", f"{ORIGINALS}/tv/c23/videos/1.mp4"
    )
    listing, found = read("faceforensics", root)
    assert len(found) == 12
    assert listing.notes == (
        f"2 folders are without {{raw,c23,c40}}/videos or of no known kind and left out, the first {ORIGINALS}/tv.",
    )


def test_no_videos_at_all(tmp_path):
    (tmp_path / f"{FAKES}/Deepfakes/c23/videos").mkdir(parents=True)
    with pytest.raises(ClewError, match="holds no videos: expected original_sequences"):
        layouts.get("faceforensics")(tmp_path)
