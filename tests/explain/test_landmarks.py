"""Landmarks by dlib's predictor, with a tiny one trained here, and the files that are none."""

from __future__ import annotations

from pathlib import Path

import dlib
import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.explain.facial_parts import canonical_points, parts_of
from clew.explain.landmarks import Landmarks
from clew.media.faces.base import Box

SIDE = 130
CROP = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def write_predictor(path: Path, count: int = 68) -> Path:
    """A predictor that always answers with the first canonical points of a face whose box is the middle 100 pixels."""
    options = dlib.shape_predictor_training_options()
    options.tree_depth, options.cascade_depth, options.num_trees_per_cascade_level = 2, 2, 5
    options.oversampling_amount, options.feature_pool_size, options.num_test_splits = 2, 20, 2
    options.num_threads, options.be_verbose = 1, False
    points = [dlib.point(*np.floor(point * SIDE).astype(int).tolist()) for point in canonical_points()[:count]]
    faces = [[dlib.full_object_detection(dlib.rectangle(15, 15, 114, 114), points)]] * 3
    dlib.train_shape_predictor([CROP] * 3, faces, options).save(str(path))
    return path


@pytest.fixture(scope="module")
def landmarks(tmp_path_factory: pytest.TempPathFactory) -> Landmarks:
    return Landmarks(write_predictor(tmp_path_factory.mktemp("model") / "tiny.dat"))


def test_points_lie_in_shares_of_the_crop(landmarks: Landmarks):
    np.testing.assert_allclose(landmarks.points(CROP), canonical_points(), atol=1.5 / SIDE)


def test_the_face_lies_where_the_scale_or_the_box_says(landmarks: Landmarks):
    np.testing.assert_allclose(landmarks.points(CROP, scale=2.0), canonical_points(2.0), atol=1.5 / SIDE)
    left = landmarks.points(CROP, box=Box(0, 40, 50, 50))
    expected = (np.array([0, 40]) + 50 * (0.5 + (canonical_points() - 0.5) * 1.3)) / SIDE
    np.testing.assert_allclose(left, expected, atol=1.5 / SIDE)


def test_parts_of_several_crops(landmarks: Landmarks):
    found = landmarks.parts(np.stack([CROP, CROP[::-1]]), 40)
    assert found.shape == (2, 9, 40, 40)
    np.testing.assert_array_equal(found[1], parts_of(landmarks.points(CROP[::-1]), 40))
    assert landmarks.parts(np.zeros((0, 8, 8, 3), np.uint8), 40).shape == (0, 9, 40, 40)


@pytest.mark.parametrize("crop", [CROP[:, :100], CROP[..., 0], CROP.astype(np.float32) / 255])
def test_crops_that_are_none_are_refused(landmarks: Landmarks, crop):
    with pytest.raises(ClewError, match="expected a square crop"):
        landmarks.points(crop)


def test_files_that_are_none_are_refused(tmp_path: Path):
    whole = write_predictor(tmp_path / "whole.dat").read_bytes()
    for name, data in {"empty": b"", "text": b"no predictor\n" * 40, "cut": whole[: len(whole) // 2]}.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ClewError, match=rf"{name} is no .*shape_predictor_68_face_landmarks\.dat") as refused:
            Landmarks(path)
        assert "\n" not in str(refused.value)
    with pytest.raises(ClewError, match="is no landmark file"):
        Landmarks(tmp_path)
    with pytest.raises(ClewError, match=r"gone\.dat cannot be read \(No such file"):
        Landmarks(tmp_path / "gone.dat")


def test_a_predictor_of_other_points_is_refused(tmp_path: Path):
    with pytest.raises(ClewError, match=r"five\.dat finds 5 points, expected 68"):
        Landmarks(write_predictor(tmp_path / "five.dat", 5))
