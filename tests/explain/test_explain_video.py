"""One video through a ticket: faces followed as for a store, their probabilities, raw heatmaps, and one scale for all."""

import json
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.datasets.crop_videos import crop_video
from clew.datasets.items import VIDEO, Item
from clew.datasets.protocol import Protocol
from clew.datasets.recipe import Recipe
from clew.datasets.rows import Entry
from clew.datasets.synth.encode import encode_video
from clew.datasets.synth.pictures import draw_portrait
from clew.explain import footage, video
from clew.explain.faces import Crop, Cutting
from clew.explain.facial_parts import PARTS, canonical_parts
from clew.explain.footage import Shot, footage_of
from clew.explain.heatmaps import upsampled
from clew.explain.observer import png_bytes
from clew.explain.picture import explain_picture
from clew.explain.sheet import SIDE, Cell, clock, place_of, sheet
from clew.explain.video import explain_video
from clew.media.faces.base import Box
from clew.media.overlay import overlaid, shown
from clew.media.pictures import read_picture, square
from clew.media.videos import evenly_spaced, read_frames
from clew.tickets.ticket import load_ticket
from method_stores import forged_ladder
from noise import noise_picture

COUNT, FRAMES = 9, 5
CUTTING = Cutting("dlib", 1.3, "as asked for")


@pytest.fixture(scope="module")
def ticket(tmp_path_factory):
    return forged_ladder(tmp_path_factory).path / "tickets" / "imp-s0-50.safetensors"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Two people who move towards each other, in nine frames at 25 a second; read only."""
    people = [draw_portrait(3, person, 0, "real", 128).picture for person in (0, 1)]
    pictures = []
    for at in range(COUNT):
        pictures.append(np.full((176, 360, 3), 120, np.uint8))
        pictures[-1][20:148, 10 + 2 * at : 138 + 2 * at] = people[0]
        pictures[-1][40:136, 230 - 2 * at : 326 - 2 * at] = resize(people[1], 96)
    path = tmp_path_factory.mktemp("clips") / "two.mp4"
    path.write_bytes(encode_video(pictures, 25, "raw"))
    return path


@pytest.fixture
def noise(tmp_path):
    """Nine frames of noise, in which no face is."""
    rng = np.random.default_rng(5)
    path = tmp_path / "noise.mp4"
    path.write_bytes(encode_video([noise_picture(rng, True, 48) for _ in range(COUNT)], 25, "raw"))
    return path


@pytest.fixture(scope="module")
def followed(ticket, clip, tmp_path_factory):
    """The folder of the clip's explanation, and what was found; read only."""
    out = tmp_path_factory.mktemp("followed")
    return out, explain_video(ticket, clip, out, faces="dlib", frames=FRAMES)


def test_two_people_are_two_tracks_through_the_sampled_frames(followed, clip):
    out, found = followed
    assert [track["track"] for track in found["tracks"]] == [1, 2]
    sampled = evenly_spaced(COUNT, FRAMES)
    for track in found["tracks"]:
        assert [frame["frame"] for frame in track["frames"]] == found["footage"]["sampled"] == sampled
        assert [frame["time_s"] for frame in track["frames"]] == pytest.approx([at / 25 for at in sampled])
        assert all(frame["detected"] and 50 < frame["box"][2] < 120 for frame in track["frames"])
        assert np.load(out / track["heatmaps"]).shape == (FRAMES, *found["heatmaps"]["side"])
    lefts = [[frame["box"][0] for frame in track["frames"]] for track in found["tracks"]]
    assert lefts[0][-1] > lefts[0][0] + 4
    assert lefts[1][-1] < lefts[1][0] - 4
    assert min(lefts[1]) > 100 + max(lefts[0])
    assert json.loads((out / "explanation.json").read_text()) == json.loads(json.dumps(found))
    assert found["headline"].startswith("two.mp4: 2 faces, ")
    assert (found["footage"]["frames"], found["footage"]["width"], found["video"]) == (COUNT, 360, str(clip))


def test_crops_are_the_stores_and_heatmaps_those_of_the_picture(followed, ticket, clip, tmp_path):
    out, found = followed
    recipe = Recipe(clip.parent, Protocol("dlib", size=32, frames=FRAMES, scale=1.3), "dlib")
    cropped = list(crop_video(recipe, Entry(Item(clip.name, 0, "real", kind=VIDEO), "", "test"), lambda: None))
    stored = {(one.row["track"] + 1, one.row["frame"]): one for one in cropped}
    assert len(stored) == 2 * FRAMES
    for track in found["tracks"]:
        raw = np.load(out / track["heatmaps"])
        assert raw.dtype == np.float32
        drawn = read_picture(out / track["sheet"])
        for at, frame in enumerate(track["frames"]):
            row, crop = stored[track["track"], frame["frame"]].row, stored[track["track"], frame["frame"]].crop
            assert (frame["box"], frame["time_s"]) == (row["box"], row["time_s"])
            x, y = place_of(at, FRAMES)
            assert np.array_equal(drawn[y : y + SIDE, x : x + SIDE], shown(crop, side=SIDE))
            (tmp_path / "crop.png").write_bytes(png_bytes(crop))
            alone = explain_picture(ticket, tmp_path / "crop.png", tmp_path / "alone", faces="none")
            (face,) = alone["faces"]
            assert np.allclose(raw[at], np.load(tmp_path / "alone" / face["heatmap"]), rtol=1e-4, atol=1e-7)
            assert face["probability"] == pytest.approx(frame["probability"], abs=1e-6)
            assert face["peak"] == pytest.approx(frame["peak"], rel=1e-4)
            assert alone["ticket"] == found["ticket"]


def test_all_tracks_are_drawn_on_one_scale(followed):
    out, found = followed
    scale = found["heatmaps"]["scale"]
    assert scale == max(float(np.load(out / track["heatmaps"]).max()) for track in found["tracks"]) > 0
    assert len({max(frame["peak"] for frame in track["frames"]) for track in found["tracks"]}) == 2
    for track in found["tracks"]:
        raw, drawn = np.load(out / track["heatmaps"]), read_picture(out / track["sheet"])
        for at, frame in enumerate(track["frames"]):
            x, y = place_of(at, FRAMES)
            grey = drawn[y : y + SIDE, x : x + SIDE]  # the crop at the size of the sheet
            assert np.array_equal(
                drawn[y + SIDE : y + 2 * SIDE, x : x + SIDE], overlaid(grey, raw[at], scale, side=SIDE)
            )
            assert frame["peak"] == raw[at].max()


class Steps:
    """A progress that counts."""

    def __init__(self):
        self.tasks = {}

    @contextmanager
    def task(self, description, total):
        self.tasks[description] = [0, total]
        yield self
        self.tasks[description] = tuple(self.tasks[description])

    def advance(self, steps=1, note=None):
        next(one for one in self.tasks.values() if isinstance(one, list))[0] += steps


def test_two_runs_give_the_same_bytes_and_leave_nothing_of_another(followed, ticket, clip, tmp_path):
    out, found = followed
    again = tmp_path / "again"
    again.mkdir()
    for name in ("two-7-heatmaps.npy", "two-7-sheet.png", "two-b-7-sheet.png", "notes.txt"):
        (again / name).write_text("of another time")
    steps = Steps()
    assert explain_video(ticket, clip, again, faces="dlib", frames=FRAMES, progress=steps) == found
    assert steps.tasks == {"reading the video": (0, None), "following faces": (5, 5), "heatmaps": (10, 10)}
    kept = {path.name: path.read_bytes() for path in again.iterdir()}
    assert {kept.pop(name) for name in ("two-b-7-sheet.png", "notes.txt")} == {b"of another time"}
    assert kept == {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_track_is_told_by_its_means_and_extremes():
    """The share of the heat is the mean over the frames that have any."""
    crop = Crop(Box(1, 2, 3, 4), np.zeros((32, 32, 3), np.uint8))
    shots = [Shot(1, frame, frame / 10, crop) for frame in (3, 6, 9)]
    maps = np.zeros((3, 4, 4), np.float32)
    maps[0], maps[2, 0, 0] = 1.0, 5.0
    told = video._track(shots, np.array([0.5, 0.9, 0.25]), maps, CUTTING)
    assert told["probability"] == pytest.approx(0.55)
    assert told["fake"] is True
    assert told["most_suspicious"] == {"frame": 6, "time_s": 0.6, "probability": 0.9}
    assert told["least_suspicious"] == {"frame": 9, "time_s": 0.9, "probability": 0.25}
    assert [frame["fake"] for frame in told["frames"]] == [True, True, False]
    assert [frame["empty"] for frame in told["frames"]] == [False, True, False]
    assert [frame["peak"] for frame in told["frames"]] == [1.0, 0.0, 5.0]
    assert told["with_heat"] == 2
    masks = canonical_parts(32, 1.3)
    corner = upsampled(torch.from_numpy(maps[2:]), 32)[0].numpy().astype(np.float64)
    for number, part in enumerate(PARTS):
        shares = [masks[number].mean(), corner[masks[number]].sum() / corner.sum()]
        assert told["parts"][part] == pytest.approx(np.mean(shares), abs=1e-6)
    cold = video._track(shots, np.array([0.5, 0.9, 0.2]), maps * 0, CUTTING)
    assert (cold["parts"], cold["with_heat"]) == (None, 0)


def test_whole_frames_are_crops_of_one_track(ticket, noise, tmp_path, monkeypatch):
    found = explain_video(ticket, noise, tmp_path / "out", frames=3)
    (track,) = found["tracks"]
    assert (found["cropping"]["faces"], found["heatmaps"]["target"]) == ("none", "the class 'fake'")
    assert "each frame is taken as one" in found["cropping"]["reason"]
    crops = [square(frame.rgb, 32) for frame in read_frames(noise, [1, 4, 7])]
    assert [frame["probability"] for frame in track["frames"]] == pytest.approx(
        load_ticket(ticket).predict(np.stack(crops)).tolist(), abs=1e-6
    )
    assert [(frame["frame"], frame["box"]) for frame in track["frames"]] == [(1, None), (4, None), (7, None)]
    assert "its frames, taken as face crops" in found["headline"]
    monkeypatch.setattr(video, "BATCH", 2)  # batches change nothing but the last bits
    fewer = explain_video(ticket, noise, tmp_path / "fewer", frames=3)
    assert fewer["tracks"][0]["probability"] == pytest.approx(track["probability"], abs=1e-6)
    maps = [np.load(tmp_path / name / track["heatmaps"]) for name in ("out", "fewer")]
    assert np.allclose(*maps, rtol=1e-4, atol=1e-7)
    most = explain_video(ticket, noise, tmp_path / "most", frames=128)
    assert [frame["frame"] for frame in most["tracks"][0]["frames"]] == list(range(COUNT))


def test_the_largest_faces_of_a_frame_are_kept(ticket, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(footage, "MOST", 1)
    found = explain_video(ticket, clip, tmp_path, faces="dlib", frames=1)
    assert (len(found["tracks"]), found["footage"]["left_out"]) == (1, 1)
    assert found["tracks"][0]["frames"][0]["box"][0] < 100  # the person at the left is nearer
    assert found["tracks"][0]["frames"][0]["frame"] == COUNT // 2


def test_of_the_frames_only_the_crops_are_held(clip):
    found = footage_of(clip, 176, 2, Cutting("none", 1.3, ""), None, Steps())  # as large as the frame's square
    assert all(shot.crop.crop.base is None for shot in found.shots)


def test_what_cannot_be_explained_is_told_and_nothing_written(ticket, clip, noise, tmp_path):
    out, whole = tmp_path / "out", clip.read_bytes()
    for name, content in (("empty.mp4", b""), ("cut.mp4", whole[: len(whole) // 2]), ("text.mp4", b"no video" * 99)):
        (tmp_path / name).write_bytes(content)
    for name, why in (
        ("empty.mp4", "empty.mp4 is empty"),
        ("cut.mp4", "cut.mp4 is not a video that can be read"),
        ("text.mp4", "text.mp4 is not a video that can be read"),
        ("none.mp4", "none.mp4 cannot be read"),
    ):
        with pytest.raises(ClewError, match=why):
            explain_video(ticket, tmp_path / name, out)
    with pytest.raises(ClewError, match=r"noise.mp4: dlib finds no face in any of its 2 sampled frames.*--faces none"):
        explain_video(ticket, noise, out, faces="dlib", frames=2)
    for frames in (0, 129):
        with pytest.raises(ClewError, match=f"--frames {frames}: expected 1 to 128"):
            explain_video(ticket, noise, out, frames=frames)
    with pytest.raises(ClewError, match="unknown face detector 'eyes'"):
        explain_video(ticket, noise, out, faces="eyes")
    with pytest.raises(ClewError, match=r"nowhere.onnx"):
        explain_video(ticket, noise, out, faces="yunet", model=tmp_path / "nowhere.onnx")
    with pytest.raises(ClewError, match="unknown target 'Grid'"):
        explain_video(ticket, noise, out, target="Grid")
    with pytest.raises(ClewError, match="is a file"):
        explain_video(ticket, noise, noise)
    assert not out.exists()


def test_of_a_damaged_video_the_good_frames_are_explained(ticket, noise, tmp_path):
    data = bytearray(noise.read_bytes())
    start = data.index(b"mdat")
    data[start + len(data) // 2 : start + len(data) // 2 + 400] = bytes(400)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    found = explain_video(ticket, damaged, tmp_path / "out", frames=COUNT)
    lost = [one["frame"] for one in found["footage"]["unreadable"]]
    assert lost
    assert all(one["reason"] for one in found["footage"]["unreadable"])
    seen = [frame["frame"] for frame in found["tracks"][0]["frames"]]
    assert seen
    assert sorted(seen + lost) == found["footage"]["sampled"]
    assert len(np.load(tmp_path / "out" / found["tracks"][0]["heatmaps"])) == len(seen)


def test_the_sheet_has_room_for_every_frame_and_outlines_the_most_suspicious():
    crops = [resize(np.full((8, 8, 3), 20 * at, np.uint8), 16) for at in range(11)]
    prob = np.linspace(0, 0.4, 11)
    prob[4] = 0.9
    heat = np.zeros((2, 2), np.float32)
    drawn = sheet("t", [Cell(crop, heat, one, 0.0) for crop, one in zip(crops, prob, strict=True)], 0.0)
    places = [place_of(at, 11) for at in range(11)]
    assert len(set(places)) == 11
    for at, (x, y) in enumerate(places):
        assert np.array_equal(drawn[y : y + SIDE, x : x + SIDE], shown(crops[at], side=SIDE))
        framed = (drawn[y + SIDE, x - 3] == (168, 50, 26)).all()
        assert framed == (at == 4)
    words = "a very long title " * 8
    alone = sheet(words, [Cell(crops[0], heat, 0.9, 0.0, detected=False)], 1.0)
    assert (alone[:50, -16:] == alone[0, 0]).all(), "the title has room"
    assert (alone[:50, -60:-16] != alone[0, 0]).any()
    assert not (alone == (168, 50, 26)).all(2)[60:].any(), "one frame is not outlined"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (3.24, "3.2 s"),
        (59.96, "1:00.0"),
        (63.25, "1:03.2"),
        (3599.97, "1:00:00.0"),
        (3723.4, "1:02:03.4"),
    ],
)
def test_moments_are_told_for_people(seconds, text):
    assert clock(seconds) == text
