import re
from html.parser import HTMLParser

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.reports import scan_page
from clew.reports.scan_chart import Thresholds, scale, timeline
from clew.reports.scan_page import write_scan_page
from clew.reports.scan_words import operating_words, origin_words, wilson
from clew.scan.evidence import Shown
from clew.scan.finding import FaceFinding, Finding, PersonFinding

FAKE = {"threshold": 0.71, "asked": 0.05, "fpr": 0.05, "fpr_high": 0.149, "tpr": 0.75, "reals": 40, "fakes": 40}
REAL = {"threshold": 0.22, "asked": 0.05, "fnr": 0.025, "fnr_high": 0.113, "tnr": 0.6, "reals": 40, "fakes": 40}
POINT = {"level": "video", "fake": {**FAKE, "resolved": True}, "real": {**REAL, "resolved": False}}
EVIL = "<script>alert('x')</script>&\x00\u202e\" onload=\"x.mp4"
FACES = (
    FaceFinding(0, 0.0, (1, 2, 80, 90), True, 0.9),
    FaceFinding(10, 1.0, (1, 2, 80, 90), False, 0.4, "too-blurred"),
    FaceFinding(20, 2.0, (1, 2, 80, 90), True, None, "too-small"),
    FaceFinding(30, 3.0, (1, 2, 80, 90), True, 0.8),
)


def finding(name="a.mp4", verdict="fake", probability=0.85, reason="", kind="video", **more):
    persons = (PersonFinding(1, verdict, probability, reason, 2, FACES, (0, 3)),) if probability is not None else ()
    given = {"persons": persons, "operating_point": POINT, "file": {"sha256": "5a" * 32, "bytes": 1234}, **more}
    return Finding(name, kind, verdict, probability, reason, f"{name}: {verdict}.", **given)


class Seen(HTMLParser):
    """The elements of a page, and whether each was closed in its turn."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links = [], [], [], []
        self.feed(text)

    def handle_starttag(self, name, attrs):
        held = dict(attrs)
        assert not any(key.startswith("on") for key in held), held
        self.tags.append((name, held))
        self.ids += [held["id"]] if "id" in held else []
        self.links += [held["href"]] if "href" in held else []
        if name not in self.VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        if name not in self.VOID:
            assert self.open.pop() == name


def written(tmp_path, findings, **given):
    return write_scan_page(iter(findings), tmp_path / "out" / "page.html", **given).read_text(encoding="utf-8")


def test_the_page_holds_its_parts_whole_and_nothing_hostile(tmp_path):
    crop = np.full((40, 40, 3), 90, np.uint8)
    asked = []

    def evidence(one):
        asked.append(one.path)
        return {(1, 0): Shown(crop, np.ones((8, 8), np.float32)), (1, 3): Shown(crop)}

    text = written(tmp_path, [finding(EVIL), finding("b.mp4", "real", 0.1)], evidence=evidence, title=f"t{EVIL}")
    page = Seen(text)
    assert page.open == []
    assert [name for name, _ in page.tags].count("script") == 1  # the page's own
    assert "\x00" not in text
    assert "\u202e" not in text
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    pictures = [held["src"] for name, held in page.tags if name == "img"]
    assert len(pictures) == 2 * (1 + 2 + 1)  # a thumb, two crops and a heatmap of each file
    assert all(src.startswith("data:image/jpeg;base64,") for src in pictures)
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert asked == [EVIL, "b.mp4"]
    alone = written(tmp_path, [finding("p.jpg", kind="picture")], evidence=evidence)
    assert alone.count("<img") == 3  # no thumb beside the only picture


def test_the_script_is_the_one_that_the_page_allows(tmp_path):
    import base64
    import hashlib

    text = written(tmp_path, [finding()])
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{seal}'" in text
    assert "default-src 'none'" in text


def test_all_are_counted_fakes_come_first_and_what_has_no_room_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(scan_page, "MOST_FULL", {"fake": 2, "inconclusive": 1, "real": 1, "unreadable": 1})
    monkeypatch.setattr(scan_page, "MOST_ROWS", {"fake": 3, "inconclusive": 5, "real": 5, "unreadable": 5})
    some = [finding(f"real{at}.mp4", "real", 0.1) for at in range(2)]
    some += [finding(f"fake{at}.mp4") for at in range(4)]
    some += [
        finding("open.mp4", "inconclusive", 0.5, "uncertain"),
        finding("bad.mp4", "inconclusive", None, "unreadable"),
    ]
    text = written(tmp_path, some)
    assert "Of 8\N{NO-BREAK SPACE}files: 4 called fake, 1 inconclusive, 2 called real and 1 not readable." in text
    told = "Of 8\N{NO-BREAK SPACE}files the first 7 are listed and 5 are shown in full"
    assert told in text
    rows = re.findall(r"<tr><td data-key.*?</tr>", text)
    assert [re.search(r"(\w+)\.mp4", row)[1] for row in rows] == [
        *("fake0", "fake1", "fake2", "open", "real0", "real1", "bad")
    ]
    assert len(re.findall(r'<details class="scanned"', text)) == 5
    assert written(tmp_path, some) == text


def test_no_file_and_no_persons_make_a_page_too(tmp_path):
    assert "No file was scanned." in written(tmp_path, [])
    bare = Finding("x", "unknown", "inconclusive", None, "unreadable", "x: cannot be read.")
    assert Seen(written(tmp_path, [bare])).open == []


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    def broken():
        yield finding()
        raise ClewError("no more.")

    with pytest.raises(ClewError, match="no more"):
        write_scan_page(broken(), tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_the_timeline_marks_what_counts_what_does_not_and_why():
    person = finding().persons[0]
    drawn = str(timeline(person, Thresholds.of(POINT), 4.0))
    assert drawn.count("<circle") == 3
    assert drawn.count('class="mark hollow"') == 1
    assert drawn.count('class="cross"') == 1
    assert "frame 10, 1.00 s: 0.40; does not count: the face is too blurred" in drawn
    assert drawn.count("; decisive") == 2
    assert "Probability of fake of person 1: 0.85; fake from 0.71; real up to 0.22; 2 of 4 faces count" in drawn
    heights = set(re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', drawn))
    assert heights == {"24", "84", "36"}  # 132 - 120 p
    assert "fake \N{GREATER-THAN OR EQUAL TO} 0.71" in str(scale(person, Thresholds.of(POINT)))
    assert "zone" not in str(timeline(person, Thresholds(), 4.0))


def test_thresholds_are_told_with_their_counts_and_limits():
    told = [line.replace("\N{NO-BREAK SPACE}", " ") for line in operating_words(POINT)]
    assert told[0] == (
        "A video is called fake from a probability of 0.710 on. Where that was measured, it called 5 % of 40 "
        "real videos (at most 14.9 %) and 75 % of 40 fake videos (at least 62.4 %) fake."
    )
    assert told[1] == (
        "A video is called real up to a probability of 0.220. Where that was measured, it called 2.5 % of 40 "
        "fake videos (at most 11.3 %) and 60 % of 40 real videos (at least 47 %) real. There were too few to show that "
        "at most 5 % are wrong."
    )
    clustered = operating_words({**POINT, "fake": {**FAKE, "effective": 10.0}})[0].replace("\N{NO-BREAK SPACE}", " ")
    assert wilson(0.75, 10, False) == pytest.approx(0.48998, abs=1e-5)
    assert "75 % of 40 fake videos (at least 49 %)" in clustered  # 40 fakes of 10 clusters are but 10
    pictures = operating_words({**POINT, "measured_on": "picture"})[0].replace("\N{NO-BREAK SPACE}", " ")
    assert pictures.startswith("A video is called fake")
    assert "5 % of 40 real pictures" in pictures
    assert "no operating point" in operating_words(None)[0]
    assert "no threshold at which anything is called real" in operating_words({**POINT, "real": None})[1]


def test_wilson_limits_as_worked_out_by_hand():
    z = 1.6448536269514722
    assert wilson(0.0, 10, True) == pytest.approx(z * z / (10 + z * z))
    assert wilson(1.0, 10, False) == pytest.approx(10 / (10 + z * z))
    assert (wilson(0.5, 0, True), wilson(0.5, 0, False)) == (1.0, 0.0)


def test_origin_is_told_in_words():
    told = dict(
        origin_words(
            {
                "exif": {"make": "A", "gps": True},
                "xmp": {"digital_source_type": "trainedAlgorithmicMedia"},
                "texts": {"parameters": "steps: 20"},
                "jpeg_quality": 71,
                "credentials": {"found": True, "signature": "fails", "why": "assertion.dataHash.mismatch"},
            }
        )
    )
    assert told["Maker of the camera"] == "A"
    assert told["Place"] == "it holds one; it is not shown here"
    assert told["Digital source type"] == "made by a model that was trained on samples (trainedAlgorithmicMedia)"
    assert told["Content credentials (C2PA)"] == "the check of the signature fails: assertion.dataHash.mismatch"
    assert origin_words({}) == []
