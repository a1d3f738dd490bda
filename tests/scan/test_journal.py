"""A file of findings: what is kept, what is refused, what is torn."""

import json
from dataclasses import replace

import pytest

from clew.base.errors import ClewError
from clew.base.hashing import hash_file
from clew.scan.finding import FaceFinding, Finding, PersonFinding
from clew.scan.journal import Journal, findings_in, line_of
from clew.scan.stored import finding_from

SETTINGS = {"faces": "auto", "frames": 0}


def finding(path, text="so"):
    face = FaceFinding(3, 0.1, (1.0, 2.0, 3.5, 4.0), True, 0.1 + 0.2, "", {"sharpness": 1 / 3})
    person = PersonFinding(1, "fake", 0.1 + 0.2, "", 1, (face,), (0,))
    file = {"sha256": hash_file(path), "bytes": path.stat().st_size}
    level = {"level": "picture", "fake": {"threshold": 0.7}}
    return Finding(
        str(path), "picture", "fake", 0.1 + 0.2, "", text, (person,), file, operating_point=level, notes=("a", "b")
    )


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def journal(tmp_path, picture):
    """One that holds the finding of `picture`."""
    with Journal(tmp_path / "found.jsonl", "ab" * 32, SETTINGS) as kept:
        kept.add("a", finding(picture))
    return tmp_path / "found.jsonl"


def again(path):
    return Journal(path, "ab" * 32, SETTINGS)


def test_a_finding_comes_back_as_it_was(picture):
    found = finding(picture)
    assert finding_from(json.loads(json.dumps(found.as_dict()))) == found


def test_known_is_the_same_name_with_the_same_bytes(journal, picture, tmp_path):
    with again(journal) as kept:
        assert kept.known("a", picture) == finding(picture)
        assert kept.known("b", picture) is None
        assert kept.known("a", tmp_path / "gone.jpg") is None
        assert kept.known("a", tmp_path) is None
        picture.write_bytes(b"Content")  # as long as before
        assert kept.known("a", picture) is None


def test_the_last_finding_of_a_name_counts(journal, picture):
    with again(journal) as kept:
        kept.add("a", finding(picture, "later"))
        kept.add("z", finding(picture, "other"))
    with again(journal) as kept:
        assert kept.known("a", picture).text == "later"


def test_what_could_not_be_read_is_tried_again(journal, picture):
    lost = replace(finding(picture), reason="unreadable", file={})
    with again(journal) as kept:
        kept.add("a", lost)
    size = journal.stat().st_size
    with again(journal) as kept:
        assert kept.known("a", picture) is None
        kept.add("a", lost)
    assert journal.stat().st_size == size, "what is written down already"


@pytest.mark.parametrize("lost", [1, 10, 200])
def test_a_torn_last_line_is_dropped_and_the_next_begins_a_new_one(journal, picture, lost):
    whole = journal.read_bytes()
    journal.write_bytes(whole + line_of("b", finding(picture))[:-lost])
    with again(journal) as kept:
        assert kept.damaged == 1
        assert journal.read_bytes() == whole
        assert kept.known("a", picture) is not None
        kept.add("b", finding(picture))
    assert len(list(findings_in(journal))) == 2


def test_a_changed_line_counts_as_not_there(journal, picture):
    with again(journal) as kept:
        kept.add("b", finding(picture))
    journal.write_bytes(journal.read_bytes().replace(b'"verdict": "fake"', b'"verdict": "real"', 1))
    with again(journal) as kept:
        assert (kept.damaged, kept.known("a", picture), kept.known("b", picture)) == (1, None, finding(picture))


@pytest.mark.parametrize("length", [0, 1, 50])
def test_a_first_line_that_was_not_finished_begins_anew(journal, picture, length):
    journal.write_bytes(journal.read_bytes()[:length])
    with again(journal) as kept:
        kept.add("a", finding(picture))
    with again(journal) as kept:
        assert kept.known("a", picture) is not None


@pytest.mark.parametrize(
    ("ticket", "settings", "why"),
    [
        ("cd" * 32, SETTINGS, "its ticket is abab.*, asked for is cdcd"),
        ("ab" * 32, {**SETTINGS, "frames": 3}, "its frames is 0, asked for is 3"),
    ],
)
def test_findings_of_another_scan_are_refused(journal, ticket, settings, why):
    before = journal.read_bytes()
    with pytest.raises(ClewError, match=f"found.jsonl holds findings of another scan: {why}"):
        Journal(journal, ticket, settings)
    assert journal.read_bytes() == before


@pytest.mark.parametrize("data", [b"hello\n", b"{}\n", b"[1]\n", b'{"kind": "clew findings", "seal": 1}\n', b"\0" * 99])
def test_a_file_that_is_something_else_is_left_alone(tmp_path, data):
    path = tmp_path / "notes.txt"
    path.write_bytes(data)
    with pytest.raises(ClewError, match=r"notes.txt is not a file of findings"):
        again(path)
    assert path.read_bytes() == data


def test_two_scans_do_not_write_to_one_file(journal):
    with again(journal), pytest.raises(ClewError, match="in use by another scan"):
        again(journal)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"verdict": "maybe"},
        {"kind": "sound"},
        {"reason": "because"},
        {"probability": "high"},
        {"persons": [{}]},
        {"persons": 3},
        {"file": []},
        {"more": 1},
        {"notes": None},
    ],
)
def test_what_is_no_finding_is_refused(picture, change):
    with pytest.raises(ClewError, match="expected a finding"):
        finding_from(finding(picture).as_dict() | change)
