"""The page of a data check: every finding is on it, whole, safe, and the same every time."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from clew.base.files import read_json, write_json
from clew.datasets.checks import Finding, Picture, Report, Result, Strip, Table, check_store
from clew.datasets.cropping import crop_dataset
from clew.datasets.store import open_store
from clew.reports.check_page import LINE, check_page_path, headline, thumbnail, write_check_page

VOID = {"meta", "img", "br", "link", "hr"}
EVIL = "\"><script>alert(1)</script><b x='"


class Reader(HTMLParser):
    """Checks that tags nest, and collects tag names, the sources of pictures and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.sources, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for key, value in attrs if key == "src"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def report(store_path):
    return check_store(store_path)


def test_every_finding_and_table_is_on_the_page(report, tmp_path):
    page = read(write_check_page(report, tmp_path / "page.html"))
    text = " ".join(" ".join(page.text).split())
    for result in report.results:
        for one in (
            result.title,
            result.about,
            *(f.text for f in result.findings),
            *(f.advice for f in result.findings),
        ):
            assert " ".join(one.split()) in text
        for table in result.tables:
            assert table.title in text
    assert headline(report).replace("\N{NO-BREAK SPACE}", " ") in text
    assert report.store.hash in text


def test_the_page_is_whole_and_nothing_on_it_runs_or_loads(report, tmp_path):
    path = write_check_page(report, tmp_path / "page.html")
    page = read(path)
    assert "script" not in page.tags
    assert "default-src 'none'" in path.read_text()
    sheet = next(result for result in report.results if result.name == "sheet")
    assert len(page.sources) >= sum(len(strip.pictures) for strip in sheet.strips) > 0
    for source in page.sources:
        assert source.startswith("data:image/jpeg;base64,")
    assert not re.search(r"(src|href)=\"(?!data:|#)", path.read_text())


def test_equal_reports_give_equal_bytes(report, store_path, tmp_path):
    one = write_check_page(report, tmp_path / "a.html").read_bytes()
    assert write_check_page(check_store(store_path), tmp_path / "b.html").read_bytes() == one


def test_hostile_names_are_escaped(report, store_path, fresh_copy, tmp_path):
    store = fresh_copy(store_path)
    facts = read_json(store / "store.json")
    write_json(store / "store.json", {**facts, "layout": EVIL, "notes": [EVIL]})
    pictures = (Picture(EVIL, 0, EVIL),)
    finding = Finding("fault", EVIL, EVIL, (Strip(EVIL, pictures),))
    result = Result(
        "leaks", EVIL, EVIL, (finding,), {}, (Table(EVIL, (EVIL,), ((EVIL, EVIL),)),), (Strip(EVIL, pictures),)
    )
    path = write_check_page(Report(open_store(store), (result,)), tmp_path / "page.html")
    assert "script" not in read(path).tags
    assert EVIL not in path.read_text()


def test_the_headline_counts_and_names_the_gravest():
    def result(*severities):
        findings = tuple(Finding(one, f"This is a {one}.") for one in severities)
        return Result("x", "X", "", findings, {})

    def told(*results):
        return headline(Report(None, results)).replace("\N{NO-BREAK SPACE}", " ")

    assert told(result("ok", "note")) == "No fault and no warning."
    assert told(result("warning"), result("fault", "fault")) == "2 faults and 1 warning. This is a fault."
    assert told(result("ok", "warning")) == "1 warning. This is a warning."


def test_the_edge_of_the_region_is_drawn_where_it_is_known(folder_root, fresh_copy, tmp_path):
    root = fresh_copy(folder_root)
    area = np.zeros((32, 32), np.uint8)
    area[8:24, 8:24] = 255
    (root / "regions/test/fake").mkdir(parents=True)
    cv2.imwrite(str(root / "regions/test/fake/003.png"), area)
    store = crop_dataset(root, "folder", tmp_path / "store")
    row = next(row for row in store.index.to_pylist() if row["sample"].startswith("test/fake/003"))
    assert row["region"]

    def pixels(region):
        data = base64.b64decode(thumbnail(store, Picture("x", row["crop"], "", region)).split(",")[1])
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB).astype(int)

    change = np.abs(pixels(True) - pixels(False)).sum(2)
    assert change[8, 8:24].mean() > 100
    assert change[12:20, 12:20].mean() < 40
    assert np.abs(pixels(True)[8, 12:20].mean(0) - LINE).max() < 90  # JPEG blurs colours


def test_the_page_lies_beside_the_store(tmp_path):
    assert check_page_path(tmp_path / "people") == tmp_path / "people-check.html"
    assert check_page_path(tmp_path / "people/") == tmp_path / "people-check.html"
