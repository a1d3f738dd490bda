"""The drawing: where things are, how pose and expression move them, and what stays of a person."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from clew.datasets.synth.camera import photograph
from clew.datasets.synth.person import draw_person
from clew.datasets.synth.render import Rendered, render
from clew.datasets.synth.shot import Shot, draw_shot

PERSON = replace(draw_person(np.random.default_rng(2)), glasses="none", hair_style="short", beard="none")
FRONT = Shot()
SIZE = 128


def point(drawn: Rendered, name: str) -> np.ndarray:
    return np.array(drawn.landmarks[name])


@pytest.fixture(scope="module")
def front() -> Rendered:
    return render(PERSON, FRONT, SIZE)


def test_picture_and_parts_are_float32_in_range(front: Rendered) -> None:
    assert front.rgb.shape == (SIZE, SIZE, 3)
    for image in (front.rgb, *front.parts.values()):
        assert image.dtype == np.float32
        assert image.shape[:2] == (SIZE, SIZE)
        assert image.min() >= 0
        assert image.max() <= 1
    assert {"face", "left_eye", "right_eye", "mouth", "nose", "hair", "head", "lips"} <= set(front.parts)


def test_a_frontal_head_is_upright_and_centred(front: Rendered) -> None:
    assert np.allclose(point(front, "left_eye")[1], point(front, "right_eye")[1], atol=1e-3)
    middle = 0.5 * (point(front, "left_eye") + point(front, "right_eye"))
    assert abs(middle[0] - point(front, "nose_tip")[0]) < 0.01
    assert abs(middle[0] - (SIZE - 1) / 2) < 0.5
    tall = point(front, "chin")[1] - point(front, "left_brow")[1]
    assert 0.62 < tall / SIZE < 0.75


@pytest.mark.parametrize("name", ["left_eye", "right_eye", "mouth", "nose"])
def test_parts_lie_around_their_landmarks(front: Rendered, name: str) -> None:
    landmark = {"mouth": "lip_top", "nose": "nose_tip"}.get(name, name)
    x, y = np.round(point(front, landmark)).astype(int)
    assert front.parts[name][y, x] > 0.95
    assert front.parts["face"][y, x] > 0.95
    assert front.parts[name].mean() < 0.12


def test_eyes_are_drawn_where_the_landmarks_say(front: Rendered) -> None:
    for side in ("left", "right"):
        x, y = np.round(point(front, f"{side}_eye")).astype(int)
        pupil = front.rgb[y - 2 : y + 3, x - 2 : x + 3].mean(2).min()
        cheek = front.rgb[y + 18, x].mean()
        assert pupil < 0.45 * cheek


def test_yaw_turns_the_nose_and_roll_tilts_the_eyes(front: Rendered) -> None:
    turned = render(PERSON, replace(FRONT, yaw=15.0), SIZE)
    ahead = point(turned, "nose_tip")[0] - 0.5 * (point(turned, "left_eye")[0] + point(turned, "right_eye")[0])
    assert ahead > 0.02 * SIZE
    rolled = render(PERSON, replace(FRONT, roll=8.0), SIZE)
    across = point(rolled, "right_eye") - point(rolled, "left_eye")
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(8.0, abs=0.1)
    nodded = render(PERSON, replace(FRONT, pitch=8.0), SIZE)
    assert point(nodded, "nose_tip")[1] - point(nodded, "left_eye")[1] > (
        point(front, "nose_tip")[1] - point(front, "left_eye")[1]
    )


def test_expressions_move_their_own_part_of_the_face(front: Rendered) -> None:
    opened = render(PERSON, replace(FRONT, mouth_open=0.7), SIZE)
    assert point(opened, "lip_bottom")[1] - point(front, "lip_bottom")[1] > 0.03 * SIZE
    assert np.allclose(point(opened, "nose_tip"), point(front, "nose_tip"), atol=1e-3 * SIZE)
    smiling = render(PERSON, replace(FRONT, smile=0.8), SIZE)
    assert point(smiling, "mouth_right")[0] > point(front, "mouth_right")[0] + 1
    closed = render(PERSON, replace(FRONT, eyes_open=0.0), SIZE)
    x, y = np.round(point(front, "left_eye")).astype(int)
    assert closed.rgb[y, x].mean() > front.rgb[y, x].mean()


def test_small_steps_of_pose_move_the_picture_little() -> None:
    steps = [render(PERSON, replace(FRONT, yaw=a, smile=0.02 * a), 64).rgb for a in (0.0, 0.25, 0.5)]
    jumps = [float(np.abs(b - a).mean()) for a, b in pairwise(steps)]
    assert 0 < max(jumps) < 0.01


def test_sizes_show_the_same_scene() -> None:
    shot = draw_shot(np.random.default_rng(4))
    big, small = render(PERSON, shot, 256), render(PERSON, shot, 64)
    shrunk = cv2.resize(big.rgb, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(shrunk.ravel(), small.rgb.ravel())[0, 1] > 0.97
    for name, at in big.landmarks.items():
        assert np.allclose((np.array(at) + 0.5) / 4 - 0.5, small.landmarks[name], atol=0.5), name


def test_people_differ_more_than_shots_of_their_skin() -> None:
    people = [draw_person(np.random.default_rng(i)) for i in range(12)]
    assert len({p.seed for p in people}) == 12
    assert len({p.hair_style for p in people}) >= 4
    spread = np.std([p.skin for p in people], axis=0)
    assert (spread > 0.05).all()


def test_the_camera_adds_noise_that_light_scales() -> None:
    grey = np.full((64, 64, 3), 0.5, np.float32)
    quiet, loud = (replace(FRONT, lens_blur=0.0, noise=n) for n in (0.0, 0.02))
    assert np.ptp(photograph(grey, quiet, np.random.default_rng(0))) == 0
    noisy = photograph(grey, loud, np.random.default_rng(0)).astype(float)
    dark = photograph(grey * 0.02, loud, np.random.default_rng(0)).astype(float)
    assert noisy.std() == pytest.approx(255 * 0.02 * 0.89, rel=0.1)
    assert dark.std() < 0.8 * noisy.std()
    again = photograph(grey, loud, np.random.default_rng(0))
    assert np.array_equal(again, noisy.astype(np.uint8))
