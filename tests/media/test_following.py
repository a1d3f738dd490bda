"""Faces followed through videos: drawn ones whose places are known, and real ones against frame by frame search."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from small_videos import write

from clew.media.decoding import decode_frames
from clew.media.faces import following
from clew.media.faces.base import Box, Detection, by_area, iou, make_detector
from clew.media.faces.cuts import Look
from clew.media.faces.following import FollowSettings, faces_in_video
from clew.media.faces.frames import FrameFaces
from clew.media.videos import evenly_spaced, probe, read_frames

WIDTH, HEIGHT = 480, 320
LOSSLESS = {"qp": "0", "preset": "ultrafast"}


class Bright:
    """A detector of bright squares: a "face" is what is brighter than 170, its score how filled its box is.

    Dimmer ones (down to 150) are faint; `seen` notes the size of every picture searched.
    """

    name = version = "bright"
    smallest, best, threshold, sure = 24.0, 32.0, 0.5, 0.8

    def __init__(self) -> None:
        self.seen: list[int] = []

    def find(self, picture: np.ndarray, lenient: bool = False) -> list[Detection]:
        self.seen.append(picture.shape[0] * picture.shape[1])
        found = []
        for level, score in ((170, 0.9), (150, 0.4 if lenient else 0.0)):
            mask = (cv2.blur(picture, (3, 3)) > level).astype(np.uint8)
            count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
            for x, y, width, height, area in stats[1:count]:
                whole = x > 0 and y > 0 and x + width < picture.shape[1] and y + height < picture.shape[0]
                if score and whole and width >= 12 and 0.7 < width / height < 1.4 and area > 0.5 * width * height:
                    found.append(Detection(Box(float(x), float(y), float(width), float(height)), score))
        best = [f for f in found if not any(g.score > f.score and iou(f.box, g.box) > 0.4 for g in found)]
        return by_area(best)


def face(seed: int, side: int, level: int = 215) -> np.ndarray:
    """A bright square (side, side) with a pattern of its own."""
    rng = np.random.default_rng(seed)
    contrast = 35.0 if level > 170 else 7.0
    pattern = cv2.resize(rng.choice([-contrast, contrast], (5, 5)), (side, side), interpolation=cv2.INTER_NEAREST)
    return np.clip(level + pattern, 0, 255)


def draw(faces: list[tuple[int, float, float, int]], scene: int = 0, level: int = 215) -> np.ndarray:
    """A frame (320, 480, 3) with faces (seed, x, y, side) before a background."""
    rng = np.random.default_rng(1000 + scene)
    coarse = rng.choice([15, 60, 130], (6 + scene % 5, 9 + scene % 4)).astype(np.float32)
    frame = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    for seed, x, y, side in faces:
        left, top = round(x), round(y)
        frame[top : top + side, left : left + side] = face(seed, side, level)
    return np.repeat(frame.astype(np.uint8)[..., None], 3, axis=2)


def follow(path: Path, indices: list[int], detector: object = None, **how: object) -> list[FrameFaces]:
    threads = int(how.pop("threads", 1))  # type: ignore[call-overload]
    settings = FollowSettings(**how)  # type: ignore[arg-type]
    return list(faces_in_video(path, indices, detector or Bright(), settings, threads))  # type: ignore[arg-type]


def places(frames: list[FrameFaces]) -> list[list[tuple[int, Box]]]:
    return [[(f.track, f.box) for f in frame.faces] for frame in frames]


def test_a_moving_face_is_one_track_at_its_place_and_little_is_searched(tmp_path: Path) -> None:
    at = [(60 + 4 * i, 100 + 60 * np.sin(i / 9), 40 + i // 4) for i in range(64)]
    path = write(tmp_path / "one.mp4", [draw([(7, x, y, s)]) for x, y, s in at], options=LOSSLESS)
    detector = Bright()
    frames = follow(path, list(range(64)), detector)
    assert [frame.index for frame in frames] == list(range(64))
    for frame, (x, y, side) in zip(frames, at, strict=True):
        assert [f.track for f in frame.faces] == [0]
        assert frame.status == "ok"
        assert iou(frame.faces[0].box, Box(x, y, side, side)) > 0.7
    assert sum(detector.seen) < 0.25 * 64 * WIDTH * HEIGHT * (24 / 40) ** 2 * 2


def test_who_comes_late_is_there_from_the_first_frame_on(tmp_path: Path) -> None:
    drawn = [draw([(7, 60, 60, 48)] + ([(9, 300 - 2 * i, 150, 50)] if i >= 13 else [])) for i in range(32)]
    frames = follow(write(tmp_path / "late.mp4", drawn, options=LOSSLESS), list(range(32)))
    assert [len(frame.faces) for frame in frames] == [1] * 13 + [2] * 19
    assert {f.track for frame in frames[:13] for f in frame.faces} == {0}
    assert all(sorted(f.track for f in frame.faces) == [0, 1] for frame in frames[13:])


@pytest.mark.parametrize("cut", [False, True])
def test_who_comes_at_the_very_end_is_found_too(tmp_path: Path, cut: bool) -> None:
    """Between the last search and the end of the video, or of a scene."""
    drawn = [draw([(7, 60, 60, 48)] + ([(9, 300, 150, 50)] if i >= 28 else [])) for i in range(32)]
    drawn += [draw([], scene=9)] * (20 if cut else 0)
    frames = follow(write(tmp_path / "end.mp4", drawn, options=LOSSLESS), list(range(len(drawn))))
    assert [len(frame.faces) for frame in frames] == [1] * 28 + [2] * 4 + [0] * (20 if cut else 0)


def test_two_who_cross_stay_two(tmp_path: Path) -> None:
    """They pass each other, one behind the other for some frames."""
    at = [(40 + 11 * i, 400 - 11 * i) for i in range(32)]
    drawn = [draw([(9, b, 130, 52), (7, a, 110, 52)]) for a, b in at]
    frames = follow(write(tmp_path / "cross.mp4", drawn, options=LOSSLESS), list(range(32)))
    for frame, (a, b) in list(zip(frames, at, strict=True))[:12] + list(zip(frames, at, strict=True))[-10:]:
        near = {f.track: f.box.x for f in frame.faces}
        first = places(frames)[0]
        of_a = next(track for track, box in first if abs(box.x - at[0][0]) < 20)
        of_b = next(track for track, box in first if abs(box.x - at[0][1]) < 20)
        assert abs(near[of_a] - a) < 20
        assert abs(near[of_b] - b) < 20
    assert len({f.track for frame in frames for f in frame.faces}) == 2


def test_a_scene_cut_starts_anew(tmp_path: Path) -> None:
    drawn = [draw([(7, 100, 100, 50)]) for _ in range(10)] + [draw([(9, 110, 105, 52)], scene=5) for _ in range(3)]
    drawn += [draw([], scene=9) for _ in range(6)] + [draw([(3, 300, 40, 40), (4, 60, 200, 60)], scene=11)]
    frames = follow(write(tmp_path / "cuts.mp4", drawn, options=LOSSLESS), list(range(20)))
    assert [sorted(f.track for f in frame.faces) for frame in frames] == [[0]] * 10 + [[1]] * 3 + [[]] * 6 + [[2, 3]]
    assert [frame.status for frame in frames[10:]] == ["ok"] * 3 + ["no-face"] * 6 + ["ok"]
    assert [f.track for f in frames[19].faces] == [2, 3]  # the larger one is told of first
    assert frames[19].faces[0].box.width > frames[19].faces[1].box.width


def test_cuts_are_told_from_moving_cameras() -> None:
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (400, 900)).astype(np.float32), (0, 0), 12)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    looks = [Look(np.ascontiguousarray(wide[20 : 20 + 270, 40 * i : 40 * i + 480])) for i in range(10)]
    assert all(a.same_scene(b) and b.same_scene(a) for a, b in pairwise(looks))
    assert not any(looks[i].same_scene(looks[j]) for i in range(10) for j in range(i + 4, 10))
    dark = [Look((draw([(7, 100, 100, 50)], scene)[..., 0] // 5).astype(np.uint8)) for scene in range(6)]
    assert all(look.same_scene(look) for look in dark)


def test_largest_gives_one_face_of_each_frame(tmp_path: Path) -> None:
    drawn = [draw([(7, 40, 60, 40 + i), (9, 250, 100, 60)]) for i in range(40)]
    path = write(tmp_path / "two.mp4", drawn, options=LOSSLESS)
    everybody = follow(path, list(range(0, 40, 2)))
    largest = follow(path, list(range(0, 40, 2)), largest=True)
    for one, frame in zip(largest, everybody, strict=True):
        assert len(one.faces) == 1
        assert one.faces[0].box.area == max(f.box.area for f in frame.faces)
    assert {f.faces[0].track for f in largest} == {0, 1}


def test_a_gap_is_closed(tmp_path: Path) -> None:
    """Too dim to be seen for three frames: the face is given where it was heading, and said to be not detected."""
    drawn = [draw([(7, 60 + 6 * i, 120, 50)], level=215 if not 14 <= i < 17 else 100) for i in range(32)]
    frames = follow(write(tmp_path / "gap.mp4", drawn, options=LOSSLESS), list(range(32)))
    assert [[f.track for f in frame.faces] for frame in frames] == [[0]] * 32
    assert [frame.faces[0].detected for frame in frames] == [True] * 14 + [False] * 3 + [True] * 15
    for i in range(14, 17):
        assert iou(frames[i].faces[0].box, Box(60 + 6 * i, 120, 50, 50)) > 0.6


def test_one_faint_detection_is_a_false_alarm_but_a_face_that_is_faint_at_times_is_not(tmp_path: Path) -> None:
    flash = [draw([(5, 200, 100, 40)] if i == 9 else [], level=161) for i in range(24)]
    frames = follow(write(tmp_path / "flash.mp4", flash, options=LOSSLESS), list(range(24)))
    assert all(frame.status == "no-face" for frame in frames)
    dim = [draw([(5, 200, 100, 40)], level=215 if i == 9 else 161) for i in range(24)]
    frames = follow(write(tmp_path / "dim.mp4", dim, options=LOSSLESS), list(range(24)))
    assert sum(frame.status == "ok" for frame in frames) >= 20


def test_runs_and_threads_change_nothing_and_groups_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [draw([(7, 60 + 3 * i, 120, 50), (9, 400 - 3 * i, 40, 44)]) for i in range(90)]
    path = write(tmp_path / "long.mp4", drawn, options=LOSSLESS)
    taken = [0]

    def counted(*given: object) -> object:
        for frame in decode_frames(*given):  # type: ignore[arg-type]
            taken[0] += 1
            yield frame

    monkeypatch.setattr(following, "decode_frames", counted)
    frames = []
    for frame in faces_in_video(path, range(90), Bright(), FollowSettings(held=2)):
        frames.append(frame)
        assert taken[0] - len(frames) < 10
    once = follow(path, list(range(90)), held=2)
    twice = follow(path, list(range(90)), held=2, threads=2)
    assert places(frames) == places(once) == places(twice)
    assert {f.track for frame in frames for f in frame.faces} == {0, 1}


def test_frames_that_cannot_be_read_have_a_reason(tmp_path: Path) -> None:
    drawn = [draw([(7, 60 + 3 * i, 120, 50)]) for i in range(40)]
    whole = write(tmp_path / "whole.mp4", drawn, options={"g": "5", "bf": "0"}, muxer={"movflags": "faststart"})
    data = whole.read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(data[: int(len(data) * 0.6)])
    frames = follow(path, list(range(40)))
    assert [frame.index for frame in frames] == list(range(40))
    good = [frame for frame in frames if frame.status == "ok"]
    assert 10 <= len(good) < 40
    for frame in frames:
        assert (frame.status == "unreadable") == bool(frame.reason)
        assert frame.status != "unreadable" or frame.faces == ()


def test_turned_videos_and_cuts_are_upright(tmp_path: Path) -> None:
    drawn = [draw([(7, 60 + 3 * i, 90, 50)]) for i in range(20)]
    path = write(tmp_path / "phone.mp4", drawn, options=LOSSLESS, rotation=90)
    facts = probe(path)
    for frame in follow(path, [2, 9, 17]):
        assert frame.rgb().shape == (facts.height, facts.width, 3) == (WIDTH, HEIGHT, 3)
        box = frame.faces[0].box
        expected = next(read_frames(path, [frame.index])).rgb
        np.testing.assert_array_equal(frame.rgb(), expected)
        cut = frame.cut(box, 50, scale=1.0)
        assert cut.shape == (50, 50, 3)
        assert cut.mean() > 180


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv420p10le", "gray"])
def test_parts_are_converted_as_the_whole_is(tmp_path: Path, pixels: str) -> None:
    rng = np.random.default_rng(2)
    drawn = [rng.integers(0, 256, (722, 1202, 3)).astype(np.uint8) for _ in range(2)]
    codec = {"codec": "ffv1"} if pixels == "gray" else {"options": {"preset": "ultrafast"}}
    for frame in decode_frames(write(tmp_path / "noise.mkv", drawn, pixels=pixels, **codec), [1]):
        whole = frame.rgb()
        assert whole.shape == (722, 1202, 3)
        places = [(0, 0, 50, 50), (1152, 672, 50, 50), (1, 1, 1, 1), *rng.integers(1, 300, (40, 4)).tolist()]
        for x, y, width, height in places:
            np.testing.assert_array_equal(frame.rgb_part(x, y, width, height), whole[y : y + height, x : x + width])
        faces = FrameFaces(frame, ())
        box = Box(300.2, 200.7, 80, 90)
        early = faces.cut(box, 64)
        faces.rgb()
        np.testing.assert_array_equal(early, faces.cut(box, 64))


def test_one_frame_and_none(tmp_path: Path) -> None:
    path = write(tmp_path / "short.mp4", [draw([(7, 60, 120, 50)])] * 5, options=LOSSLESS)
    assert follow(path, []) == []
    assert [len(frame.faces) for frame in follow(path, [3])] == [1]
    assert [len(frame.faces) for frame in follow(path, [0, 4])] == [1, 1]


@pytest.mark.parametrize("name", ["deeperforensics_input.mp4", "face_recognition_short_hamilton_clip.mp4"])
def test_real_faces_are_those_of_a_frame_by_frame_search(shared: Callable[..., Path], name: str) -> None:
    path = shared("videos", name)
    wanted = evenly_spaced(probe(path).frames, 32)
    frames = follow(path, wanted, make_detector("dlib"))
    customary = dlib.get_frontal_face_detector()
    faces = found = 0
    for frame in frames[::3]:
        boxes, _scores, _ = customary.run(frame.rgb(), 1, 0.1)
        for box in boxes:
            true = Box(box.left(), box.top(), box.width(), box.height())
            faces += 1
            found += any(iou(face.box, true) >= 0.5 for face in frame.faces)
    assert faces >= 5
    assert found == faces
