"""The layout `deepfakebench`."""

import json
import os
import shutil

import pytest
from layout_trees import deepfakebench, frame_list, read, touch, write

from clew.base.errors import ClewError
from clew.datasets.layouts import layouts

NAMES = {
    "FF-DF": "Deepfakes",
    "FF-F2F": "Face2Face",
    "FF-FS": "FaceSwap",
    "FF-NT": "NeuralTextures",
    "FF-FH": "FaceShifter",
}


def spoil(root, name, change):
    """Changes the JSON list called `name`."""
    path = root / f"{name}.json"
    value = json.loads(path.read_text())
    change(value)
    write(path, value)


def test_a_small_set(tmp_path):
    listing, found = read("deepfakebench", deepfakebench(tmp_path))
    assert listing.official
    assert listing.notes == ()
    assert set(found) == {"FF/FF-DFc23/frames/000_003", "FF/FF-realc23/frames/000", "FF/FF-realc23/frames/003"}
    fake = found["FF/FF-DFc23/frames/000_003"]
    assert fake.kind == "frames"
    assert fake.video == fake.source
    assert fake.frames == ("FF/FF-DFc23/frames/000_003/000.png", "FF/FF-DFc23/frames/000_003/001.png")
    assert (fake.label, fake.method, fake.split, fake.compression) == (1, "Deepfakes", "train", "c23")
    assert (fake.groups, fake.cluster) == (("000", "003"), "")
    real = found["FF/FF-realc23/frames/003"]
    assert (real.label, real.method, real.groups) == (0, "real", ("003",))


@pytest.mark.parametrize(
    "prefix",
    [
        "./datasets/rgb/",
        "/data/some one/rgb/",
        "D:\\sets\\rgb\\",
        "..\\..\\datasets\\",
        "../datasets/./rgb//",
        "\\\\server\\x\\",
        "",
    ],
)
def test_paths_written_elsewhere(prefix, tmp_path):
    deepfakebench(tmp_path)
    expected = layouts.get("deepfakebench")(tmp_path)

    def change(value):
        for splits in value["FaceForensics++"].values():
            for levels in splits.values():
                for videos in levels.values():
                    for record in videos.values():
                        tails = [path.removeprefix("./datasets/rgb/") for path in record["frames"]]
                        tails = [tail.replace("/", "\\") for tail in tails] if "\\" in prefix else tails
                        record["frames"] = [prefix + tail for tail in reversed(tails)]

    spoil(tmp_path, "FaceForensics++", change)
    assert layouts.get("deepfakebench")(tmp_path) == expected


def test_frames_are_in_order_of_their_number(tmp_path):
    frames = [f"A/frames/v/{name}" for name in ("frame10.png", "frame9.png", "frame100.png", "0011.jpg")]
    touch(tmp_path, *frames)
    write(tmp_path / "A.json", {"A": {"A_Fake": {"train": {"v": {"label": "A_Fake", "frames": frames}}}}})
    _, found = read("deepfakebench", tmp_path)
    assert [path.rpartition("/")[2] for path in found["A/frames/v"].frames] == [
        "frame9.png",
        "frame10.png",
        "0011.jpg",
        "frame100.png",
    ]


def test_methods_and_labels(tmp_path):
    tree = {label: {"test": {"c40": ["000_003"]}} for label in NAMES}
    frame_list(tmp_path, "FaceForensics++", tree)
    others = {"DFDCP_Real": "real", "DFDCP_FakeA": "FakeA", "CelebDFv2_fake": "fake", "plain": "plain", "REAL": "real"}
    frame_list(tmp_path, "Others", {label: {"train": {"": [f"v {label}"]}} for label in others}, folder="O")
    _, found = read("deepfakebench", tmp_path)
    assert {i.source.split("/")[1].removesuffix("c40"): i.method for i in found.values()} == {**NAMES, **others}
    assert all((item.method == "real") == (item.label == 0) for item in found.values())
    assert {item.compression for item in found.values()} == {"c40", ""}
    assert {item.groups for item in found.values() if "/DFDCP" in item.source} == {()}


def test_celebrities_and_actors(tmp_path):
    tree = {
        "CelebDFv2_real": {"train": {"": ["id0_0000", "00170"]}},
        "CelebDFv2_fake": {"train": {"": ["id3_id4_0001"]}},
    }
    frame_list(tmp_path, "Celeb-DF-v2", tree, folder="C")
    frame_list(tmp_path, "DeepFakeDetection", {"DFD_fake": {"test": {"c23": ["01_02__scene__X"]}}}, folder="D")
    _, found = read("deepfakebench", tmp_path)
    assert {item.source.rpartition("/")[2]: (item.groups, item.cluster) for item in found.values()} == {
        "id0_0000": (("id0",), "id0"),
        "00170": (("YouTube-real/00170",), "YouTube-real/00170"),
        "id3_id4_0001": (("id3", "id4"), "id3"),
        "01_02__scene__X": (("actor01", "actor02"), "actor01"),
    }


def test_a_video_in_several_splits_is_in_one(tmp_path):
    tree = {
        "CelebDFv2_real": {
            "train": {"": ["id0_0000", "id0_0001", "id0_0002"]},
            "validation": {"": ["id0_0001", "id0_0002", "id0_0003"]},
            "test": {"": ["id0_0002", "id0_0003"]},
        }
    }
    listing, found = read("deepfakebench", frame_list(tmp_path, "Celeb-DF-v2", tree, folder="C"))
    assert {item.source[-1]: item.split for item in found.values()} == {
        "0": "train",
        "1": "train",
        "2": "test",
        "3": "test",
    }
    place = "C/CelebDFv2_real/frames"
    assert listing.notes == (
        f"1 video in test and train and val of the lists: taken as test only, the first {place}/id0_0002.",
        f"1 video in test and val of the lists: taken as test only, the first {place}/id0_0003.",
        f"1 video in train and val of the lists: taken as train only, the first {place}/id0_0001.",
    )


def test_a_video_of_several_lists_is_one_item(tmp_path):
    root = deepfakebench(tmp_path)
    again = {"FF-real": {"train": {"c23": ["000", "003"]}}}
    frame_list(root, "FF-DF", again, prefix="/elsewhere/")
    (root / "dataset_json").mkdir()
    shutil.copy(root / "FaceForensics++.json", root / "dataset_json/copy.json")
    listing, found = read("deepfakebench", root)
    assert len(found) == 3
    assert listing.notes == ()


@pytest.mark.parametrize("place", ["dataset_json", "preprocessing/dataset_json"])
def test_the_lists_may_lie_elsewhere(place, tmp_path):
    expected = layouts.get("deepfakebench")(deepfakebench(tmp_path))
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / "FaceForensics++.json").rename(tmp_path / place / "FaceForensics++.json")
    assert layouts.get("deepfakebench")(tmp_path) == expected


def test_one_folder_cannot_be_two_videos(tmp_path):
    root = tmp_path / "FF"
    for label in ("Deepfakes", "Face2Face"):
        touch(root, f"{label}/c23/frames/000_003/000.png")
    tree = {
        label: {"test": {"c23": {"000_003": {"label": label, "frames": [f"FF/{name}/c23/frames/000_003/000.png"]}}}}
        for label, name in (("FF-DF", "Deepfakes"), ("FF-F2F", "Face2Face"))
    }
    write(root / "FaceForensics++.json", {"FaceForensics++": tree})
    assert len(read("deepfakebench", root)[1]) == 2
    shutil.move(root / "FaceForensics++.json", root / "Deepfakes/c23/FaceForensics++.json")
    with pytest.raises(ClewError, match="frames/000_003 would be Deepfakes c23 and Face2Face c23; expected one folder"):
        layouts.get("deepfakebench")(root / "Deepfakes/c23")


def test_missing_frames_and_videos(tmp_path):
    root = deepfakebench(tmp_path)
    (root / "FF/FF-realc23/frames/000/000.png").unlink()
    (root / "FF/FF-realc23/frames/003/000.png").unlink()
    (root / "FF/FF-realc23/frames/003/001.png").unlink()
    shutil.rmtree(root / "FF/FF-DFc23")
    touch(
        root, "FF/FF-realc23/frames/000/new.png", "FF/FF-realc23/frames/001/000.png", "FF/FF-realc23/frames/000/x.npy"
    )

    def change(value):
        value["FaceForensics++"]["FF-DF"]["test"] = {"c23": {"001_002": {"label": "FF-DF", "frames": []}}}

    spoil(root, "FaceForensics++", change)
    listing, found = read("deepfakebench", root)
    assert found["FF/FF-realc23/frames/000"].frames == ("FF/FF-realc23/frames/000/001.png",)
    assert found["FF/FF-realc23/frames/000"].status == "ok"
    lost = {source: item.detail for source, item in found.items() if item.status == "missing"}
    assert lost == {
        "FF/FF-realc23/frames/003": "FF/FF-realc23/frames/003: none of its 2 frames is there",
        "datasets/rgb/FF/FF-DFc23/frames/000_003": "datasets/rgb/FF/FF-DFc23/frames/000_003: none of its 2 frames is there",
        "FaceForensics++/FF-DF/c23/001_002": "FaceForensics++/FF-DF/c23/001_002: the list names no frames of it",
    }
    assert listing.notes == (
        "5 listed frames of 3 videos not there, the first of FF/FF-realc23/frames/000.",
        "1 picture is not named by any list and left out, the first FF/FF-realc23/frames/000/new.png.",
        "1 folder is not named by any list and left out, the first FF/FF-realc23/frames/001.",
    )


def test_the_folder_of_forged_areas(tmp_path):
    names = [f"FF/manipulated_sequences/Deepfakes/{level}/frames/000_003/000.png" for level in ("c23", "c40")]
    touch(tmp_path, *names, "FF/manipulated_sequences/Deepfakes/c23/masks/000_003/000.png")
    tree = {
        "FF-DF": {
            "test": {level: {"000_003": {"frames": [name]}} for level, name in zip(("c23", "c40"), names, strict=True)}
        }
    }
    write(tmp_path / "FF.json", {"FaceForensics++": tree})
    listing, _ = read("deepfakebench", tmp_path)
    assert [item.region for item in listing.items] == ["FF/manipulated_sequences/Deepfakes/c23/masks/000_003"] * 2


def test_a_video_right_in_a_split(tmp_path):
    """As DeepfakeBench's own script writes the last video of DFDC's test part into val."""
    root = frame_list(tmp_path, "DFDC", {"DFDC_Real": {"test": {"": ["aaa"]}, "train": {"": ["bbb"]}}}, folder="DFDC")

    def change(value):
        splits = value["DFDC"]["DFDC_Real"]
        splits["val"] = {**splits["test"]["aaa"], "bbb": splits["train"]["bbb"]}

    spoil(root, "DFDC", change)
    listing, found = read("deepfakebench", root)
    assert {source[-3:]: item.split for source, item in found.items()} == {"aaa": "test", "bbb": "train"}
    assert len(listing.notes) == 2


def test_other_json_files_are_told(tmp_path):
    root = deepfakebench(tmp_path)
    write(root / "train.json", [["000", "003"]])
    write(root / "settings.json", {"a": 1})
    listing, _ = read("deepfakebench", root)
    assert listing.notes == ("2 JSON files are no list of frames and left out, the first settings.json.",)


def frames_of(value):
    return value["FaceForensics++"]["FF-DF"]["train"]["c23"]["000_003"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda v: frames_of(v).update(frames="x"), "FF-DF/train/000_003, frames: expected a list [...], found 'x'"),
        (lambda v: frames_of(v).update(frames=[1]), "frames: expected paths, found 1"),
        (lambda v: frames_of(v).update(frames=["a/b/.."]), "expected the path of a picture, found 'a/b/..'"),
        (lambda v: frames_of(v).update(frames=["a/1.png", "b/1.png"]), "frames: expected one folder, found a and b"),
        (lambda v: frames_of(v).update(frames=["a/\ud800/1.png"]), "frames: expected paths"),
        (lambda v: frames_of(v).update(label="FF-real"), "expected a label such as FF-DF, found 'FF-real'"),
        (lambda v: frames_of(v).update(label=0), "expected a label such as FF-DF, found 0"),
        (lambda v: v["FaceForensics++"]["FF-DF"].update(holdout={}), "FF-DF/holdout: expected a split called train"),
        (lambda v: v["FaceForensics++"]["FF-DF"]["train"].update(c23=7), "FF-DF/train/c23: expected an object"),
        (lambda v: v["FaceForensics++"]["FF-DF"]["train"]["c23"].update(x=[]), "train/c23/x: expected an object"),
    ],
)
def test_malformed_lists(change, why, tmp_path):
    root = deepfakebench(tmp_path)
    spoil(root, "FaceForensics++", change)
    with pytest.raises(ClewError) as caught:
        layouts.get("deepfakebench")(root)
    assert "FaceForensics++.json, " in str(caught.value)
    assert why in str(caught.value)


def test_nothing_is_found_outside_of_the_root(tmp_path):
    touch(tmp_path, "secret/v/000.png")
    root = tmp_path / "root"
    paths = [
        "../secret/v/000.png",
        "../../secret/v/000.png",
        f"{tmp_path}/secret/v/000.png",
        "FF/../../secret/v/000.png",
    ]
    videos = {f"v{k}": {"frames": [path]} for k, path in enumerate(paths)}
    write(root / "X.json", {"X": {"X_fake": {"test": videos}}})
    (root / "FF").mkdir()
    listing, _ = read("deepfakebench", root)
    assert {item.status for item in listing.items} == {"missing"}
    assert all(".." not in item.source and not os.path.isabs(item.source) for item in listing.items)
