import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from clew.base.errors import ClewError
from clew.datasets.cropping import crop_dataset
from clew.media.pictures import encode_jpeg
from clew.tickets.find import find_tickets
from clew.training.blended import blend_batch, load_part
from clew.training.settings import TrainSettings


def crops(count=9, size=32):
    return np.random.default_rng(0).integers(60, 200, (count, size, size, 3)).astype(np.uint8)


def test_half_of_the_reals_become_fakes_and_given_fakes_stay():
    given, labels = crops(), np.array([0, 1, 0, 0, 1, 0, 0, 0, 0])
    before = given.copy()
    made, told = blend_batch(given, labels, np.random.default_rng(1))
    assert made.shape == given.shape
    assert made.dtype == np.uint8
    assert told.tolist().count(1) == 2 + 7 // 2
    np.testing.assert_array_equal(made[labels == 1], given[labels == 1])
    assert (told[labels == 1] == 1).all()
    np.testing.assert_array_equal(given, before)
    assert labels.sum() == 2


def test_the_batch_follows_from_its_generator():
    given, labels = crops(), np.zeros(9, np.int64)
    first, again, other = (blend_batch(given, labels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[0] != other[0]).any()


def test_reals_meet_the_same_changes_as_fakes():
    """Were reals left as they came, a changed colour alone would mean fake."""
    given, labels = crops(40), np.zeros(40, np.int64)
    made, told = blend_batch(given, labels, np.random.default_rng(3))
    corners = (slice(None), slice(0, 2), slice(0, 2))  # outside any region
    changed = (made[corners] != given[corners]).any((1, 2, 3))
    assert 0.5 < changed[told == 0].mean() < 1
    assert 0.5 < changed[told == 1].mean() < 1


def test_crops_that_are_too_small_are_refused():
    with pytest.raises(ClewError, match="16 pixels at least"):
        blend_batch(crops(2, 8), np.zeros(2, np.int64), np.random.default_rng(0))


def test_a_store_of_reals_alone_can_be_trained_on(tmp_path):
    """Blends as training goes; validation and test get one fixed blend of each real."""
    for number in range(40):
        path = tmp_path / "faces" / ("train", "train", "val", "test")[number % 4] / "real" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(cv2.resize(crops(1, 48)[0] + np.uint8(number), (48, 48)), 95))
    for part in ("train", "val", "test"):
        (tmp_path / "faces" / part / "fake").mkdir()
    store = crop_dataset(tmp_path / "faces", "folder", tmp_path / "store", size=48)
    assert store.facts["counts"] == {"test/real/ok": 10, "train/real/ok": 20, "val/real/ok": 10}
    with pytest.raises(ClewError, match="holds reals only; both classes are needed .--blend makes fakes of reals"):
        load_part([store], "train", False)
    train, val = load_part([store], "train", True), load_part([store], "val", True)
    assert (len(train), set(train.labels.tolist())) == (20, {0})
    assert (len(val), val.labels.tolist()) == (20, [0] * 10 + [1] * 10)
    assert set(val.rows["method"].to_pylist()) == {"real", "self-blended"}
    assert len(set(val.rows["sample"].to_pylist())) == 20
    both = val.crops([3, 13], 48)
    assert not np.array_equal(both[0], both[1])
    np.testing.assert_array_equal(both, val.crops([3, 13], 48))
    ladder = find_tickets(
        tmp_path / "store",
        tmp_path / "run",
        detector="meso4",
        input_size=32,
        methods=(),
        seeds=1,
        training=TrainSettings(epochs=2, batch_size=8, blend=True),
    )
    scores = pq.read_table(ladder.path / "scores.parquet")
    assert scores.num_rows == 20 + 20
