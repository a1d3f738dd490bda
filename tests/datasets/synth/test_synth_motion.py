"""People in clips move, and move smoothly."""

import numpy as np
import pytest
from drawn_videos import small_clip

from clew.datasets.synth.clip import ClipId, Format, write_script
from clew.datasets.synth.motion import BLINK_SECONDS, blinks, glances, speech, waves
from clew.datasets.synth.shot import draw_shot

FPS = 25.0
TIME = np.arange(2500, dtype=np.float32) / np.float32(FPS)
MOVING = ("yaw", "pitch", "roll", "smile", "brow_raise", "light_yaw", "shift_x", "shift_y", "key")


def test_waves_have_the_spread_and_no_faster_part_than_said():
    drawn = np.stack([waves(np.random.default_rng(k), TIME, 3.0, 0.3, 1.0) for k in range(40)])
    assert drawn.std() == pytest.approx(3.0, rel=0.05)
    power = np.square(np.abs(np.fft.rfft(drawn, axis=1))).sum(0)
    rate = np.fft.rfftfreq(len(TIME), 1 / FPS)
    assert power[(rate > 0.2) & (rate < 1.1)].sum() > 0.97 * power.sum()


def test_blinks_close_the_eye_for_as_long_and_as_often_as_said():
    shut = np.stack([blinks(np.random.default_rng(k), TIME, 0.4) for k in range(20)])
    assert shut.min() == 0.0
    assert 0.9 < shut.max() <= 1.0
    starts = ((shut[:, 1:] > 0.5) & (shut[:, :-1] <= 0.5)).sum() / 20 / TIME[-1]
    assert starts == pytest.approx(1 / (1 / 0.4 + 2 * BLINK_SECONDS), rel=0.15)
    lengths = (shut > 0.0).sum() / (starts * 20 * TIME[-1]) / FPS
    assert lengths == pytest.approx(BLINK_SECONDS, rel=0.2)


def test_a_gaze_rests_between_its_jumps():
    gaze = glances(np.random.default_rng(1), TIME, 0.1, 0.3)
    assert (np.abs(np.diff(gaze)) < 1e-6).mean() > 0.7
    assert np.ptp(gaze) > 0.5


def test_speech_opens_and_closes_the_mouth():
    mouth = np.stack([speech(np.random.default_rng(k), TIME) for k in range(10)])
    assert mouth.min() >= 0.0
    assert mouth.max() <= 0.62
    assert (mouth > 0.25).mean() > 0.1
    assert (mouth < 0.05).mean() > 0.1


def test_every_signal_of_a_script_is_continuous_and_moves():
    for person in range(12):
        script = write_script(ClipId(4, person), Format(seconds=(3.0, 3.0)))
        for name in MOVING:
            values = np.array([getattr(shot, name) for shot in script.motion.shots])
            assert np.ptp(values) > 0, name
            assert np.abs(np.diff(values)).max() < 0.35 * np.ptp(values), name


def test_what_belongs_to_the_scene_stays():
    shots = write_script(ClipId(4, 1)).motion.shots
    for name in ("background", "scene", "zoom", "lens_blur", "noise", "white_balance", "exposure", "hardness"):
        assert len({getattr(shot, name) for shot in shots}) == 1, name


def test_a_script_depends_on_seed_person_and_number_alone():
    assert write_script(ClipId(4, 1)).motion.shots == write_script(ClipId(4, 1)).motion.shots
    assert write_script(ClipId(4, 1)).person == write_script(ClipId(4, 1, 1)).person
    assert write_script(ClipId(4, 1)).shot != write_script(ClipId(4, 1, 1)).shot
    assert write_script(ClipId(4, 1)).person != write_script(ClipId(5, 1)).person


def test_durations_vary():
    frames = [write_script(ClipId(4, person)).frames for person in range(60)]
    assert min(frames) >= 25
    assert max(frames) <= 35
    assert len(set(frames)) > 5


def test_consecutive_frames_are_nearer_than_distant_ones():
    for person in (1, 2, 3):
        luma = np.stack([p.mean(2) for p in small_clip(person).pictures]).astype(np.float32)
        luma = np.stack(
            [np.asarray(p, np.float32).reshape(40, 4, -1, 4)[..., : 212 // 4, :].mean((1, 3)) for p in luma[:, :, :212]]
        )
        near = np.abs(np.diff(luma, axis=0)).mean()
        far = np.abs(luma[-1] - luma[0]).mean()
        assert near < 0.75 * far
        assert far > 0.1


def test_noise_is_new_in_every_frame():
    clip = small_clip(2)
    first, second = (p[:20, :40].astype(np.float32) for p in clip.pictures[:2])
    assert np.abs(first - second).mean() > 0.2
    assert draw_shot(np.random.default_rng(0)).noise > 0
