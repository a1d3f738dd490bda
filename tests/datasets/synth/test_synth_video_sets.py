"""A set of videos from end to end: files, lists, truth, resuming, the same bytes from any number of workers."""

import json
import shutil
from contextlib import contextmanager

import av
import numpy as np
import pytest
from drawn_videos import SET, VideoSet, changed, contents, luma

from clew.base.errors import ClewError
from clew.datasets.synth.produce import STARTED, write_videos
from clew.datasets.synth.truth import read_truth

LAYOUT = "faceforensics"
LEVELS = ("raw", "c40")


@pytest.fixture(scope="module")
def ff(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos") / "set"
    return VideoSet(root, write_videos(root, LAYOUT, **SET, seed=5, compression=LEVELS, workers=1))


@pytest.fixture
def copy(ff, tmp_path):
    return shutil.copytree(ff.root, tmp_path / "copy")


def again(root, **changes):
    return write_videos(root, LAYOUT, **{**SET, "seed": 5, "compression": LEVELS, "workers": 1, **changes})


def test_every_video_has_a_row_and_every_row_a_video(ff):
    rows = read_truth(ff.root)
    videos = {p.relative_to(ff.root).as_posix() for p in ff.root.rglob("*.mp4")}
    assert {row.path for row in rows} | {row.region for row in rows if row.region} == videos
    assert len({row.path for row in rows}) == len(rows) == 6 * 5 * len(LEVELS)
    assert not (ff.root / STARTED).exists()


def test_files_lie_where_the_official_set_has_them(ff):
    names = {p.relative_to(ff.root).as_posix() for p in ff.root.rglob("*.mp4")}
    a, b = json.loads((ff.root / "train.json").read_text())[0]
    assert f"original_sequences/youtube/c40/videos/{a}.mp4" in names
    for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"):
        for target, source in ((a, b), (b, a)):
            assert f"manipulated_sequences/{method}/raw/videos/{target}_{source}.mp4" in names
            assert f"manipulated_sequences/{method}/masks/videos/{target}_{source}.mp4" in names


def test_splits_are_lists_of_pairs_that_part_the_ids(ff):
    lists = {split: json.loads((ff.root / f"{split}.json").read_text()) for split in ("train", "val", "test")}
    ids = [name for pairs in lists.values() for pair in pairs for name in pair]
    assert sorted(ids) == [f"{k:03d}" for k in range(6)]
    assert all(len(pair) == 2 for pairs in lists.values() for pair in pairs)
    split_of = {name: split for split, pairs in lists.items() for pair in pairs for name in pair}
    for row in read_truth(ff.root):
        assert {split_of[group] for group in row.groups} == {row.split}
        assert row.path.rsplit("/", 1)[1] == "_".join(row.groups) + ".mp4"
        assert row.cluster == min(next(p for ps in lists.values() for p in ps if row.groups[0] in p))
        assert (row.label == 0) == (row.method == "real") == (row.region == "")


def test_outside_the_region_lossless_fakes_are_the_lossless_reals(ff):
    rows = [row for row in read_truth(ff.root) if row.compression == "raw"]
    real = {row.groups[0]: (ff.root / row.path).read_bytes() for row in rows if row.label == 0}
    for row in rows[:: len(rows) // 6]:
        if row.label:
            region = luma((ff.root / row.region).read_bytes()) > 127
            off = changed(real[row.groups[0]], (ff.root / row.path).read_bytes())
            assert not (off & ~region).any()
            assert off[region].mean() > 0.8


def test_the_container_does_not_tell_the_label(ff):
    facts = {}
    for row in read_truth(ff.root):
        with av.open(str(ff.root / row.path)) as container:
            stream = container.streams.video[0]
            fact = (stream.codec_context.name, stream.width, stream.height, stream.frames, stream.average_rate)
            key = (row.groups[0], row.compression)
            assert facts.setdefault(key, (fact, stream.codec_context.profile)) == (fact, stream.codec_context.profile)
    assert len({fact[3] for fact, _ in facts.values()}) > 1  # durations vary


def test_coarser_compression_makes_smaller_files(ff):
    sizes = {}
    for row in read_truth(ff.root):
        sizes.setdefault(row.compression, []).append((ff.root / row.path).stat().st_size)
    assert 10 * np.mean(sizes["c40"]) < np.mean(sizes["raw"])


def test_two_workers_write_the_same_bytes_as_one(ff, tmp_path):
    again(tmp_path / "set", workers=2)
    assert contents(tmp_path / "set") == contents(ff.root)


def test_a_finished_set_is_left_alone(ff):
    before = {p: p.stat().st_mtime_ns for p in ff.root.rglob("*")}
    assert again(ff.root) == ff.summary
    assert {p: p.stat().st_mtime_ns for p in ff.root.rglob("*")} == before


class Interrupt:
    """Progress that interrupts the work after a few files."""

    def __init__(self, after):
        self.left = after

    @contextmanager
    def task(self, description, total):
        yield self

    def say(self, text):
        pass

    def advance(self, steps=1, note=None):
        self.left -= steps
        if self.left < 0:
            raise KeyboardInterrupt


def test_an_interrupted_set_is_completed_to_the_same_bytes(ff, tmp_path):
    root = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        again(root, progress=Interrupt(20))
    assert (root / STARTED).exists()
    assert not (root / "synth.json").exists()
    done = {p: p.stat().st_mtime_ns for p in root.rglob("*.mp4")}
    assert 0 < len(done) < len(list(ff.root.rglob("*.mp4")))
    victim = sorted(done)[0]
    victim.unlink()
    (victim.parent / ".partial-0123456789ab-000.mp4").write_bytes(b"half")
    again(root)
    assert contents(root) == contents(ff.root)
    assert all(p.stat().st_mtime_ns == time for p, time in done.items() if p != victim)


def test_an_unfinished_set_with_other_settings_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        again(tmp_path / "set", progress=Interrupt(-1))
    with pytest.raises(ClewError, match=r"unfinished set with other settings \(seed\)"):
        again(tmp_path / "set", seed=6)


@pytest.mark.parametrize(
    ("change", "word"), [({"seed": 6}, "seed"), ({"videos": 8}, "videos"), ({"compression": ("c23",)}, "compression")]
)
def test_a_finished_set_with_other_settings_is_refused_and_untouched(ff, change, word):
    before = contents(ff.root)
    with pytest.raises(ClewError, match=rf"other settings \(.*{word}"):
        again(ff.root, **change)
    assert contents(ff.root) == before


def test_a_set_of_another_kind_is_refused(copy):
    with pytest.raises(ClewError, match=r"other settings \(layout"):
        write_videos(copy, "folder", **SET, seed=5)


def test_foreign_files_are_refused_and_untouched(tmp_path):
    (tmp_path / "holiday.mp4").write_bytes(b"mine")
    with pytest.raises(ClewError, match=r"holiday\.mp4"):
        again(tmp_path)
    assert contents(tmp_path) == {"holiday.mp4": b"mine"}


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(ClewError, match="is a file"):
        again(tmp_path / "out")


def test_an_unreadable_truth_is_one_clear_error(tmp_path):
    with pytest.raises(ClewError, match=r"truth\.csv cannot be read"):
        read_truth(tmp_path)
    (tmp_path / "truth.csv").write_text("path,label\na,1\n")
    with pytest.raises(ClewError, match=r"truth\.csv has the columns path, label"):
        read_truth(tmp_path)
