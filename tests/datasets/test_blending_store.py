import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor
from clew.datasets.blending import BlendSettings, self_blend, writing
from clew.datasets.blending.rows import blend_rows
from clew.datasets.blending.sources import identity
from clew.datasets.blending.writing import blend_faces
from clew.datasets.rows import Cropped
from clew.datasets.store import open_store
from clew.media.pictures import encode_jpeg

PEOPLE = 24


def picture(seed, size=40):
    rng = np.random.default_rng(seed)
    field = cv2.GaussianBlur(rng.random((size, size, 3)).astype(np.float32), (0, 0), 2)
    return (np.clip(0.5 + 3 * (field - 0.5), 0, 1) * 255).astype(np.uint8)


def write_people(root: Path, nested: bool = False) -> Path:
    """Two pictures of each of 24 people, named as in LFW."""
    for person in range(PEOPLE):
        name = f"Ann_{chr(65 + person)}"
        for number in (1, 2):
            path = root / (name if nested else "") / f"{name}_{number:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_jpeg(picture(2 * person + number), 95))
    return root


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people") / "people")


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_of_faces_becomes_reals_and_blends(people, tmp_path):
    store = blend_faces(people, tmp_path / "store", per_face=3)
    rows = store.index.to_pylist()
    assert len(rows) == 48 * 4
    assert store.size == 40
    assert len({row["sample"] for row in rows}) == len(rows)
    assert {(row["label"], row["method"], row["region"]) for row in rows} == {
        (0, "real", False),
        (1, "self-blended", True),
    }
    assert len({row["cluster"] for row in rows}) == PEOPLE
    splits = {}
    for row in rows:
        splits.setdefault(row["cluster"], set()).add(row["split"])
    assert all(len(parts) == 1 for parts in splits.values()), "a person stands in one split"
    assert sorted(len([p for p in splits.values() if p == {s}]) for s in ("train", "val", "test")) == [2, 5, 17]
    for row in rows[:40]:
        region = store.region(row["crop"])
        assert region.any() == (row["label"] == 1)
    for at in range(0, 40, 4):
        real, first = store.crop(rows[at]["crop"]), store.crop(rows[at + 1]["crop"])
        outside = ~store.region(rows[at + 1]["crop"])
        np.testing.assert_array_equal(first[outside], real[outside])
        assert (first != real).any()


def test_nested_folders_give_the_same_identities(people, tmp_path):
    flat = blend_faces(people, tmp_path / "flat")
    nested = blend_faces(write_people(tmp_path / "nested", nested=True), tmp_path / "store")
    assert set(flat.index["cluster"].to_pylist()) == set(nested.index["cluster"].to_pylist())


def test_a_groups_file_comes_before_names(people, fresh_copy, tmp_path):
    root = fresh_copy(people)
    names = sorted(path.name for path in root.iterdir())
    (root / "groups.csv").write_text("path,group\n" + "".join(f"{n},twins-{i // 4}\n" for i, n in enumerate(names)))
    store = blend_faces(root, tmp_path / "store")
    assert set(store.index["cluster"].to_pylist()) == {f"twins-{i}" for i in range(12)}


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("Aaron_Peirsol_0001.jpg", "Aaron_Peirsol"),
        ("Al_Pacino/Al_Pacino_0003.png", "Al_Pacino"),
        ("n000001/0001_01.jpg", "n000001"),
        ("00017.png", ""),
        ("portrait.jpg", "portrait"),
        ("Aby_Har-Even_0001.jpg", "Aby_Har-Even"),
    ],
)
def test_names_tell_who_is_shown(path, who):
    assert identity(path) == who


def test_numbered_names_alone_tell_nobody(tmp_path):
    root = tmp_path / "numbered"
    root.mkdir()
    for number in range(20):
        (root / f"img_{number:04d}.jpg").write_bytes(encode_jpeg(picture(number), 90))
    store = blend_faces(root, tmp_path / "store")
    assert len(set(store.index["cluster"].to_pylist())) == 20, "one name for all is not a person"
    assert set(store.index["split"].to_pylist()) == {"train", "val", "test"}


def test_the_reals_of_a_store_keep_their_clusters_and_splits(store_path, tmp_path):
    given = open_store(store_path)
    store = blend_faces(store_path, tmp_path / "store", size=24, seed=5)
    reals = {r["sample"]: r for r in given.index.to_pylist() if r["label"] == 0}
    rows = store.index.to_pylist()
    assert len(rows) == 2 * len(reals)
    assert store.size == 24
    assert store.facts["protocol"]["name"] == given.facts["protocol"]["name"]
    for row in rows:
        old = reals[row["sample"].partition("#blend-")[0]]
        assert (row["cluster"], row["split"], row["source"]) == (old["cluster"], old["split"], old["source"])
    assert store.facts["blend"]["of"]["hash"] == given.hash


def test_blends_of_frames_are_other_videos_than_their_reals():
    row = {"sample": "a.mp4#3:0", "video": "a.mp4", "cluster": "a", "label": 0, "method": "real", "region": False}
    rows = [made.row for made in blend_rows(Cropped(row, picture(0, 32)), 2, 0, BlendSettings())]
    assert [r["video"] for r in rows] == ["a.mp4", "a.mp4#blend-0", "a.mp4#blend-1"]
    assert [r["label"] for r in rows] == [0, 1, 1]
    assert [r["sample"] for r in rows] == ["a.mp4#3:0", "a.mp4#3:0#blend-0", "a.mp4#3:0#blend-1"]
    lost = Cropped({**row, "status": "no-face"})
    assert blend_rows(lost, 2, 0, BlendSettings()) == [lost]


def test_seed_and_settings_decide_every_byte(people, tmp_path):
    first, again = (blend_faces(people, tmp_path / name / "s", seed=1) for name in "ab")
    assert content(first.path) == content(again.path)
    assert blend_faces(people, tmp_path / "c" / "s", seed=2).hash != first.hash
    assert blend_faces(people, tmp_path / "d" / "s", seed=1, settings=BlendSettings(face=0.5)).hash != first.hash


def test_a_stopped_run_goes_on_and_leaves_the_same_bytes(people, tmp_path, monkeypatch):
    from clew.datasets.blending import sources

    monkeypatch.setattr(sources, "UNIT", 8)
    monkeypatch.setattr(writing, "IN_PROCESS", 100)
    whole, stopped = tmp_path / "a" / "s", tmp_path / "b" / "s"
    blend_faces(people, whole)
    real, calls = writing.blend_unit, []

    def stop_at_fourth(out, number, *rest):
        calls.append(number)
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(out, number, *rest)

    monkeypatch.setattr(writing, "blend_unit", stop_at_fourth)
    with pytest.raises(KeyboardInterrupt):
        blend_faces(people, stopped)
    with pytest.raises(ClewError, match="not a finished crop store"):
        open_store(stopped)
    with pytest.raises(ClewError, match="unfinished store made from other data or settings"):
        blend_faces(people, stopped, seed=9)
    blend_faces(people, stopped)
    assert calls == [0, 1, 2, 3, 3, 4, 5], "what was finished is not made again"
    assert content(stopped) == content(whole)


def test_processes_leave_the_same_bytes(people, tmp_path, monkeypatch):
    here = blend_faces(people, tmp_path / "a" / "s")
    there = blend_faces(people, tmp_path / "b" / "s", executor=LocalExecutor(2))
    assert content(here.path) == content(there.path)


def test_the_same_store_again_does_nothing_another_is_refused(people, tmp_path):
    out = tmp_path / "store"
    blend_faces(people, out)
    before = content(out)
    blend_faces(people, out)
    assert content(out) == before
    with pytest.raises(ClewError, match="already holds crops of other data"):
        blend_faces(people, out, per_face=2)
    with pytest.raises(ClewError, match="crops of two protocols do not go into one store"):
        blend_faces(people, out, size=32)


def test_the_centre_of_a_picture_is_what_a_smaller_share_takes(people, tmp_path):
    store = blend_faces(people, tmp_path / "store", centre=0.5)
    assert store.size == 20
    assert store.facts["protocol"]["centre"] == 0.5
    plain = BlendSettings(
        jpeg_share=0, rgb=0, hue=0, saturation=(1, 1), brightness=0, contrast=(1, 1), sharpen=(0, 0), shrink=(1, 1)
    )
    store = blend_faces(people, tmp_path / "plain", centre=0.5, settings=plain)
    row = store.index.to_pylist()[0]
    given = cv2.imread(str(people / row["source"]))[..., ::-1]
    np.testing.assert_array_equal(store.crop(row["crop"]), given[10:30, 10:30])


def test_unreadable_pictures_have_their_row_and_their_reason(people, fresh_copy, tmp_path):
    root = fresh_copy(people)
    (root / "Ann_C_0001.jpg").write_bytes(b"")
    (root / "Ann_D_0002.jpg").write_bytes((root / "Ann_D_0002.jpg").read_bytes()[:400])
    store = blend_faces(root, tmp_path / "store")
    lost = {r["sample"]: r for r in store.index.to_pylist() if r["status"] != "ok"}
    assert set(lost) == {"Ann_C_0001.jpg", "Ann_D_0002.jpg"}
    assert "is empty" in lost["Ann_C_0001.jpg"]["detail"]
    assert store.index.num_rows == 46 * 2 + 2


def test_wrong_input(people, store_path, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ClewError, match="is not a folder"):
        blend_faces(tmp_path / "nowhere", out)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("x")
    with pytest.raises(ClewError, match="holds no pictures"):
        blend_faces(tmp_path / "texts", out)
    with pytest.raises(ClewError, match="--per-face 0"):
        blend_faces(people, out, per_face=0)
    with pytest.raises(ClewError, match="--size 4"):
        blend_faces(people, out, size=4)
    with pytest.raises(ClewError, match="--centre 0.01"):
        blend_faces(people, out, centre=0.01)
    with pytest.raises(ClewError, match="no face detector beside it"):
        blend_faces(people, out, centre=0.5, faces_detector="dlib")
    with pytest.raises(ClewError, match="unknown face detector 'eyes'"):
        blend_faces(people, out, faces_detector="eyes")
    with pytest.raises(ClewError, match="is a store of crops: leave --faces"):
        blend_faces(store_path, out, centre=0.5)
    assert not out.exists()


def test_real_faces_with_a_detector(shared, tmp_path):
    root = tmp_path / "faces"
    root.mkdir()
    for path in sorted(shared("lfw").glob("*.jpg"))[:12]:
        shutil.copy(path, root)
    store = blend_faces(root, tmp_path / "store", faces_detector="dlib", size=96)
    rows = [r for r in store.index.to_pylist() if r["status"] == "ok"]
    assert len(rows) >= 20, "dlib finds nearly all of them"
    assert all(60 < row["box"][2] < 160 for row in rows)
    fake = next(r for r in rows if r["label"])
    region = store.region(fake["crop"])
    y, x = np.nonzero(region)
    assert 24 < x.mean() < 72
    assert 24 < y.mean() < 84


def test_a_blend_of_the_store_can_be_made_again_from_its_seed(people, tmp_path):
    from clew.base.hashing import stable_seed

    store = blend_faces(people, tmp_path / "store", seed=3)
    row = next(r for r in store.index.to_pylist() if r["label"])
    face = cv2.imread(str(people / row["source"]))[..., ::-1]
    rng = np.random.default_rng(stable_seed("blend", 3, row["source"], 0))
    made = self_blend(np.ascontiguousarray(face), rng)
    np.testing.assert_array_equal(store.crop(row["crop"]), made.picture)
    np.testing.assert_array_equal(store.region(row["crop"]), made.region)
