"""Sentences, kinds, sampling and ways of cutting, worked out by hand."""

import pytest

from clew.media.videos import VideoFacts
from clew.scan.cropping import Cropping, cropping_for
from clew.scan.decide import decided, file_verdict
from clew.scan.finding import FaceFinding
from clew.scan.kinds import form_of
from clew.scan.operating import Level
from clew.scan.people import Person
from clew.scan.sampling import how_many, sampled
from clew.scan.wording import NO_REAL, sentence

VIDEO = Level("video", 0.8, 0.3, {"fake": {"threshold": 0.8, "fpr": 0.045}, "real": None})
PICTURE = Level("picture", 0.8, 0.3, {"fake": {"threshold": 0.8}, "real": None})


def text(level, *people, reason=""):
    """The sentence on persons whose faces have these probabilities."""
    found = []
    for number, values in enumerate(people, 1):
        faces = [FaceFinding(0, 0.0, (0.0, 0.0, 1.0, 1.0), True, one, "" if one else reason) for one in values]
        found.append(decided(number, Person(faces), level, 3 if level.name == "video" else 1))
    verdict, why, on = file_verdict(found)
    return sentence("a", verdict, why, found, on, level, 8)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            text(VIDEO, [0.9] * 4, [0.1] * 3),
            "a: fake. Person 1 of 2 has a probability of fake of 0.90 over 4 frames; from 0.80 on the ticket calls a "
            "video fake (as it called 4.5 % of real ones where it was calibrated).",
        ),
        (
            text(PICTURE, [0.2]),
            "a: real. Its only face has a probability of fake of 0.20; up to 0.30 the ticket calls a picture real.",
        ),
        (
            text(VIDEO, [0.2] * 3, [0.1] * 3),
            "a: real. All 2 persons have a probability of fake of at most 0.20; up to 0.30 the ticket calls a video "
            "real.",
        ),
        (
            text(VIDEO, [0.5] * 3),
            "a: inconclusive, the score lies between what the ticket calls real and what it calls fake: its only "
            "person has a probability of fake of 0.50 over 3 frames, between 0.30 and 0.80.",
        ),
        (text(VIDEO), "a: inconclusive, no face was found in any of 8 frames."),
        (
            text(VIDEO, [0.1] * 3, [None] * 2, reason="too-small"),
            "a: inconclusive, not every person in it could be judged: 1 of 2 persons seems real.",
        ),
        (text(PICTURE, [None], reason="too-dark"), "a: inconclusive, the face is too dark or too bright (its only face)."),
        (
            text(Level("picture", 0.8), [0.5]),
            f"a: inconclusive, {NO_REAL}: its only face has a probability of fake of 0.50.",
        ),
    ],
)  # fmt: skip
def test_sentences(found, expected):
    assert found == expected


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "picture"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"\0\0\0\x18ftypisom", "video"),
        (b"\0\0\0\x18ftypavif", "unknown"),
        (b"\0\0\0\x08wide", "video"),
        (b"\x1aE\xdf\xa3", "video"),
        (b"G" + bytes(187) + b"G", "video"),
        (b"%PDF-1.7", "unknown"),
    ],
)
def test_kinds_by_their_first_bytes(head, kind):
    assert form_of(head)[0] == kind


@pytest.mark.parametrize("head", [b"", b"G" + bytes(200), b"RIFF\0\0\0\0WAVE", b"hello"])
def test_bytes_that_tell_nothing(head):
    assert form_of(head) is None


def facts(frames, seconds):
    return VideoFacts(64, 64, frames, 25.0, seconds, "h264", 0)


@pytest.mark.parametrize(
    ("frames", "seconds", "asked", "expected"),
    [(250, 10.0, 0, 20), (25, 1.0, 0, 8), (90_000, 3600.0, 0, 64), (250, 0.0, 0, 20), (250, 10.0, 5, 5)],
)
def test_how_many_frames(frames, seconds, asked, expected):
    assert how_many(facts(frames, seconds), asked) == expected
    found = sampled(facts(frames, seconds), asked)
    assert len(found) == expected
    assert found[0] == frames - 1 - found[-1] or abs(found[0] - (frames - 1 - found[-1])) <= 1  # evenly spaced


def test_all_frames_of_a_video_that_has_few():
    assert sampled(facts(5, 0.2)) == [0, 1, 2, 3, 4]


DETECTOR = {"name": "cnn5", "input_size": 64}


@pytest.mark.parametrize(
    ("header", "faces", "expected"),
    [
        ({"protocol": "dlib-v1, 1.3 times the box, 2 frames a video, 96 px"}, "auto", Cropping("dlib", 1.3, 96)),
        ({"protocol": "opencv-v1, 1.5 times the box, 96 px"}, "auto", Cropping("opencv", 1.5, 96)),
        ({"protocol": "as-given-v1, 256 px; dlib-v1, 2 times the box"}, "auto", Cropping("dlib", 1.3, 256)),
        ({"protocol": "opencv-v1, 96 px"}, "none", Cropping("none", 1.3, 96)),
        ({"protocol": "none-v1", "scan": {"faces": "none", "size": 99}}, "auto", Cropping("none", 1.3, 99)),
        ({"protocol": "none-v1"}, "auto", Cropping("dlib", 1.3, 64)),
        ({"protocol": "boxes-v1"}, "auto", Cropping("dlib", 1.3, 64)),
        ({"protocol": "as-given-v1", "scan": {"faces": "opencv", "scale": 1.6}}, "auto", Cropping("opencv", 1.6, 64)),
        ({"protocol": "", "scan": {"faces": "rm", "scale": 99, "size": "8"}}, "auto", Cropping("dlib", 1.3, 64)),
        ({"protocol": "99999 px, 9 times the box", "scan": 7}, "auto", Cropping("dlib", 4.0, 1024)),
    ],
)
def test_faces_are_cut_as_the_ticket_tells(header, faces, expected):
    assert cropping_for({"detector": DETECTOR, **header}, faces) == expected
