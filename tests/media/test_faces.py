"""Boxes, squares and the detectors behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.media.faces.base import (
    Box,
    Detection,
    FaceDetector,
    by_area,
    face_detectors,
    iou,
    make_detector,
    without_doubles,
)
from clew.media.faces.cutting import cut_face, face_square
from clew.media.faces.searching import faces_in_picture, search, search_near
from clew.media.pictures import read_picture

NAMES = ["dlib", "opencv", "yunet"]


@pytest.fixture(params=NAMES)
def detector(request: pytest.FixtureRequest, shared: Callable[..., Path]) -> FaceDetector:
    """Every detector there is."""
    needs = request.param == "yunet"
    return make_detector(request.param, shared("face-models", "yunet_n_320_320.onnx") if needs else None)


@pytest.fixture
def portraits(shared: Callable[..., Path]) -> list[np.ndarray]:
    """Faces of 250 x 250 pixels, the face in the middle and about 110 pixels wide."""
    return [read_picture(path) for path in sorted(shared("lfw").glob("*.jpg"))[:24]]


def test_iou_by_hand() -> None:
    a = Box(0, 0, 10, 10)
    assert iou(a, a) == 1
    assert iou(a, Box(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert iou(a, Box(2, 2, 5, 5)) == pytest.approx(0.25)
    assert iou(a, Box(10, 0, 10, 10)) == iou(a, Box(30, 30, 5, 5)) == iou(a, Box(0, 0, 0, 0)) == 0


def test_boxes_in_order_and_without_doubles() -> None:
    big, small, double = (
        Detection(Box(0, 0, 40, 40), 0.5),
        Detection(Box(90, 0, 20, 20), 2.0),
        Detection(Box(4, 4, 38, 38), 0.9),
    )
    assert by_area([small, double, big]) == [big, double, small]
    assert without_doubles([big, small, double]) == [double, small]
    inside = Detection(Box(10, 10, 15, 15), 0.1)
    assert without_doubles([inside, big]) == [big]


def test_face_square_by_hand() -> None:
    assert face_square(Box(100, 100, 50, 40), 1000, 1000, 2.0) == (75, 70, 100)
    assert face_square(Box(100, 100, 50, 40), 1000, 1000) == (92, 88, 65)
    assert face_square(Box(0, 0, 100, 100), 1000, 1000, 1.5) == (0, 0, 150)  # shifted, not shrunk
    assert face_square(Box(950, 960, 100, 100), 1000, 1000, 1.5) == (850, 850, 150)
    assert face_square(Box(0, 0, 900, 500), 1920, 700, 1.3) == (100, 0, 700)
    assert face_square(Box(-500, -500, 10, 10), 100, 100, 1.3) == (0, 0, 13)


@pytest.mark.parametrize("seed", range(50))
def test_face_square_lies_in_the_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width, height = (int(v) for v in rng.integers(1, 500, 2))
    box = Box(*rng.uniform(-600, 600, 2).tolist(), *rng.uniform(0, 900, 2).tolist())
    x, y, side = face_square(box, width, height, float(rng.uniform(0.5, 3)))
    assert 1 <= side <= min(width, height)
    assert 0 <= x <= width - side
    assert 0 <= y <= height - side


def test_cut_face_fits_what_is_cut() -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[80:120, 130:170] = (10, 200, 30)
    cut = cut_face(picture, Box(130, 80, 40, 40), 40, scale=1.0)
    assert (cut == (10, 200, 30)).all()
    region = cut_face(picture[..., 1], Box(130, 80, 40, 40), 64, scale=2.0)
    assert region.shape == (64, 64)
    assert region.mean() == pytest.approx(200 / 4, rel=0.05)
    assert cut_face(picture[..., :1], Box(130, 80, 40, 40), 64).shape == (64, 64, 1)
    assert cut_face(picture.astype(np.float32), Box(0, 0, 500, 500), 16).shape == (16, 16, 3)


def test_unknown_detectors_and_useless_files(tmp_path: Path) -> None:
    with pytest.raises(ClewError, match="dlib, opencv, yunet"):
        make_detector("dlibb")
    for name in ("dlib", "opencv"):
        with pytest.raises(ClewError, match="takes no model file"):
            make_detector(name, tmp_path / "model")
    assert face_detectors.names() == NAMES


def test_every_detector_finds_portraits(detector: FaceDetector, portraits: list[np.ndarray]) -> None:
    hits = 0
    for picture in portraits:
        found = faces_in_picture(picture, detector)
        assert found == by_area(found)
        hits += any(abs(f.box.centre[0] - 125) < 30 and abs(f.box.centre[1] - 125) < 35 for f in found)
    assert hits >= 22
    assert detector.name in NAMES
    assert detector.version


def test_every_detector_is_deterministic_and_takes_brightness(
    detector: FaceDetector, portraits: list[np.ndarray], shared: Callable[..., Path]
) -> None:
    model = shared("face-models", "yunet_n_320_320.onnx") if detector.name == "yunet" else None
    again = make_detector(detector.name, model)
    alike = 0
    for picture in portraits[:8]:
        assert detector.find(picture) == detector.find(picture) == again.find(picture)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        colour, plain = detector.find(picture), detector.find(grey)
        alike += bool(colour and plain) and iou(colour[0].box, plain[0].box) > 0.7
    assert alike >= 7


def test_every_detector_survives_odd_pictures(detector: FaceDetector) -> None:
    rng = np.random.default_rng(0)
    for shape in [(1, 1, 3), (1, 400, 3), (400, 1, 3), (7, 9, 3), (33, 31, 3), (64, 700, 3)]:
        for picture in (np.zeros(shape, np.uint8), rng.integers(0, 256, shape).astype(np.uint8)):
            assert isinstance(faces_in_picture(picture, detector), list)
            assert isinstance(search_near(picture, Box(-5, -5, 20, 20), 2.0, detector), list)


def test_lenient_finds_no_less(detector: FaceDetector, portraits: list[np.ndarray]) -> None:
    for picture in portraits[:8]:
        small = cv2.resize(picture, (170, 170), interpolation=cv2.INTER_AREA)
        strict, lenient = detector.find(small), detector.find(small, lenient=True)
        assert len(lenient) >= len(strict)
        assert all(face.score >= detector.threshold for face in strict)


def test_small_faces_are_found_at_their_place(detector: FaceDetector, portraits: list[np.ndarray]) -> None:
    """Faces of about 50 pixels in a large picture: only searching at a finer scale finds them."""
    wide = np.full((700, 900, 3), 120, np.uint8)
    places = [(60, 50), (400, 80), (700, 90), (100, 400), (420, 380), (690, 500)]
    for (x, y), picture in zip(places, portraits, strict=False):
        wide[y : y + 125, x : x + 125] = cv2.resize(picture, (125, 125), interpolation=cv2.INTER_AREA)
    found = search(wide, detector, 36)
    hits = [
        any(abs(f.box.centre[0] - x - 62) < 16 and abs(f.box.centre[1] - y - 62) < 18 for f in found) for x, y in places
    ]
    assert sum(hits) >= 5
    x, y = places[0]
    near = search_near(wide, Box(x + 35, y + 35, 55, 55), 2.2, detector)
    assert any(abs(f.box.centre[0] - x - 62) < 16 for f in near)


def test_a_face_that_fills_the_picture_is_found(portraits: list[np.ndarray]) -> None:
    detector = make_detector("dlib")
    tight = [cv2.resize(p[65:185, 65:185], (256, 256), interpolation=cv2.INTER_CUBIC) for p in portraits]
    assert sum(bool(faces_in_picture(np.asarray(p, np.uint8), detector)) for p in tight) >= 18


def test_work_on_huge_pictures_is_bounded() -> None:
    shapes: list[tuple[int, ...]] = []

    class Watching:
        name = version = "watching"
        smallest, best, threshold, sure = 72.0, 84.0, 0.0, 0.4

        def find(self, picture: np.ndarray, lenient: bool = False) -> list[Detection]:
            shapes.append(picture.shape)
            return []

    search(np.zeros((9000, 11000), np.uint8), Watching(), 36)
    assert shapes[0][0] * shapes[0][1] <= 8_310_000
