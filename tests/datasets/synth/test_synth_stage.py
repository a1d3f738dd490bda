"""The wide frame: heads end on top, the scene stands still behind them, windows fit the frame."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_videos import SMALL, small_clip

from clew.datasets.synth.anatomy import pose_face
from clew.datasets.synth.clip import ClipId, write_script
from clew.datasets.synth.render import set_scene
from clew.datasets.synth.stage import left_edge, perform, set_stage
from clew.datasets.synth.video_forge import redraw, weighted_stats, window_of
from clew.datasets.synth.view import make_view

HIGH = SMALL.height


@pytest.mark.parametrize("person", range(8))
def test_heads_are_closed_on_top(person):
    script = write_script(ClipId(5, person), SMALL)
    shot = replace(script.shot, zoom=0.45, shift_y=0.06, pitch=0.0, roll=0.0)
    view = make_view(pose_face(script.person, shot), shot, HIGH)
    open_top = set_scene(script.person, shot, view).seen.cover
    closed = set_scene(script.person, shot, view, crown=True).seen.cover
    assert open_top[:4].max() > 0.5  # a portrait's frame ends below
    assert closed[:4].max() == 0.0
    first = int(np.argmax((closed > 0.5).any(1)))
    wide = (closed > 0.5).sum(1)
    assert 0.3 * wide.max() < wide[first + HIGH // 16]  # a dome, no spike
    assert np.array_equal(open_top[HIGH // 2 :], closed[HIGH // 2 :])


def test_a_stage_without_motion_stands_still():
    script = write_script(ClipId(5, 3), SMALL)
    stage = set_stage(script.person, script.shot, SMALL.width, HIGH)
    first = perform(stage, script.shot, (0.0, 0.0), (0.0, 0.0))
    turned = perform(stage, replace(script.shot, yaw=script.shot.yaw + 6.0), (0.0, 0.0), (0.0, 0.0))
    assert first.rgb.shape == (HIGH, SMALL.width, 3)
    assert first.rgb.min() >= 0.0
    assert first.rgb.max() <= 1.0
    edge = left_edge(SMALL.width, HIGH)
    assert np.array_equal(first.rgb[:, :edge], turned.rgb[:, :edge])
    assert np.abs(first.rgb - turned.rgb).max() > 0.1


def test_there_is_no_seam_between_the_square_and_its_surroundings():
    for person in (2, 3, 4):
        rgb = np.mean([p.astype(np.float32) for p in small_clip(person).pictures], 0)
        edge = left_edge(SMALL.width, HIGH)
        steps = np.abs(np.diff(rgb, axis=1)).mean((0, 2))
        near = np.r_[steps[edge - 6 : edge - 1], steps[edge : edge + 5]].mean()
        assert steps[edge - 1] < 1.6 * near + 0.3


def test_a_camera_that_moves_carries_the_scene_along():
    script = write_script(ClipId(5, 3), SMALL)
    stage = set_stage(script.person, script.shot, SMALL.width, HIGH)
    still = perform(stage, script.shot, (0.0, 0.0), (0.0, 0.0)).rgb
    moved_shot = replace(script.shot, shift_x=script.shot.shift_x + 4 / HIGH)
    moved = perform(stage, moved_shot, (4 / HIGH, 0.0), (0.0, 0.0)).rgb
    assert np.abs(moved[:, 8:] - still[:, 4:-4]).mean() < 0.004 < np.abs(moved - still).mean()


def test_a_face_drawn_anew_in_its_window_is_the_face_in_the_frame():
    clip = small_clip(3)
    moment, picture = clip.moments[1], clip.pictures[1]
    window = window_of(clip, moment.shot)
    assert window.x >= window.left
    assert window.y + window.side <= HIGH
    drawn = redraw(clip.stage.person, window.shot(moment.shot), clip.script.shot, window.side)
    goal = window.crop(picture).astype(np.float32) / 255.0
    face = window.part(moment.parts["face"])
    assert np.abs(weighted_stats(drawn.rgb, face)[0] - weighted_stats(goal, face)[0]).max() < 0.01
    inside = face > 0.9
    off = np.abs(drawn.rgb - goal)[inside].mean()
    shifted = np.abs(np.roll(drawn.rgb, 3, 1) - goal)[inside].mean()
    assert off < 0.03 < shifted
