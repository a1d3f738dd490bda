"""Videos: the frames asked for are the very frames that decoding everything gives, and bad files are named."""

from __future__ import annotations

import itertools
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from small_videos import number_of, numbered, write, write_numbered, write_sound

from clew.base.errors import ClewError
from clew.media.videos import evenly_spaced, is_video, probe, read_frames

X264 = {"g": "12", "bf": "3", "sc_threshold": "0"}
KINDS = {
    "b-frames.mp4": {"options": X264},
    "one-gop.mp4": {"options": {"bf": "3", "g": "250"}},
    "no-b-frames.mp4": {"options": {"bf": "0", "g": "10"}},
    "open-gop.mp4": {"options": {"x264-params": "open-gop=1:keyint=12:bframes=4:b-adapt=0:scenecut=0"}},
    "intra-refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}},
    "pyramid.mkv": {"options": {"x264-params": "b-pyramid=normal:bframes=8:b-adapt=0:keyint=20:scenecut=0"}},
    "annexb.ts": {"options": X264},
    "h264.avi": {"options": X264},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2", "g": "12"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2", "g": "12"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=12:bframes=3:open-gop=1"}},
    "vp8.webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "400k"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"lag-in-frames": "16", "b": "400k", "cpu-used": "8"}},
    "ten-bit.mp4": {"options": X264, "pixels": "yuv420p10le"},
    "full-chroma.mp4": {"options": X264, "pixels": "yuv444p"},
}


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 60 numbered frames in one of many ways to encode and contain them."""
    how = KINDS[request.param]
    return write_numbered(tmp_path_factory.mktemp("kinds") / request.param, **how)


def everything(path: Path) -> list[np.ndarray]:
    """All frames, as the plainest use of the decoder gives them."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("wanted", [[0], [59], [3, 4, 5, 31, 58], list(range(60)), evenly_spaced(60, 7)])
def test_frames_are_exact(kind: Path, wanted: list[int]) -> None:
    frames = everything(kind)
    assert len(frames) == probe(kind).frames == 60
    got = list(read_frames(kind, wanted))
    assert [frame.index for frame in got] == wanted
    for frame in got:
        assert frame.rgb is not None, frame.reason
        assert number_of(frame.rgb) == frame.index
        np.testing.assert_array_equal(frame.rgb, frames[frame.index])
        assert frame.time_s == pytest.approx(frame.index / 25, abs=2e-3)


def test_threads_and_order_change_nothing(kind: Path) -> None:
    one = list(read_frames(kind, [40, 2, 2, 17]))
    two = list(read_frames(kind, [2, 17, 40], threads=2))
    assert [f.index for f in one] == [f.index for f in two] == [2, 17, 40]
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.rgb, b.rgb)


def test_variable_frame_rate_counts_frames_not_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.integers(10, 400, 50)).tolist()
    path = write_numbered(tmp_path / "vfr.mkv", 50, times=times, options=X264)
    got = list(read_frames(path, range(50)))
    assert [number_of(f.rgb) for f in got] == list(range(50))
    np.testing.assert_allclose([f.time_s for f in got], (np.array(times) - times[0]) / 1000, atol=2e-3)
    assert probe(path).frames == 50


def test_start_time_counts_from_the_first_frame(tmp_path: Path) -> None:
    times = [5000 + 40 * i for i in range(30)]
    path = write_numbered(tmp_path / "late.mp4", 30, times=times, options=X264)
    got = list(read_frames(path, [0, 10, 29]))
    assert [number_of(f.rgb) for f in got] == [0, 10, 29]
    assert [round(f.time_s, 3) for f in got] == [0, 0.4, 1.16]


def test_edit_list_hides_frames(tmp_path: Path) -> None:
    """Frames before time 0 are cut off by an edit list; players and decoders do not count them."""
    times = [40 * (i - 7) for i in range(40)]
    path = write_numbered(
        tmp_path / "edited.mp4", 40, times=times, options=X264, muxer={"avoid_negative_ts": "disabled"}
    )
    shown = [number_of(frame) for frame in everything(path)]
    assert len(shown) < 40
    assert shown[-1] == 39
    assert probe(path).frames == len(shown)
    assert [number_of(f.rgb) for f in read_frames(path, range(len(shown)))] == shown


def test_opencv_counts_the_same_way(shared) -> None:
    path = shared("videos", "deeperforensics_input.mp4")
    facts = probe(path)
    assert (facts.width, facts.height, facts.frames, facts.codec) == (640, 480, 396, "h264")
    wanted = evenly_spaced(facts.frames, 9)
    got = {frame.index: frame.rgb for frame in read_frames(path, wanted)}
    capture, index = cv2.VideoCapture(str(path)), 0
    while True:
        ok, bgr = capture.read()
        if not ok:
            break
        if index in got:
            np.testing.assert_array_equal(got[index], cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
        index += 1
    assert index == facts.frames


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotation_is_applied_as_players_do(tmp_path: Path, rotation: int) -> None:
    picture = np.full((96, 128, 3), 30, np.uint8)
    picture[:40, :50] = (220, 40, 40)  # red, in the upper left corner of what is stored
    path = write(tmp_path / "phone.mp4", [picture] * 8, rotation=rotation)
    facts = probe(path)
    frame = next(read_frames(path, [3]))
    assert frame.rgb is not None
    assert frame.rgb.shape[:2] == (facts.height, facts.width)
    assert (facts.width, facts.height) == ((96, 128) if rotation in (90, -90) else (128, 96))
    ok, bgr = cv2.VideoCapture(str(path)).read()  # OpenCV turns frames by itself
    assert ok
    expected = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    assert expected.shape == frame.rgb.shape
    np.testing.assert_allclose(expected.astype(int), frame.rgb.astype(int), atol=12)
    assert facts.rotation in {0: (0,), 90: (90, 270), 180: (180,), -90: (90, 270)}[rotation]


def test_evenly_spaced_covers_the_whole_video() -> None:
    for count in (1, 2, 31, 32, 33, 63, 64, 65, 100, 300, 301, 10_000, 1_000_003):
        for wanted in (1, 2, 7, 32, 110):
            found = evenly_spaced(count, wanted)
            assert len(found) == min(count, wanted)
            assert all(a < b for a, b in itertools.pairwise(found))
            if count <= wanted:
                assert found == list(range(count))
                continue
            steps = np.diff(found)
            assert found[0] <= count / wanted
            assert found[-1] >= count - 1 - count / wanted
            assert not len(steps) or steps.max() - steps.min() <= 1
    assert evenly_spaced(300, 32) != list(range(32))
    assert evenly_spaced(0, 32) == []


def test_evenly_spaced_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="wanted"):
        evenly_spaced(10, 0)


def test_names_of_videos() -> None:
    yes = ["a.mp4", "b.AVI", "c.mov", "d.mkv", "e.webm", "f.m4v", "g.mpg"]
    assert all(is_video(Path(name)) for name in yes)
    assert not any(is_video(Path(name)) for name in ["a.jpg", "mp4", "a.mp4.txt", "._a.mp4", "a"])


def cut(path: Path, to: Path, share: float) -> Path:
    data = path.read_bytes()
    to.write_bytes(data[: int(len(data) * share)])
    return to


def test_data_that_end_half_way_give_what_is_there_and_name_what_is_not(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mp4", options=X264, muxer={"movflags": "faststart"})
    path = cut(whole, tmp_path / "half.mp4", 0.5)
    facts = probe(path)
    assert 5 < facts.frames < 55
    assert facts.damage
    got = list(read_frames(path, range(60)))
    assert [f.index for f in got] == list(range(60))
    there = [f for f in got if f.rgb is not None]
    assert [number_of(f.rgb) for f in there] == [f.index for f in there]
    assert len(there) >= facts.frames - 4
    assert all(f.reason and np.isnan(f.time_s) for f in got if f.rgb is None)
    assert probe(whole).damage == ""


def test_a_hole_in_the_data_is_no_other_frame(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mp4", options={"g": "10", "bf": "0"})
    data = bytearray(whole.read_bytes())
    start = data.index(b"mdat")
    data[start + 20000 : start + 23000] = bytes(3000)
    path = tmp_path / "hole.mp4"
    path.write_bytes(data)
    got = list(read_frames(path, range(60)))
    assert [f.index for f in got] == list(range(60))
    assert sum(f.rgb is not None and number_of(f.rgb) == f.index for f in got) >= 35


def bomb(path: Path, side: int) -> Path:
    """A good file of pictures in PNG, the first of which claims to be `side` x `side` pixels."""
    data = bytearray(write_numbered(path, 3, codec="png", pixels="rgb24").read_bytes())
    at = data.index(b"IHDR")
    data[at + 4 : at + 12] = struct.pack(">II", side, side)
    data[at + 17 : at + 21] = struct.pack(">I", zlib.crc32(data[at : at + 17]))
    path.write_bytes(data)
    return path


def test_bad_files_are_one_clear_error(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mp4", 20)
    text = tmp_path / "text.mp4"
    text.write_text("no video at all\n" * 100)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:10,\nfile://{whole}\n")
    others = tmp_path / "concat.mp4"
    others.write_text("ffconcat version 1.0\nfile whole.mp4\n")
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    bad = [text, empty, playlist, others, folder, tmp_path / "missing.mp4"]
    bad += [cut(whole, tmp_path / "no-moov.mp4", 0.5), write_sound(tmp_path / "sound.mp4")]
    for path in bad:
        for act in (probe, lambda p: list(read_frames(p, [0]))):
            with pytest.raises(ClewError, match=path.name) as caught:
                act(path)
            assert "\n" not in str(caught.value)


def test_a_huge_claimed_size_is_refused(tmp_path: Path) -> None:
    """No memory is set aside for what a picture in the video claims; the frames around it are given."""
    assert [f.rgb is None for f in read_frames(bomb(tmp_path / "fair.mov", 96), range(3))] == [False, False, False]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = bomb(tmp_path / "bomb.mov", 15000)
    assert [f.rgb is None for f in read_frames(path, range(3))] == [True, False, False]
    assert probe(path).frames == 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_frames_beyond_the_end_and_before_the_start(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "short.mp4", 10)
    got = list(read_frames(path, [8, 10, 500]))
    assert [f.rgb is None for f in got] == [False, True, True]
    assert "10 frames" in got[1].reason
    with pytest.raises(ClewError, match="counted from 0"):
        list(read_frames(path, [-1]))
    assert list(read_frames(path, [])) == []


def test_only_what_is_needed_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of pictures without a wanted frame are passed over, and nothing after the last one is decoded."""
    from clew.media import decoding

    path = write_numbered(tmp_path / "groups.mp4", 120, options={"g": "10", "bf": "0", "sc_threshold": "0"})
    sent: list[object] = []
    decoded = decoding._decoded
    monkeypatch.setattr(decoding, "_decoded", lambda stream, packet: sent.append(packet) or decoded(stream, packet))
    assert [number_of(f.rgb) for f in read_frames(path, [5, 93])] == [5, 93]
    assert sum(packet is not None for packet in sent) == 6 + 4


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    path = write(
        tmp_path / "long.mp4", [numbered(i % 200, 640, 480) for i in range(20)] * 25, options={"preset": "ultrafast"}
    )
    code = (
        "import resource, sys; from pathlib import Path; from clew.media.videos import read_frames\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "path = Path(sys.argv[1])\n"
        "for _ in read_frames(path, range(40)): pass\n"
        "early = peak()\n"
        "for _ in read_frames(path, range(500)): pass\n"
        "print(peak() - early)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    kilobytes = int(done.stdout) * (1 if sys.platform != "darwin" else 1 / 1024)
    assert kilobytes < 40_000  # 460 more frames of 0.9 MB would be 400 MB
