"""The readers on real sets, where these lie beside the checkout."""

import json
from collections import Counter

from clew.datasets.cropping import crop_dataset
from clew.datasets.layouts import layouts
from clew.datasets.plan import plan_dataset


def test_openforensics_crops(shared, tmp_path):
    root = shared("openforensics-crops")
    items = layouts.get("openforensics-crops")(root).items
    assert {(i.split, i.label) for i in items} == {(s, y) for s in ("train", "val", "test") for y in (0, 1)}
    store = crop_dataset(root, "openforensics-crops", tmp_path / "store", limit=20)
    assert store.protocol == "as-given-v1, 256 px"
    assert set(store.facts["counts"].values()) == {20}
    assert store.crop(0).std() > 5


def test_dfdc_crops_by_groups(shared, tmp_path):
    root = shared("dfdc-crops")
    store = crop_dataset(root, "folder", tmp_path / "store", limit=200)
    rows = store.index.to_pylist()
    assert store.size == 224
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["cluster"].startswith("dfdc_") for row in rows)


def test_dfdc_videos_as_they_are_downloaded(shared, tmp_path):
    store = crop_dataset(shared("dfdc"), "dfdc", tmp_path / "store", frames=4, size=96)
    rows = store.index.to_pylist()
    assert len({row["video"] for row in rows}) == 5
    assert {row["video"].rsplit("/", 1)[1]: row["label"] for row in rows} == {
        "anndvqgoko.mp4": 0,
        "knqhpwoigk.mp4": 0,
        "brtujopkby.mp4": 1,
        "widuwuoiur.mp4": 1,
        "yhffcuhhjy.mp4": 1,
    }
    assert {row["cluster"] for row in rows if row["label"]} == {
        f"dfdc_train_part_0/{name}.mp4" for name in ("gnmmhlbzge", "ybqmttnept", "wdpsifpppf")
    }
    assert sum(row["status"] == "ok" for row in rows) >= 18
    assert "--splits drawn makes them" in " ".join(store.facts["notes"])


def test_the_official_lists_of_faceforensics_give_700_test_videos(shared, tmp_path):
    lists = shared("faceforensics-splits")
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.json").write_bytes((lists / f"{name}.json").read_bytes())
    folders = {"real": tmp_path / "original_sequences/youtube/c23/videos"}
    for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"):
        folders[method] = tmp_path / f"manipulated_sequences/{method}/c23/videos"
    for folder in folders.values():
        folder.mkdir(parents=True)
    for name in ("train", "val", "test"):
        for a, b in json.loads((lists / f"{name}.json").read_text()):
            for method, folder in folders.items():
                for video in (a, b) if method == "real" else (f"{a}_{b}", f"{b}_{a}"):
                    (folder / f"{video}.mp4").touch()
    plan = plan_dataset(tmp_path, "faceforensics")
    test = [(i, c) for i, c, s in zip(plan.items, plan.clusters, plan.splits, strict=True) if s == "test"]
    assert len({item.video for item, _ in test}) == len(test) == 700
    assert len({cluster for _, cluster in test}) == 70
    assert Counter(plan.splits) == {"train": 3600, "val": 700, "test": 700}
    assert {item.status for item in plan.items} == {"ok"}
