"""Little trees in the public layouts, of empty files: readers do not open media."""

import json
from pathlib import Path

from clew.datasets.layouts import layouts

LISTS = {"train": [["000", "003"]], "val": [["001", "002"]], "test": [["004", "005"]]}


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


def read(layout, root):
    """What the reader of `layout` says of `root`: the listing, and its items by source and face."""
    listing = layouts.get(layout)(Path(root))
    found = {(item.source, item.face) if item.face else item.source: item for item in listing.items}
    assert len(found) == len(listing.items), "no item twice"
    assert all("\n" not in note for note in listing.notes)
    return listing, found


def faceforensics(root):
    for part, pairs in LISTS.items():
        write(root / f"{part}.json", pairs)
    for ids in (pair for pairs in LISTS.values() for pair in pairs):
        for a, b in (ids, ids[::-1]):
            touch(root, f"original_sequences/youtube/c23/videos/{a}.mp4")
            touch(root, f"manipulated_sequences/Deepfakes/c23/videos/{a}_{b}.mp4")
            touch(root, f"manipulated_sequences/Deepfakes/masks/videos/{a}_{b}.mp4")
    return root


def celeb_df(root):
    write(root / "List_of_testing_videos.txt", "1 YouTube-real/00170.mp4\n1 Celeb-real/id0_0001.mp4\n")
    touch(root, "Celeb-real/id0_0000.mp4", "Celeb-real/id0_0001.mp4", "Celeb-synthesis/id0_id1_0000.mp4")
    return touch(root, "YouTube-real/00000.mp4", "YouTube-real/00170.mp4")


def dfdc(root):
    facts = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train"},
    }
    write(root / "dfdc_train_part_0/metadata.json", facts)
    write(root / "test/labels.csv", "filename,label\nc.mp4,1\nd.mp4,0\n")
    return touch(root, "dfdc_train_part_0/a.mp4", "dfdc_train_part_0/b.mp4", "test/c.mp4", "test/d.mp4")


PREVIEW = {
    "original_videos/101/101_A_001.mp4": {"label": "real", "set": "train"},
    "method_A/101/101_A/101_202_A_001.mp4": {"label": "fake", "set": "train", "target_id": 101, "swapped_id": "202"},
    "method_B/303/303_B/303_404_B_001.mp4": {"label": "fake", "set": "test"},
}


def dfdc_preview(root):
    write(root / "dataset.json", PREVIEW)
    return touch(root, *PREVIEW)


def frame_list(root, name, tree, folder="FF", prefix="./datasets/rgb/", count=2, touched=True):
    """Writes a list of `tree` {LABEL: {SPLIT: {COMPRESSION or "": [VIDEO, ...]}}}, and the frames."""
    lists = {}
    for label, splits in tree.items():
        for split, levels in splits.items():
            place = lists.setdefault(label, {}).setdefault(split, {})
            for level, videos in levels.items():
                inner = place.setdefault(level, {}) if level else place
                for video in videos:
                    frames = [f"{folder}/{label}{level}/frames/{video}/{number:03d}.png" for number in range(count)]
                    inner[video] = {"label": label, "frames": [prefix + path for path in frames]}
                    if touched:
                        touch(root, *frames)
    write(root / f"{name}.json", {name: lists})
    return root


def deepfakebench(root):
    tree = {"FF-real": {"train": {"c23": ["000", "003"]}}, "FF-DF": {"train": {"c23": ["000_003"]}, "test": {}}}
    return frame_list(root, "FaceForensics++", tree)


def coco(images, annotations, categories=((0, "Real"), (1, "Fake"))):
    """COCO JSON of images (id, file_name) of 100 x 80 pixels and annotations (id, image_id, category_id, bbox)."""
    return {
        "images": [{"id": i, "file_name": name, "width": 100, "height": 80} for i, name in images],
        "annotations": [
            {"id": i, "image_id": image, "category_id": kind, "bbox": box, "segmentation": [[1, 2, 30, 2, 30, 40]]}
            for i, image, kind, box in annotations
        ],
        "categories": [{"id": i, "name": name} for i, name in categories],
    }


def openforensics(root):
    for part in ("Train", "Val", "Test-Dev", "Test-Challenge"):
        faces = [(1, 7, 0, [0, 0, 10, 10]), (2, 7, 1, [20, 5, 30.5, 40])]
        write(root / f"{part}_poly.json", coco([(7, f"Images/{part}/x.jpg")], faces))
        touch(root, f"Images/{part}/x.jpg")
    return root


def crops(root):
    return touch(
        root, *(f"{part}/{name}/1.jpg" for part in ("Train", "Validation", "Test") for name in ("Real", "Fake"))
    )


def folder(root):
    return touch(root, *(f"{part}/{name}/1.jpg" for part in ("train", "val", "test") for name in ("real", "fake")))


TREES = {
    "faceforensics": faceforensics,
    "celeb-df": celeb_df,
    "dfdc": dfdc,
    "dfdc-preview": dfdc_preview,
    "deepfakebench": deepfakebench,
    "openforensics": openforensics,
    "openforensics-crops": crops,
    "folder": folder,
}
