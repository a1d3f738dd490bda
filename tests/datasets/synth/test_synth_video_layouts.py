"""Every layout: what is planned is what the layout's own lists say; the picture layouts are drawn as well."""

import csv
import io
import json
import re
from collections import Counter

import cv2
import numpy as np
import pytest
from drawn_videos import SET, VideoSet

from clew.base.errors import ClewError
from clew.datasets.synth.align import SIZE, move_points, similarity, template
from clew.datasets.synth.choose import known_layouts, write_set
from clew.datasets.synth.films import VideoFile
from clew.datasets.synth.layouts.openforensics import FOLDERS
from clew.datasets.synth.points68 import five_points
from clew.datasets.synth.produce import write_videos
from clew.datasets.synth.sets import LAYOUTS, SPLITS, VideoSettings, deal
from clew.datasets.synth.truth import read_truth

NAMES = ("celeb-df", "deepfakebench", "dfdc", "dfdc-preview", "faceforensics", "folder", "openforensics")
LEAST = {"dfdc-preview": 8, "openforensics": 8}


def planned(layout, videos=24, **more):
    return LAYOUTS.get(layout)(VideoSettings(layout, videos, **more))


def texts(plan):
    return {name: text() for name, text in plan.texts.items()}


def test_all_layouts_are_there():
    assert tuple(LAYOUTS.names()) == NAMES
    assert known_layouts() == sorted({*NAMES, "openforensics-crops"})


@pytest.mark.parametrize("layout", NAMES)
def test_files_and_truth_tell_of_each_other(layout):
    plan = planned(layout)
    files = [path for unit in plan.units for path in unit.paths]
    assert len(files) == len(set(files))
    samples = {row.path for row in plan.truth} | {row.region for row in plan.truth if row.region}
    if layout == "deepfakebench":  # samples are folders of frames
        files = sorted({path.rsplit("/", 1)[0] for path in files if "/landmarks/" not in path})
    assert samples == set(files)
    assert len({(row.path, row.face) for row in plan.truth}) == len(plan.truth)
    assert len(plan.units) == 24


@pytest.mark.parametrize("layout", NAMES)
def test_both_labels_are_in_every_split(layout):
    for videos in (LEAST.get(layout, 6), 24):
        counts = planned(layout, videos).counts()["splits"]
        parts = ("train", "test") if layout in ("celeb-df", "dfdc", "dfdc-preview") else SPLITS
        assert all(counts[split]["real"] and counts[split]["fake"] for split in parts), (videos, counts)
        assert sum(sum(c.values()) for s, c in counts.items() if s not in parts) == 0


@pytest.mark.parametrize("layout", NAMES)
def test_reals_have_no_method_and_no_region(layout):
    for row in planned(layout).truth:
        assert (row.label == 0) == (row.method == "real")
        assert row.label == 1 or not row.region


@pytest.mark.parametrize("layout", NAMES)
def test_too_few_originals_are_one_clear_error(layout):
    least = LEAST.get(layout, 6)
    planned(layout, least)
    for videos in (least - 2, 0, -4):
        with pytest.raises(ClewError, match=rf"videos is {videos}.*{layout}.*at least {least}"):
            planned(layout, videos)


@pytest.mark.parametrize("layout", NAMES)
def test_plans_depend_on_the_seed_alone(layout):
    assert planned(layout, seed=3).truth == planned(layout, seed=3).truth
    assert planned(layout, seed=3).units == planned(layout, seed=3).units
    assert planned(layout, seed=3).units != planned(layout, seed=4).units


@pytest.mark.parametrize("layout", ["celeb-df", "dfdc", "dfdc-preview", "folder"])
def test_layouts_that_hold_each_video_once_take_one_compression(layout):
    plan = planned(layout, compression=("c40",))
    assert {film.compression for unit in plan.units for film in unit.films if isinstance(film, VideoFile)} == {"c40"}
    assert {row.compression for row in plan.truth} == {""}  # as the layout has no word for it
    with pytest.raises(ClewError, match=f"{layout} holds each video once"):
        planned(layout, compression=("c23", "c40"))


def test_no_identity_is_in_two_splits_but_in_celeb_df():
    for layout in ("deepfakebench", "dfdc", "dfdc-preview", "faceforensics", "folder"):
        seen = {}
        for row in planned(layout, 40).truth:
            for name in (*row.groups, row.cluster):
                assert seen.setdefault(name, row.split) == row.split
    celeb = [row for row in planned("celeb-df", 40).truth if row.path.startswith("Celeb")]
    shared = {g for r in celeb if r.split == "test" for g in r.groups} & {
        g for r in celeb if r.split == "train" for g in r.groups
    }
    assert shared


@pytest.mark.parametrize("layout", ["faceforensics", "folder"])
def test_pairs_need_an_even_number(layout):
    with pytest.raises(ClewError, match="videos is 7.*even"):
        planned(layout, 7)


def test_official_shares_of_pairs():
    parts = Counter(row.split for row in planned("faceforensics", 100).truth if row.label == 0)
    assert parts == {"train": 72, "val": 14, "test": 14}


def test_celeb_df_lists_reals_as_one():
    plan = planned("celeb-df")
    lines = dict(line.split(" ")[::-1] for line in texts(plan)["List_of_testing_videos.txt"].splitlines())
    assert lines == {row.path: str(1 - row.label) for row in plan.truth if row.split == "test"}
    assert {path.split("/")[0] for path in lines} == {"Celeb-real", "YouTube-real", "Celeb-synthesis"}
    for row in plan.truth:
        if row.label:
            target, donor, _ = re.fullmatch(r"Celeb-synthesis/(id\d+)_(id\d+)_(\d{4})\.mp4", row.path).groups()
            assert row.groups == (target, donor)
            assert row.cluster == target != donor
        elif row.path.startswith("YouTube"):
            assert row.groups == (row.cluster,) == (row.path.removesuffix(".mp4"),)
    clips = Counter(row.cluster for row in plan.truth if row.path.startswith("Celeb-real"))
    assert min(clips.values()) >= 2


def test_dfdc_metadata_names_every_file_and_its_original():
    plan = planned("dfdc", 30)
    told = {}
    for name, text in texts(plan).items():
        folder = name.rsplit("/", 1)[0]
        if name.endswith("metadata.json"):
            facts = json.loads(text)
            for file, fact in facts.items():
                told[f"{folder}/{file}"] = int(fact["label"] == "FAKE")
                assert re.fullmatch(r"[a-z]{10}\.mp4", file)
                assert ("original" in fact) == (fact["label"] == "FAKE")
                assert facts[fact.get("original", file)]["label"] == "REAL"
        else:
            rows = list(csv.DictReader(io.StringIO(text)))
            told |= {f"{folder}/{row['filename']}": int(row["label"]) for row in rows}
    assert told == {row.path: row.label for row in plan.truth}
    assert len({name for name in plan.texts if name.endswith("metadata.json")}) >= 2
    tested = [row for row in plan.truth if row.split == "test"]
    assert all(row.path.startswith("test/") and row.groups == () and row.cluster == row.path for row in tested)
    assert all(row.cluster == row.groups[0] for row in plan.truth if row.split == "train")


def test_dfdc_preview_tells_target_and_source():
    plan = planned("dfdc-preview")
    facts = json.loads(texts(plan)["dataset.json"])
    assert set(facts) == {row.path for row in plan.truth}
    for row in plan.truth:
        fact = facts[row.path]
        assert (fact["label"], fact["set"]) == (("real", "fake")[row.label], row.split)
        assert row.cluster == row.groups[0]
        if row.label:
            assert (str(fact["target_id"]), str(fact["swapped_id"])) == row.groups
            assert row.path.startswith(f"{row.method}/{row.groups[0]}/")


def test_folders_name_groups_in_rows():
    plan = planned("folder")
    rows = list(csv.DictReader(io.StringIO(texts(plan)["groups.csv"])))
    assert {(r["path"], r["group"]) for r in rows} == {(t.path, g) for t in plan.truth for g in t.groups}
    assert {r["path"]: r["method"] for r in rows} == {t.path: t.method for t in plan.truth}
    assert all(t.region == f"regions/{t.path}" for t in plan.truth if t.label)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench") / "set"
    return VideoSet(root, write_videos(root, "deepfakebench", **SET, seed=5, workers=1))


def test_deepfakebench_lists_the_frames_that_are_there(bench):
    tree = json.loads((bench.root / "FaceForensics++.json").read_text())
    assert set(tree) == {"FaceForensics++"}
    assert set(tree["FaceForensics++"]) == {"FF-real", "FF-DF", "FF-F2F", "FF-FS", "FF-NT"}
    listed = {}
    for label, splits in tree["FaceForensics++"].items():
        for split, levels in splits.items():
            for level, videos in levels.items():
                for video, fact in videos.items():
                    assert fact["label"] == label
                    assert len(fact["frames"]) == SET["frames"]
                    folder = fact["frames"][0].rsplit("/", 1)[0]
                    assert folder.endswith(f"/{level}/frames/{video}")
                    listed[folder] = (label != "FF-real", split)
                    assert all((bench.root / frame).is_file() for frame in fact["frames"])
    assert listed == {row.path: (bool(row.label), row.split) for row in read_truth(bench.root)}


def test_crops_are_aligned_and_have_landmarks(bench):
    for frame in sorted(bench.root.rglob("frames/*/*.png"))[::7]:
        assert cv2.imread(str(frame)).shape == (SIZE, SIZE, 3)
        points = np.load(str(frame).replace("/frames/", "/landmarks/").replace(".png", ".npy"), allow_pickle=False)
        assert points.shape == (68, 2)
        assert np.abs(five_points(points) - template()).max() < 14.0
        jaw = points[:17]
        assert (np.diff(jaw[:, 0]) > -3.0).all()  # turned heads hide the end of one side
        assert jaw[8, 1] == jaw[:, 1].max() == points[:, 1].max()
    for mask in bench.root.rglob("masks/*/*.png"):
        assert set(np.unique(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED))) == {0, 255}


def test_a_similarity_is_found_exactly():
    rng = np.random.default_rng(2)
    points = rng.random((5, 2)).astype(np.float32) * 100
    turn = np.array([[0.8, -0.3, 5.0], [0.3, 0.8, -7.0]], np.float32)
    assert np.allclose(similarity(points, move_points(points, turn)), turn, atol=1e-4)


@pytest.fixture(scope="module")
def forensics(tmp_path_factory):
    root = tmp_path_factory.mktemp("forensics") / "set"
    return VideoSet(root, write_videos(root, "openforensics", videos=8, size=160, seed=5, workers=1))


def test_coco_files_agree_with_pictures_and_truth(forensics):
    told, people = {}, Counter()
    for folder, split in FOLDERS.items():
        coco = json.loads((forensics.root / f"{folder}_poly.json").read_text())
        assert coco["categories"] == [{"id": 0, "name": "Real"}, {"id": 1, "name": "Fake"}]
        images = {image["id"]: image for image in coco["images"]}
        assert len({a["id"] for a in coco["annotations"]}) == len(coco["annotations"])
        for image in images.values():
            picture = cv2.imread(str(forensics.root / image["file_name"]))
            assert picture.shape == (image["height"], image["width"], 3)
            assert image["file_name"].startswith(f"Images/{folder}/")
        for face in coco["annotations"]:
            image = images[face["image_id"]]
            people[image["file_name"]] += 1
            told[image["file_name"], str(face["id"])] = (face["category_id"], split)
            points = np.array(face["segmentation"][0]).reshape(-1, 2)
            x, y, w, h = face["bbox"]
            assert (points.min(0) == [x, y]).all()
            assert (points.max(0) == [x + w - 1, y + h - 1]).all()
            assert x >= 0
            assert y >= 0
            assert x + w <= image["width"]
            assert y + h <= image["height"]
            assert 0.25 * 160 < h < 0.75 * 160
    assert told == {(row.path, row.face): (row.label, row.split) for row in read_truth(forensics.root)}
    assert set(people.values()) <= {1, 2, 3, 4}
    assert len(set(people.values())) > 1
    assert {row.cluster for row in read_truth(forensics.root)} == set(people)


def test_only_forged_faces_differ_from_the_genuine_group():
    from clew.datasets.synth.crowd import draw_group, forge_member, gather, inside, outline
    from clew.datasets.synth.sets import VideoSettings

    settings = VideoSettings("openforensics", 8, size=160)
    group = gather(3, 0, (1, 2), 160)
    picture, moments = draw_group(group)
    form = settings.format
    forged = forge_member(picture, group, 1, moments[1], "Deepfakes", settings.clip(77), form)
    off = (picture != forged).any(2)
    area = inside(outline(group.members[1], group.height), group.width, group.height)
    assert not (off & ~area).any()
    assert off[area].mean() > 0.5
    assert not inside(outline(group.members[0], group.height), group.width, group.height)[off].any()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"videos": 8, "people": 3}, "give one"),
        ({"people": 3}, "--people does not go with --layout faceforensics"),
        ({"per_person": 3}, "--per-person does not go with"),
        ({"compression": "c24"}, "compression is 'c24'"),
        ({"compression": "c23,c23"}, "each once"),
        ({"frames": 0}, "frames is 0"),
        ({"size": 161}, "size is 161"),
        (
            {"layout": "folder", "compression": "c23"},
            "--compression does not go with --layout folder, drawn as pictures",
        ),
        ({"layout": "openforensics-crops", "frames": 3}, "--frames does not go with"),
        ({"layout": "openforensics-crops", "videos": 13}, "multiple of 4, at least 12"),
        ({"layout": "celebs"}, "unknown layout 'celebs'.*dfdc-preview"),
    ],
)
def test_wrong_combinations_are_refused_before_any_work(tmp_path, more, why):
    with pytest.raises(ClewError, match=why):
        write_set(tmp_path / "o", **{"layout": "faceforensics", **more})
    assert not (tmp_path / "o").exists()


def test_pictures_are_drawn_for_a_number_of_originals(tmp_path):
    summary = write_set(tmp_path / "o", "openforensics-crops", videos=3, per_person=2, size=64, workers=1)
    assert sum(split["real"] for split in summary["splits"].values()) == 3
    assert len(read_truth(tmp_path / "o")) == 6
    assert all((tmp_path / "o" / row.path).is_file() for row in read_truth(tmp_path / "o"))


@pytest.mark.parametrize("wrong", [(0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (0.5, 0.5)])
def test_fractions_must_add_up(wrong):
    with pytest.raises(ClewError, match="fractions"):
        planned("faceforensics", fractions=wrong)


@pytest.mark.parametrize("count", [3, 4, 7, 50])
def test_every_split_is_dealt_something(count):
    dealt = Counter(deal(count, (0.72, 0.14, 0.14), np.random.default_rng(0)))
    assert sum(dealt.values()) == count
    assert min(dealt[split] for split in SPLITS) >= 1
