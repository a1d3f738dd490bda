import contextlib
import json
import mmap
import shutil

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor
from clew.base.jobs import Outcome, give_up, ignore
from clew.datasets import cropping, packing
from clew.datasets.cropping import crop_dataset
from clew.datasets.drops import dropped
from clew.datasets.index import SCHEMA
from clew.datasets.store import open_store
from clew.media.pictures import read_picture


def tree_bytes(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_one_row_for_every_picture_and_the_crops_in_index_order(folder_root, store_path):
    store = open_store(store_path)
    assert store.index.schema.equals(SCHEMA)
    assert store.index.num_rows == 152
    assert store.index["crop"].to_pylist() == list(range(152))
    assert store.protocol == "as-given-v1, 32 px"
    for row in store.index.slice(70, 5).to_pylist():
        assert (row["label"], row["method"]) == ((0, "real") if "/real/" in row["source"] else (1, "fake"))
        assert row["cluster"] == f"{row['split']}-{int(row['source'][-7:-4]) // 2}"
        np.testing.assert_array_equal(store.crop(row["crop"]), read_picture(folder_root / row["source"]))


def test_the_shards_are_memory_mapped(store_path):
    crop = open_store(store_path).crop(3)
    while crop.base is not None and not isinstance(crop.base, mmap.mmap):
        crop = crop.base
    assert isinstance(crop.base, mmap.mmap)


def test_openforensics_crops_with_regions(folder_root, tmp_path):
    root = tmp_path / "of"
    for part, new in (("train", "Train"), ("val", "Validation"), ("test", "Test")):
        for name in ("real", "fake"):
            shutil.copytree(folder_root / part / name, root / new / name.capitalize())
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 4:12] = 255
    (root / "regions/Test/Fake").mkdir(parents=True)
    cv2.imwrite(str(root / "regions/Test/Fake/003.png"), mask)
    store = crop_dataset(root, "openforensics-crops", tmp_path / "store")
    rows = {row["source"]: row for row in store.index.to_pylist()}
    assert {row["split"] for row in rows.values()} == {"train", "val", "test"}
    known = rows["Test/Fake/003.jpg"]
    assert known["region"]
    assert sum(row["region"] for row in rows.values()) == 1
    np.testing.assert_array_equal(store.region(known["crop"]), mask > 0)
    assert not store.region(rows["Test/Fake/004.jpg"]["crop"]).any()
    assert known["cluster"] == "Test/Fake/003.jpg", "without a groups.csv each picture is its own cluster"


def test_unreadable_pictures_keep_a_row_and_the_rest_goes_on(folder_root, fresh_copy, tmp_path):
    root = fresh_copy(folder_root)
    whole = (root / "test/fake/001.jpg").read_bytes()
    (root / "test/fake/001.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "train/real/002.jpg").write_bytes(b"")
    (root / "train/real/003.jpg").write_text("<html>")
    store = crop_dataset(root, "folder", tmp_path / "store")
    assert store.index.num_rows == 152
    lost = {row["sample"]: row for row in dropped(store)}
    assert set(lost) == {"test/fake/001.jpg", "train/real/002.jpg", "train/real/003.jpg"}
    assert {row["status"] for row in lost.values()} == {"unreadable"}
    assert "truncated" in lost["test/fake/001.jpg"]["detail"]
    kept = [row for row in store.index.to_pylist() if row["status"] == "ok"]
    assert [row["crop"] for row in kept] == list(range(149))
    last = kept[-1]
    np.testing.assert_array_equal(store.crop(148), read_picture(root / last["source"]))


class Inline:
    """Runs jobs here, one after the other; stops before job `stop`."""

    def __init__(self, stop=None):
        self.stop, self.ran = stop, []

    def run(self, jobs, description, progress=None, done=ignore, failed=give_up):
        for job in jobs:
            if len(self.ran) == self.stop:
                raise KeyboardInterrupt
            self.ran.append(job.name)
            done(job.name, job.function(*job.args, lambda steps, note="": None))
        return Outcome()


@pytest.fixture
def small_pieces(monkeypatch):
    """Units of 16 pictures, shards of 40 and a bit."""
    monkeypatch.setattr(cropping, "UNIT_BYTES", 1)
    monkeypatch.setattr(packing, "SHARD_BYTES", 32 * 32 * 3 * 40)


@pytest.mark.parametrize("stop", range(1, 10))
def test_a_store_goes_on_where_it_was_stopped_and_has_the_same_bytes(folder_root, tmp_path, small_pieces, stop):
    whole, stopped, executor = tmp_path / "a" / "store", tmp_path / "b" / "store", Inline(stop)
    crop_dataset(folder_root, "folder", whole, executor=LocalExecutor(2))
    with pytest.raises(KeyboardInterrupt):
        crop_dataset(folder_root, "folder", stopped, executor=executor)
    with pytest.raises(ClewError, match="not a finished crop store"):
        open_store(stopped)
    (stopped / "parts" / ".partial-killed").write_text("x")
    executor.stop = None
    crop_dataset(folder_root, "folder", stopped, executor=executor)
    assert executor.ran == [str(n) for n in range(10)], "no finished unit is cropped again"
    assert tree_bytes(stopped) == tree_bytes(whole)
    assert [shard["count"] for shard in open_store(whole).facts["shards"]] == [48, 48, 48, 8]


def test_a_store_stopped_while_it_was_packed_has_the_same_bytes(folder_root, tmp_path, small_pieces, monkeypatch):
    whole, stopped = tmp_path / "a" / "store", tmp_path / "b" / "store"
    crop_dataset(folder_root, "folder", whole, executor=Inline())
    for name in ("write_table", "write_json", "settle"):
        for after in range(1, 6):
            real, left = getattr(packing, name), [after]

            def stop(*args, real=real, left=left):
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt
                return real(*args)

            monkeypatch.setattr(packing, name, stop)
            with contextlib.suppress(KeyboardInterrupt):
                crop_dataset(folder_root, "folder", stopped, executor=Inline())
            monkeypatch.setattr(packing, name, real)
    crop_dataset(folder_root, "folder", stopped, executor=Inline())
    assert tree_bytes(stopped) == tree_bytes(whole)


def test_the_same_store_again_does_nothing_another_protocol_is_refused(folder_root, fresh_copy, store_path):
    out = fresh_copy(store_path)
    before = tree_bytes(out)
    crop_dataset(folder_root, "folder", out)
    assert tree_bytes(out) == before
    with pytest.raises(ClewError, match="crops of two protocols do not go into one store"):
        crop_dataset(folder_root, "folder", out, size=64)
    with pytest.raises(ClewError, match="already holds crops of other data"):
        crop_dataset(folder_root, "folder", out, limit=5)
    assert tree_bytes(out) == before


def test_the_limit_is_spread_over_each_split_and_class(folder_root, tmp_path):
    store = crop_dataset(folder_root, "folder", tmp_path / "store", limit=6)
    assert set(store.facts["counts"].values()) == {6}
    fakes = [row["source"] for row in store.samples("test").to_pylist() if row["label"]]
    assert fakes[-1] == "test/fake/020.jpg", "an even choice, not the first six"


def test_wrong_layouts(folder_root, tmp_path):
    with pytest.raises(ClewError, match="unknown layout 'foldr'. Did you mean 'folder'"):
        crop_dataset(folder_root, "foldr", tmp_path / "out")
    with pytest.raises(ClewError, match="not laid out as 'openforensics-crops'.*It looks like --layout folder"):
        crop_dataset(folder_root, "openforensics-crops", tmp_path / "out")
    with pytest.raises(ClewError, match="is not a folder"):
        crop_dataset(tmp_path / "nowhere", "folder", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClewError, match="empty is an empty folder"):
        crop_dataset(tmp_path / "empty", "folder", tmp_path / "out")
    (tmp_path / "hollow/train/real").mkdir(parents=True)
    with pytest.raises(ClewError, match="found train/real"):
        crop_dataset(tmp_path / "hollow", "folder", tmp_path / "out")
    (tmp_path / "hollow/train/fake").mkdir(parents=True)
    with pytest.raises(ClewError, match="holds no pictures"):
        crop_dataset(tmp_path / "hollow", "folder", tmp_path / "out")
    assert not (tmp_path / "out").exists(), "nothing is written before the layout is right"


def test_a_leak_between_splits_is_refused(folder_root, fresh_copy, tmp_path):
    root = fresh_copy(folder_root)
    text = (root / "groups.csv").read_text()
    (root / "groups.csv").write_text(text.replace("test/real/000.jpg,test-0", "test/real/000.jpg,train-3"))
    with pytest.raises(ClewError, match="1 group stands in more than one split, the first 'train-3' in test and train"):
        crop_dataset(root, "folder", tmp_path / "store")


def test_nothing_readable_is_an_error(folder_root, fresh_copy, tmp_path):
    root = fresh_copy(folder_root)
    for path in root.rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(ClewError, match="none of the 152 files gave a crop; the first: .* is empty"):
        crop_dataset(root, "folder", tmp_path / "store")


def _spoil_json(out):
    facts = json.loads((out / "store.json").read_text())
    (out / "store.json").write_text(json.dumps({**facts, "schema": 99}))


def _spoil_index(out):
    table = pq.read_table(out / "index.parquet")
    pq.write_table(table.drop_columns(["cluster"]), out / "index.parquet")


def _spoil_shard(out):
    data = (out / "crops-00000.npy").read_bytes()
    (out / "crops-00000.npy").write_bytes(data[:-100])


def _fewer_rows(out):
    pq.write_table(pq.read_table(out / "index.parquet").slice(1), out / "index.parquet")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_spoil_json, r"store\.json has schema 99; this version of Clew reads 2"),
        (_spoil_index, r"index\.parquet has another schema: it lacks the columns cluster"),
        (_spoil_shard, r"crops-00000\.npy cannot be read"),
        (_fewer_rows, "the index names 151 crops, the shards hold 152"),
        (lambda out: (out / "index.parquet").write_bytes(b"PAR1"), r"index\.parquet is not a readable Parquet"),
        (lambda out: (out / "store.json").unlink(), "not a finished crop store"),
    ],
)
def test_damaged_stores_are_errors_that_name_the_file(store_path, fresh_copy, spoil, why):
    out = fresh_copy(store_path)
    spoil(out)
    with pytest.raises(ClewError, match=why):
        open_store(out)


def test_a_crop_that_is_not_there(store_path):
    with pytest.raises(ClewError, match="there is no crop 152"):
        open_store(store_path).crop(152)
