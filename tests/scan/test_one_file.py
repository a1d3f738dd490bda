"""Pictures and videos scanned with a tiny ticket."""

import hashlib
import json
import os
import shlex
from dataclasses import replace

import cv2
import numpy as np
import pytest

import clew
from bench_tickets import small_ticket
from clew.base.crops import resize
from clew.base.errors import ClewError
from clew.media.faces.base import Box, Detection
from clew.media.faces.cutting import cut_face, face_square
from clew.media.pictures import read_picture
from clew.media.videos import read_frames
from clew.runtime.load import Runtime
from clew.scan import one_file, people, ticket
from clew.scan.finding import REASONS, Finding
from clew.scan.one_file import scan_file
from clew.scan.settings import ScanSettings
from clew.scan.ticket import ready_ticket
from clew.tickets.file import read_ticket, write_ticket
from sealed_tickets import resealed
from spoiled_files import spoiled

SPARSE = ScanSettings(form="sparse", threads=1)
WHOLE = replace(SPARSE, faces="none")
POINT = {"threshold": 0.75, "fpr": 0.04}


@pytest.fixture(scope="module")
def ticket_path(tmp_path_factory):
    """A tiny ticket with calibration and thresholds."""
    path = small_ticket(tmp_path_factory.mktemp("tickets") / "tiny.safetensors", 0.5)
    content = read_ticket(path)
    point = {"fpr": 0.05, "picture": POINT, "video": POINT}
    point["real"] = {level: {"threshold": 0.25} for level in ("picture", "video")}
    header = content.header | {"operating_point": point, "calibration": {"temperature": 2.0}}
    write_ticket(path, replace(content, header=header | {"protocol": "dlib-v1, 1.3 times the box, 48 px"}))
    return path


@pytest.fixture(scope="module")
def ready(ticket_path):
    return ready_ticket(ticket_path, SPARSE)


@pytest.fixture(scope="module")
def whole(ticket_path):
    """The ticket for pictures that are crops already."""
    return ready_ticket(ticket_path, WHOLE)


@pytest.fixture(scope="module")
def video(drawn_videos):
    return sorted(drawn_videos.rglob("original_sequences/**/*.mp4"))[0]


@pytest.fixture(scope="module")
def picture(video, tmp_path_factory):
    """A frame of a drawn video, as a picture."""
    path = tmp_path_factory.mktemp("pictures") / "face.png"
    frame = next(iter(read_frames(video, [2]))).rgb
    cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return path


class Two:
    """Finds two faces where they are told to be: at the left and at the right."""

    name, version, smallest, best, threshold, sure = "two", "two-1", 40.0, 60.0, 0.0, 0.4

    def find(self, picture, lenient=False):
        bright = picture.mean(2) if picture.ndim == 3 else picture
        found = []
        for low, high in ((80, 140), (180, 256)):
            spots = ((bright >= low) & (bright < high)).astype(np.uint8)
            count, _, stats, _ = cv2.connectedComponentsWithStats(spots)
            for x, y, width, height, area in stats[1:count]:
                if area > 0.6 * width * height and min(width, height) > 20:
                    found.append(Detection(Box(float(x), float(y), float(width), float(height)), 1.0))
        return found


def two_people(path, frames=12):
    """A video of a grey square at the left and a white one at the right, which move."""
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 480, 240, "yuv420p", 2_000_000
        for at in range(frames):
            frame = np.full((240, 480, 3), 20, np.uint8)
            frame[60 + at : 140 + at, 40 + at : 120 + at] = 110
            frame[70:150, 320 - at : 400 - at] = 220
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return path


@pytest.fixture
def lenient(monkeypatch):
    """Every face counts, whatever it looks like."""
    monkeypatch.setattr(people, "judged", lambda square, crop, side, familiarity: ({"side": float(side)}, ""))


def fixed(monkeypatch, score):
    """Scores crops by a function of their mean brightness, 0 to 1."""
    monkeypatch.setattr(
        Runtime, "predict", lambda self, crops, calibrated=False: np.array([score(one.mean() / 255) for one in crops])
    )


def test_a_picture_says_who_where_and_what_it_rests_on(ready, picture, ticket_path, lenient):
    found = scan_file(picture, ready, SPARSE)
    (person,) = found.persons
    (face,) = person.faces
    rgb = read_picture(picture)
    assert (found.kind, found.media) == ("picture", {"width": rgb.shape[1], "height": rgb.shape[0]})
    assert found.file == {"sha256": hashlib.sha256(picture.read_bytes()).hexdigest(), "bytes": picture.stat().st_size}
    assert found.probability == person.probability == face.probability
    assert (found.ticket["hash"], found.ticket["form"]) == (ready.runtime.ticket.hash, "sparse")
    assert found.ticket["version"] == clew.__version__
    assert found.operating_point == {
        "level": "picture",
        "measured_on": "picture",
        "fake": POINT,
        "real": {"threshold": 0.25},
    }
    chosen = {"faces": "dlib", "scale": 1.3, "size": 48, "finder": ready.finder.version, "form": "sparse"}
    assert (found.settings, found.sampling) == (chosen, {})
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["verdict"] == found.verdict


def test_a_face_is_cut_and_scored_as_the_ticket_was_trained(ready, picture, lenient):
    face = scan_file(picture, ready, SPARSE).persons[0].faces[0]
    rgb = read_picture(picture)
    box = (
        ready.finder
        and max(
            __import__("clew.media.faces.searching", fromlist=["x"]).faces_in_picture(rgb, ready.finder),
            key=lambda one: one.box.area,
        ).box
    )
    side = face_square(box, rgb.shape[1], rgb.shape[0], 1.3)[2]
    crop = resize(cut_face(rgb, box, side, 1.3), 48)
    assert face.probability == round(float(ready.runtime.predict(crop[None], calibrated=True)[0]), 6)
    assert face.probability != round(float(ready.runtime.predict(crop[None])[0]), 6)


def test_a_video_follows_its_person(ready, video, lenient):
    found = scan_file(video, ready, SPARSE)
    (person,) = found.persons
    count = found.media["frames"]
    assert found.sampling == {"frames": list(range(count)), "wanted": count, "unreadable": []}
    assert [face.frame for face in person.faces] == found.sampling["frames"]
    assert person.probability == round(sum(face.probability for face in person.faces) / count, 6)
    assert found.operating_point["level"] == "video"
    assert found.settings["frames"] == count


def test_equal_choices_give_equal_findings(ticket_path, ready, video, lenient, monkeypatch):
    first = scan_file(video, ready, SPARSE)
    other = replace(SPARSE, threads=2)
    assert scan_file(video, ready_ticket(ticket_path, other), other) == first
    monkeypatch.setattr(people, "BATCH", 3)
    assert scan_file(video, ready, SPARSE) == first
    words = shlex.split(first.command)
    assert words[:3] == ["clew", "scan", str(video)]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    again = ScanSettings(options["--faces"], None, int(options["--frames"]), options["--form"])
    assert scan_file(video, ready_ticket(options["--ticket"], again), again) == first


def test_the_form_that_ran_is_named(whole, picture):
    onnx = replace(whole, runtime=replace(whole.runtime, form="onnx"))  # as an automatic choice may end
    found = scan_file(picture, onnx, ScanSettings(faces="none"))
    assert found.command.endswith("--faces none --form onnx")
    assert (found.ticket["form"], found.settings["form"]) == ("onnx", "onnx")


def test_two_persons_are_kept_apart(whole, tmp_path, monkeypatch, lenient):
    fixed(monkeypatch, lambda bright: 0.9 if bright > 0.6 else 0.1)
    ready = replace(whole, finder=Two(), cropping=replace(whole.cropping, scale=1.0))
    evidence = {}
    found = scan_file(two_people(tmp_path / "two.mp4"), ready, SPARSE, lambda crops: crops.mean(3), evidence=evidence)
    assert sorted((one.verdict, one.counted) for one in found.persons) == [("fake", 8), ("real", 8)]
    assert (found.verdict, found.probability) == ("fake", 0.9)
    assert "of 2 has a probability of fake of 0.90 over 8 frames" in found.text
    for person in found.persons:
        lefts = [face.box[0] for face in person.faces]
        assert max(lefts) - min(lefts) < 40
        assert {place for number, place in evidence if number == person.person} == set(person.decisive)
    crop = evidence[1, found.persons[0].decisive[0]]
    assert crop.crop.shape == (48, 48, 3)
    assert np.allclose(crop.heat, crop.crop.mean(2))


def test_a_face_that_does_not_count_is_not_scored(ready, picture, monkeypatch):
    monkeypatch.setattr(people, "judged", lambda square, crop, side, familiarity: ({"side": 1.0}, "too-small"))
    fixed(monkeypatch, lambda bright: pytest.fail("it was scored"))
    found = scan_file(picture, ready, SPARSE)
    assert (found.verdict, found.reason, found.probability) == ("inconclusive", "too-small", None)
    assert found.persons[0].faces[0].reason == "too-small"


def test_no_number_is_no_score(whole, picture, monkeypatch, lenient):
    fixed(monkeypatch, lambda bright: float("nan"))
    found = scan_file(picture, whole, WHOLE)
    assert (found.verdict, found.reason, found.probability) == ("inconclusive", "no-score", None)


def test_no_face(ready, tmp_path):
    path = tmp_path / "empty.png"
    cv2.imwrite(str(path), np.full((200, 200, 3), 90, np.uint8))
    found = scan_file(path, ready, SPARSE)
    assert (found.verdict, found.reason, found.persons) == ("inconclusive", "no-face", ())
    assert found.text == "empty.png: inconclusive, no face was found."


def test_a_crop_is_its_own_face(whole, picture, lenient):
    found = scan_file(picture, whole, WHOLE)
    height, width = read_picture(picture).shape[:2]
    side = min(height, width)
    assert found.persons[0].faces[0].box == ((width - side) // 2, (height - side) // 2, side, side)
    assert "--faces none" in found.command


def test_what_cannot_be_read_says_why(whole, picture, video, tmp_path):
    for path, why in spoiled(tmp_path, picture, video):
        found = scan_file(path, whole, WHOLE)
        assert (found.verdict, found.reason, found.probability) == ("inconclusive", "unreadable", None), path
        assert why in found.text, found.text
        assert str(tmp_path) not in found.text
        assert not found.readable


def test_a_large_file_is_hashed_once_it_is_known_to_open(whole, picture, tmp_path, monkeypatch, lenient):
    monkeypatch.setattr(one_file, "HASHED_FIRST", 1000)
    (tmp_path / "vast.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(2000))
    os.truncate(tmp_path / "vast.mp4", 2**40)  # it would be hashed for an hour
    found = scan_file(tmp_path / "vast.mp4", whole, WHOLE)
    assert (found.reason, found.file) == ("unreadable", {"bytes": 2**40})
    assert scan_file(picture, whole, WHOLE).file["sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()


def test_content_counts_and_not_the_name(whole, picture, video, tmp_path, lenient):
    for source, name, kind in ((picture, "face.mp4", "picture"), (video, "film.jpg", "video")):
        (tmp_path / name).write_bytes(source.read_bytes())
        found = scan_file(tmp_path / name, whole, WHOLE)
        assert (found.kind, found.reason == "unreadable") == (kind, False), found.text
        assert any("its name says" in note for note in found.notes)


def test_a_video_damaged_in_the_middle_is_judged_on_what_is_left(whole, video, tmp_path, lenient):
    data = bytearray(video.read_bytes())
    start = data.index(b"mdat") + 4
    middle = start + (len(data) - start) // 2
    data[middle : middle + 3000] = bytes(3000)
    (tmp_path / "hurt.mp4").write_bytes(data)
    found = scan_file(tmp_path / "hurt.mp4", whole, WHOLE)
    lost = [index for index, _ in found.sampling["unreadable"]]
    assert lost
    assert [face.frame for face in found.persons[0].faces] == sorted(set(found.sampling["frames"]) - set(lost))
    assert any("cannot be read" in note for note in found.notes)


def test_a_file_that_changes_meanwhile_has_no_finding(whole, picture, tmp_path, monkeypatch):
    path = tmp_path / "moving.png"
    path.write_bytes(picture.read_bytes())
    fixed(monkeypatch, lambda bright: (path.write_bytes(b"other"), 0.5)[1])
    monkeypatch.setattr(people, "judged", lambda square, crop, side, familiarity: ({}, ""))
    found = scan_file(path, whole, WHOLE)
    assert (found.reason, found.probability) == ("unreadable", None)
    assert "it changed while it was read" in found.text


def test_the_package_is_the_verb(ticket_path, picture):
    found = clew.scan(picture, ticket_path, form="sparse", threads=1)
    assert isinstance(found, Finding)
    several = clew.scan([picture.parent, str(picture)], ticket_path, form="sparse", threads=1, workers=1)
    assert [one.as_dict() for one in several] == [found.as_dict()] * 2
    with pytest.raises(ClewError, match="is a folder: give it in a list"):
        clew.scan(picture.parent, ticket_path)
    with pytest.raises(TypeError):
        clew.scan(picture, ticket_path, colour="blue")


@pytest.mark.parametrize(
    "wrong", [{"faces": "eyes"}, {"frames": -1}, {"frames": 10**9}, {"threads": -1}, {"form": "magic"}]
)
def test_settings_that_mean_nothing_are_refused(ticket_path, picture, wrong):
    with pytest.raises(ClewError):
        clew.scan(picture, ticket_path, **wrong)


def test_a_hostile_familiarity_is_refused_by_name(ticket_path, tmp_path):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(resealed(lambda header, _: header.update(familiarity={"mean": 3}), read_ticket(ticket_path)))
    with pytest.raises(ClewError, match="odd.safetensors"):
        ticket.ready_ticket(path, WHOLE)


def test_names_cannot_write_to_a_terminal_or_become_options(whole, picture, tmp_path, monkeypatch, lenient):
    name = os.fsdecode(b"-a\x1b[2J\xff 'b'.png")
    (tmp_path / name).write_bytes(picture.read_bytes())
    monkeypatch.chdir(tmp_path)
    found = scan_file(type(tmp_path)(name), whole, WHOLE)
    json.dumps(found.as_dict()).encode()
    assert found.text.isprintable()
    assert found.command.startswith(r"clew scan $'./-a\x1b[2J\xff \x27b\x27.png' --ticket ")
    assert found.reason in {"", *REASONS}
