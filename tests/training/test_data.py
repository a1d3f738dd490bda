import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.reports.protocol import BALANCED
from clew.training.data import batches, epoch_order, load_split, steps_per_epoch
from clew.training.schedule import constant, cosine
from clew.training.settings import BALANCES


def test_a_balanced_epoch_shows_each_class_half_of_the_time_and_each_sample_equally_often():
    labels = np.array([0] * 10 + [1] * 45)
    order = epoch_order(labels, seed=3, epoch=0, balance=True)
    assert len(order) == 55
    assert [int(labels[i]) for i in order] == [0, 1] * 27 + [0]
    real = np.bincount(order[labels[order] == 0], minlength=10)[:10]
    fake = np.bincount(order[labels[order] == 1], minlength=55)[10:]
    assert real.sum() == 28
    assert (real.min(), real.max()) == (2, 3)
    assert fake.max() == 1


def test_the_order_follows_from_seed_and_epoch_alone():
    labels = np.arange(40) % 2
    first = epoch_order(labels, 1, 0, True)
    np.testing.assert_array_equal(first, epoch_order(labels, 1, 0, True))
    assert not np.array_equal(first, epoch_order(labels, 1, 1, True))
    assert not np.array_equal(first, epoch_order(labels, 2, 0, True))
    assert sorted(epoch_order(labels, 1, 0, False)) == list(range(40))


def test_batches_are_full():
    assert [list(b) for b in batches(np.arange(7), 3)] == [[0, 1, 2], [3, 4, 5]]
    assert [list(b) for b in batches(np.arange(2), 3)] == [[0, 1]]
    assert (steps_per_epoch(7, 3), steps_per_epoch(2, 3)) == (2, 1)


def test_a_split_of_several_stores(store_path, folder_root, tmp_path):
    other = crop_dataset(folder_root, "folder", tmp_path / "other", size=48, limit=5)
    both = load_split([open_store(store_path), other], "test")
    assert len(both) == 58
    assert set(both.rows["store"].to_pylist()) == {"noise-store", "other"}
    crops = both.crops([0, 57], 32)
    assert crops.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(crops[0], both.stores[0].crop(int(both.rows["crop"][0].as_py())))


def test_a_split_with_one_class_or_none_names_the_store(folder_root, fresh_copy, tmp_path):
    root = fresh_copy(folder_root)
    for path in (root / "test/fake").iterdir():
        path.write_bytes(b"")
    store = crop_dataset(root, "folder", tmp_path / "store")
    with pytest.raises(ClewError, match="store: the split 'test' holds reals only"):
        load_split([store], "test")
    with pytest.raises(ClewError, match="no usable samples in the split 'dev'"):
        load_split([store], "dev")


def test_schedules():
    assert constant(5, 10) == 1
    assert [round(cosine(step, 100), 3) for step in (0, 9, 10, 55, 100)] == [0.1, 1.0, 1.0, 0.51, 0.02]


def shares(values, order):
    return {value: int((np.asarray(values)[order] == value).sum()) for value in sorted(set(values))}


def test_balanced_by_method_each_method_comes_equally_often():
    methods = [0] * 10 + [1] * 70 + [2] * 20 + [3] * 4  # 0: reals
    labels = (np.array(methods) > 0).astype(np.int64)
    order = epoch_order(labels, 3, 0, True, [np.array(methods)])
    assert len(order) == 104
    assert (labels[order][::2] == 0).all()
    assert (labels[order][1::2] == 1).all()
    found = shares(methods, order)
    assert found[0] == 52
    assert sorted(found[m] for m in (1, 2, 3)) == [17, 17, 18]
    alone = order[np.asarray(methods)[order] == 3]
    assert sorted(np.bincount(alone)[-4:]) in ([4, 4, 4, 5], [4, 4, 5, 5]), "each sample equally often to within one"


def test_balanced_by_video_a_long_video_counts_no_more_than_a_short_one():
    rng = np.random.default_rng(0)
    videos = np.repeat(np.arange(12), rng.integers(1, 40, 12))
    methods = np.repeat(np.arange(12) % 3, np.bincount(videos))
    labels = (methods > 0).astype(np.int64)
    order = epoch_order(labels, 1, 5, True, [methods, videos])
    for method in range(3):
        found = [int((videos[order] == v).sum()) for v in range(12) if v % 3 == method]
        assert max(found) - min(found) <= 1
    again = epoch_order(labels, 1, 5, True, [methods, videos])
    np.testing.assert_array_equal(order, again)
    assert not np.array_equal(order, epoch_order(labels, 1, 6, True, [methods, videos]))


def test_the_keys_of_samples_tell_methods_and_videos_apart(store_path):
    samples = load_split([open_store(store_path)], "train")
    assert samples.keys("class") == ()
    (methods,) = samples.keys("method")
    assert len(np.unique(methods[samples.labels == 0])) == 1
    assert not set(methods[samples.labels == 0]) & set(methods[samples.labels == 1])
    _, videos = samples.keys("video")
    assert len(np.unique(videos)) == len(samples), "a picture without a video is its own"


def test_balanced_by_source_a_small_store_counts_as_much_as_a_large_one(store_path, folder_root, tmp_path):
    small = crop_dataset(folder_root, "folder", tmp_path / "small", size=48, limit=2)
    samples = load_split([open_store(store_path), small], "train")
    (sources,) = samples.keys("source")
    assert set(sources.tolist()) == {0, 1}
    order = epoch_order(samples.targets, 0, 0, True, [sources])
    for label in (0, 1):
        counts = np.bincount(sources[order][samples.targets[order] == label])
        assert abs(int(counts[0]) - int(counts[1])) <= 1


def test_every_balance_is_told_in_the_reports():
    assert set(BALANCED) == set(BALANCES)
