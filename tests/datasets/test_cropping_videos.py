"""Real H.264 videos become crops: rows, regions, resuming, bad files; the same bytes however the work was done."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import av
import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.base.executors import LocalExecutor
from clew.base.ray_executor import RayExecutor
from clew.datasets.cropping import crop_dataset
from clew.datasets.drops import drop_report, dropped, worst_videos
from clew.datasets.store import open_store
from clew.media.videos import evenly_spaced, probe

FRAMES = 4
OPTIONS = {"frames": FRAMES, "size": 64}


def tree_bytes(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def video_store(drawn_videos, tmp_path_factory):
    out = tmp_path_factory.mktemp("video-stores") / "store"
    crop_dataset(drawn_videos, "faceforensics", out, **OPTIONS, executor=LocalExecutor(1))
    return out


def test_every_requested_frame_has_a_row_with_its_video_frame_and_face(video_store, drawn_videos):
    store = open_store(video_store)
    rows = store.index.to_pylist()
    videos = {row["video"] for row in rows}
    assert len(videos) == 30, "000_003 under four methods is four videos"
    for video in videos:
        mine = [row for row in rows if row["video"] == video]
        count = probe(drawn_videos / video).frames
        assert sorted({row["frame"] for row in mine}) == evenly_spaced(count, FRAMES)
        assert {row["bytes"] for row in mine} == {(drawn_videos / video).stat().st_size}
        assert {(row["width"], row["height"]) for row in mine} == {(320, 240)}
    assert len({row["sample"] for row in rows}) == len(rows)
    found = [row for row in rows if row["status"] == "ok"]
    assert len(found) >= 0.95 * len(rows)
    assert all(0 < row["box"][2] < 320 for row in found)
    assert store.protocol == "dlib-v1, 1.3 times the box, 4 frames a video, 64 px"
    assert Counter(row["method"] for row in found).keys() == {
        "real",
        "Deepfakes",
        "Face2Face",
        "FaceSwap",
        "NeuralTextures",
    }


def test_a_fakes_region_is_cut_as_its_crop_is(video_store):
    store = open_store(video_store)
    for row in store.index.to_pylist():
        if row["status"] != "ok":
            continue
        assert row["region"] == (row["label"] == 1)
        share = store.region(row["crop"]).mean()
        assert (0.02 < share < 0.8) if row["label"] else share == 0
    fakes = {
        (r["source"].rsplit("/", 1)[1][:3], r["method"], r["frame"]): r["crop"]
        for r in store.index.to_pylist()
        if r["status"] == "ok"
    }
    outside, inside = [], []
    for (name, method, frame), crop in fakes.items():
        real = fakes.get((name, "real", frame))
        if method == "real" or real is None:
            continue
        change = np.abs(store.crop(crop).astype(int) - store.crop(real)).mean(2)
        region = store.region(crop)
        inside.append(change[region].mean())
        outside.append(change[~region].mean())
    assert np.median(inside) > 3 * np.median(outside)


@pytest.mark.parametrize("executor", [LocalExecutor(2), RayExecutor(workers=2)], ids=["two-processes", "ray"])
def test_the_same_bytes_however_the_work_is_shared_out(drawn_videos, video_store, tmp_path, executor):
    if isinstance(executor, RayExecutor):
        pytest.importorskip("ray", reason="needs Ray: pip install 'clew[ray]'")
    out = tmp_path / "store"
    crop_dataset(drawn_videos, "faceforensics", out, **OPTIONS, executor=executor)
    assert tree_bytes(out) == tree_bytes(video_store)


SCRIPT = """
import sys
from clew.base.executors import LocalExecutor
from clew.datasets.cropping import crop_dataset
crop_dataset(sys.argv[1], "faceforensics", sys.argv[2], frames=4, size=64, executor=LocalExecutor(2))
"""


def test_killed_again_and_again_it_ends_in_the_same_bytes(drawn_videos, video_store, tmp_path):
    script, out = tmp_path / "crop.py", tmp_path / "store"
    script.write_text(SCRIPT)
    chance = random.Random(5)
    for enough in (0, 3, 11, 27):
        process = subprocess.Popen([sys.executable, str(script), str(drawn_videos), str(out)])
        while process.poll() is None and len(list(out.glob("parts/*.parquet"))) < enough:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (out / "store.json").exists() or tree_bytes(out) == tree_bytes(video_store)
        time.sleep(0.6)  # its workers notice and end
    subprocess.run([sys.executable, str(script), str(drawn_videos), str(out)], check=True)
    assert tree_bytes(out) == tree_bytes(video_store)


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))\n" + SCRIPT


def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(drawn_videos, video_store, tmp_path):
    """A limit on the size of files refuses bytes in the middle of a write, as a full disk does."""
    script, out = tmp_path / "crop.py", tmp_path / "store"
    script.write_text(LIMITED)
    done = subprocess.run([sys.executable, str(script), str(drawn_videos), str(out)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "ClewError" in done.stderr
    assert "the disk is full" in done.stderr
    with pytest.raises(ClewError, match="not a finished crop store"):
        open_store(out)
    crop_dataset(drawn_videos, "faceforensics", out, **OPTIONS)
    assert tree_bytes(out) == tree_bytes(video_store)


def write_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


@pytest.fixture
def damaged(drawn_videos, tmp_path):
    """A folder of videos, half of them damaged, with names that break careless programs."""
    root = tmp_path / "damaged"
    good = sorted((drawn_videos / "original_sequences").rglob("*.mp4"))
    fake = sorted((drawn_videos / "manipulated_sequences/Deepfakes/c23").rglob("*.mp4"))
    for part, number in (("train", 0), ("val", 1), ("test", 2)):
        for name, source in (("real", good[number]), ("fake", fake[number])):
            (root / part / name).mkdir(parents=True)
            shutil.copy(source, root / part / name / "видео \n 视频 'x'.mp4")
    bad = root / "train/real"
    (bad / "truncated.mp4").write_bytes(good[0].read_bytes()[:-2000])
    (bad / "half.mp4").write_bytes(good[0].read_bytes()[: good[0].stat().st_size // 2])
    (bad / "empty.mp4").touch()
    (bad / "text.mp4").write_text("no video at all\n" * 100)
    write_sound(bad / "sound.mp4")
    return root


def test_each_bad_video_is_a_row_with_its_reason_and_the_rest_goes_on(damaged, tmp_path):
    store = crop_dataset(damaged, "folder", tmp_path / "store", **OPTIONS)
    lost = {row["sample"]: row for row in dropped(store)}
    for name in ("empty", "text", "sound"):
        row = lost[f"train/real/{name}.mp4"]
        assert row["status"] == "unreadable"
        assert row["detail"].startswith(f"train/real/{name}.mp4")
    assert "video" in lost["train/real/sound.mp4"]["detail"]
    for name in ("truncated", "half"):
        rows = [row for row in store.index.to_pylist() if row["source"] == f"train/real/{name}.mp4"]
        assert rows
        assert all(row["detail"].startswith(f"train/real/{name}.mp4") for row in rows), "none is a crop without a word"
        assert all(row["status"] == "unreadable" or "is damaged" in row["detail"] for row in rows)
    good = [row for row in store.index.to_pylist() if "видео" in row["source"]]
    assert len(good) == 6 * FRAMES
    assert {row["status"] for row in good} == {"ok"}
    report = drop_report(store)
    assert [(row["label"], row["method"]) for row in report] == [(0, "real"), (1, "fake")]
    assert report[0]["asked"] == report[0]["kept"] + sum(report[0]["lost"].values())
    assert worst_videos(store)[0]["lost"] == worst_videos(store)[0]["asked"]


def test_whole_frames_when_no_detector_is_asked_for(drawn_videos, tmp_path):
    store = crop_dataset(drawn_videos, "faceforensics", tmp_path / "s", faces="none", methods=["FaceSwap"], **OPTIONS)
    rows = store.index.to_pylist()
    assert {row["method"] for row in rows} == {"real", "FaceSwap"}
    assert {row["status"] for row in rows} == {"ok"}
    assert len(rows) == 12 * FRAMES
    assert store.protocol == "as-given-v1, 4 frames a video, 64 px"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_a_row(damaged, tmp_path):
    path = damaged / "train/real/empty.mp4"
    path.chmod(0)
    store = crop_dataset(damaged, "folder", tmp_path / "store", **OPTIONS)
    assert "Permission" in {row["sample"]: row["detail"] for row in dropped(store)}["train/real/empty.mp4"]


def test_settings_that_cannot_be_meant_are_refused(drawn_videos, tmp_path):
    for options, why in (
        ({"faces": "dlbi"}, "unknown face detector 'dlbi'"),
        ({"people": "some"}, "--people some: expected all or largest"),
        ({"frames": 0}, "--frames 0"),
        ({"scale": 0.5}, "--scale 0.5"),
        ({"size": 8}, "--size 8"),
        ({"splits": "mine"}, "--splits mine: expected official or drawn"),
        ({"compression": ["c40"]}, "--compression c40: .* has no such files; there: c23"),
        ({"methods": ["Deepfake"]}, "--methods Deepfake: .* there: Deepfakes, Face2Face, FaceSwap, NeuralTextures"),
    ):
        with pytest.raises(ClewError, match=why):
            crop_dataset(drawn_videos, "faceforensics", tmp_path / "store", **options)
        assert not (tmp_path / "store").exists()
