"""Verdicts worked out by hand: of a probability, a person, a file."""

import numpy as np
import pytest

from clew.scan.decide import decided, file_verdict, least_counted, verdict_of
from clew.scan.finding import REASONS, FaceFinding, PersonFinding
from clew.scan.operating import Level, levels_of
from clew.scan.people import Person

LEVEL = Level("video", 0.8, 0.3, {"fake": {"threshold": 0.8, "fpr": 0.05}, "real": {"threshold": 0.3}})


def face(probability, reason="", frame=0):
    return FaceFinding(frame, 0.0, (0.0, 0.0, 9.0, 9.0), True, probability, reason)


def person(*faces):
    return Person([face(*one) if isinstance(one, tuple) else face(one) for one in faces])


def judged(number, verdict, probability, reason="", faces=5):
    return PersonFinding(number, verdict, probability, reason, faces, tuple([face(probability)] * faces))


@pytest.mark.parametrize(
    ("probability", "level", "expected"),
    [
        (0.8, LEVEL, ("fake", "")),
        (0.799999, LEVEL, ("inconclusive", "uncertain")),
        (0.300001, LEVEL, ("inconclusive", "uncertain")),
        (0.3, LEVEL, ("real", "")),
        (0.9, Level("video"), ("inconclusive", "not-calibrated")),
        (0.1, Level("video", 0.8), ("inconclusive", "uncertain")),  # it has one for fake alone
        (0.9, Level("video", 0.8), ("fake", "")),
        (0.5, Level("video", 0.4, 0.6), ("fake", "")),  # thresholds that overlap leave nothing uncertain
        (0.39, Level("video", 0.4, 0.6), ("real", "")),
        (0.0, Level("video", 0.8, -0.000001), ("inconclusive", "uncertain")),  # such a threshold calls nothing real
        (1.0, Level("video", 1.000001, 0.2), ("inconclusive", "uncertain")),  # such a threshold calls nothing fake
    ],
)
def test_a_probability_at_the_thresholds(probability, level, expected):
    assert verdict_of(probability, level) == expected


def test_a_person_is_the_mean_of_the_faces_that_count():
    found = decided(1, person(0.9, (None, "too-small"), 0.6, 0.99), LEVEL, 3)
    assert (found.verdict, found.probability, found.counted, found.reason) == ("fake", 0.83, 3, "")
    assert found.decisive == (3, 0, 2)


def test_for_a_real_person_the_faces_that_seem_most_real_decide():
    found = decided(1, person(0.1, 0.2, 0.05, 0.2), LEVEL, 3)
    assert (found.verdict, found.decisive) == ("real", (2, 0, 3))


def test_too_few_faces_give_no_probability():
    found = decided(2, person(1.0, 1.0, (None, "too-blurred"), (None, "too-blurred")), LEVEL, 3)
    assert (found.verdict, found.probability, found.reason, found.counted) == (
        "inconclusive",
        None,
        "too-few-frames",
        2,
    )
    assert found.decisive == ()


def test_where_no_face_counts_the_commonest_lack_is_the_reason():
    faces = [(None, "too-small"), (None, "unfamiliar"), (None, "unfamiliar")]
    assert decided(1, person(*faces), LEVEL, 3).reason == "unfamiliar"
    assert decided(1, person(*faces[:2]), LEVEL, 3).reason == "too-small"  # of equal ones the first of REASONS
    assert decided(1, person((None, "no-score")), LEVEL, 1).reason == "no-score"


@pytest.mark.parametrize(
    ("read", "video", "expected"), [(1, False, 1), (1, True, 1), (2, True, 2), (3, True, 3), (64, True, 3)]
)
def test_how_many_faces_must_count(read, video, expected):
    assert least_counted(read, video) == expected


@pytest.mark.parametrize(
    ("persons", "everybody", "expected"),
    [
        ([], True, ("inconclusive", "no-face", None)),
        ([("real", 0.1), ("fake", 0.9), ("fake", 0.95)], True, ("fake", "", 3)),
        ([("inconclusive", 0.79, "uncertain"), ("fake", 0.8)], False, ("fake", "", 2)),
        ([("real", 0.1), ("real", 0.2)], True, ("real", "", 2)),
        ([("real", 0.1), ("real", 0.2)], False, ("inconclusive", "not-everybody", 1)),
        ([("real", 0.1), ("inconclusive", None, "too-small")], True, ("inconclusive", "not-everybody", 2)),
        ([("real", 0.1), ("inconclusive", 0.5, "uncertain")], True, ("inconclusive", "uncertain", 2)),
        ([("inconclusive", None, "too-small"), ("inconclusive", 0.4, "uncertain")], True, ("inconclusive", "uncertain", 2)),
        ([("inconclusive", 0.4, "not-calibrated"), ("inconclusive", 0.7, "not-calibrated")], True, ("inconclusive", "not-calibrated", 2)),
        ([("inconclusive", None, "too-dark"), ("inconclusive", None, "too-small")], True, ("inconclusive", "too-dark", 1)),
    ],
)  # fmt: skip
def test_the_verdict_on_a_file(persons, everybody, expected):
    found = [judged(number, *one) for number, one in enumerate(persons, 1)]
    verdict, reason, on = file_verdict(found, everybody)
    assert (verdict, reason, on.person if on else None) == expected
    assert reason in {"", *REASONS}


def test_who_is_seen_most_gives_the_reason():
    found = [judged(1, "inconclusive", None, "too-small", 2), judged(2, "inconclusive", None, "unfamiliar", 7)]
    assert file_verdict(found)[:2] == ("inconclusive", "unfamiliar")


def test_crops_are_kept_of_the_extremes_alone():
    one, crop = Person(), np.zeros((4, 4, 3), np.uint8)
    for number in range(40):
        one.add(face(number / 40, frame=number), crop)
        one.add(face(None, "too-small", number), crop)
    assert sorted(one.kept) == [0, 2, 4, 74, 76, 78]


POINT = {"threshold": 0.7, "fpr": 0.05, "tpr": 0.9, "resolved": True}


def test_thresholds_of_a_header():
    header = {"operating_point": {"fpr": 0.05, "picture": POINT, "video": POINT, "real": {"video": {"threshold": 0.2}}}}
    levels = levels_of(header)
    assert (levels["video"].fake, levels["video"].real) == (0.7, 0.2)
    assert (levels["picture"].fake, levels["picture"].real) == (0.7, None)
    assert levels["video"].as_dict() == {
        "level": "video", "measured_on": "video", "fake": POINT, "real": {"threshold": 0.2},
    }  # fmt: skip


def test_a_threshold_for_videos_that_was_measured_on_pictures_says_so():
    point = {"fpr": 0.05, "picture": POINT, "video": POINT}
    assert {name: level.measured_on for name, level in levels_of({"operating_point": point}).items()} == {
        "picture": "picture", "video": "video",
    }  # fmt: skip
    levels = levels_of({"operating_point": {**point, "videos": 0}})
    assert levels["video"].as_dict()["measured_on"] == levels["picture"].measured_on == "picture"


def test_a_threshold_that_calls_nothing_real_is_one():
    level = levels_of({"operating_point": {"video": POINT, "real": {"video": {"threshold": -1e-6}}}})["video"]
    assert level.real == -1e-6


@pytest.mark.parametrize(
    "bad",
    [None, 7, [], {"threshold": "0.7"}, {"threshold": True}, {"threshold": -0.1}, {"threshold": 2}, {"fpr": 0.1},
     {"threshold": float("nan")}],
)  # fmt: skip
def test_what_is_no_threshold_counts_as_absent(bad):
    level = levels_of({"operating_point": {"fpr": 0.05, "picture": bad, "video": bad, "real": bad}})["picture"]
    assert (level.fake, level.real, level.as_dict()) == (None, None, None)
    for point in (bad, None):
        assert levels_of({"operating_point": point})["video"].fake is None
