"""The page of an evaluation: its numbers are those of the result, and it is safe, whole and the same every time."""

import copy
import re
from html.parser import HTMLParser

import pytest

from clew.reports.evaluation_charts import bars, robustness_panels
from clew.reports.evaluation_page import write_evaluation_page
from clew.reports.evaluation_tables import matrix
from clew.reports.words import NONE, limits, number
from clew.tickets.evaluation import evaluate
from clew.tickets.evaluation.corruptions import Corruption, corruptions
from method_stores import method_run, store_of, write_store

VOID = {"meta", "br", "img", "link", "input", "hr"}
EVIL = "\"><script>alert(1)</script><b x='"


class Reader(HTMLParser):
    """Checks that tags nest; collects tables (rows of cell texts), tags and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.tables, self.table = [], [], [], {}, ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.table = dict(attrs)["class"]
            self.tables.setdefault(self.table, [])
        elif tag == "tr":
            self.tables[self.table].append([])
        elif tag in ("td", "th"):
            self.tables[self.table][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if ("td" in self.open or "th" in self.open) and "svg" not in self.open:
            cell = self.tables[self.table][-1]
            cell[-1] = f"{cell[-1]} {data.strip()}".strip()


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    run = method_run(tmp_path_factory)
    reals = tmp_path_factory.mktemp("reals") / "reals"
    write_store(reals, methods=("real",), names=False, seed=3)
    kept = dict(corruptions._items)
    corruptions._items.clear()
    corruptions._items["grey"] = Corruption(
        "All grey", "times", (1, 2), lambda crop, level, rng: crop // int(2 * level)
    )
    try:
        return evaluate(run.path, [store_of(run), reals], corrupt=True, resamples=200)
    finally:
        corruptions._items.clear()
        corruptions._items.update(kept)


def page_of(result, tmp_path):
    return write_evaluation_page(result, tmp_path / "page.html").read_text()


def test_the_matrix_holds_every_figure_with_its_interval(result, tmp_path):
    found = read(page_of(result, tmp_path))
    rows = found.tables["heat s1 matrix"][1:]
    assert [(row[0], row[1]) for row in rows] == [
        ("forged-methods", "per video"), ("forged-methods", "per picture"), ("reals", "per picture")
    ]  # fmt: skip
    video = result["stores"][0]["video"]
    for place, name in enumerate(("auc", "accuracy", "eer", "ap")):
        assert rows[0][5 + place] == f"{number(video[name]['mean'])} {limits(video[name])}"
    assert rows[0][2:5] == ["30", "5", "2"]
    assert rows[2][5] == NONE
    tpr = result["stores"][0]["operating_point"]["video"]["tpr"]
    assert rows[0][9] == f"{number(tpr['mean'])} {limits(tpr)}"


def test_methods_classes_and_corruptions_are_there(result, tmp_path):
    found = read(page_of(result, tmp_path))
    store = result["stores"][0]
    parts = {row[0]: row for row in found.tables["parts"][1:]}
    for part in store["methods"]:
        auc = part["video"]["auc"]
        assert parts[part["method"]][3] == f"{number(auc['mean'])} {limits(auc)}"
    told = found.tables["heat s1 confusion"]
    assert told[0][2:] == ["real", "Grid", "Stripes"]
    for row, line in zip(told[1:4], store["classes"]["confusion"], strict=True):
        assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row[2:]] == [
            f"{10 * value:.2f} %" for value in line
        ]
    falls = found.tables["falls"]
    change = store["robustness"]["corruptions"][0]["levels"][1]["video"]["auc_minus_clean"]
    assert falls[2][:2] == ["All grey", "2"]
    assert falls[2][3] == f"{number(change['mean'], signed=True)} {limits(change, signed=True)}"


def test_a_store_of_one_class_is_told_by_its_accuracy(result):
    panel = robustness_panels(result["stores"][1]["robustness"], "picture")[0]
    assert "Accuracy under All grey" in panel.drawing
    assert robustness_panels(result["stores"][0]["robustness"], "video")[0].drawing.count("<circle") == 3


def test_the_intervals_are_drawn_to_scale():
    auc = {"mean": 0.8, "low": 0.7, "high": 0.9, "n": 3}
    part = {"method": "Grid", "compression": "c23"}
    figures = {"auc": auc, "accuracy": auc, "fakes": 3, "reals": 4}
    (bar,) = bars([{**part, "video": figures}], "video")
    assert bar.name == "Grid, c23"
    x1, x2 = (float(re.search(rf'{end}="([\d.]+)%" [^>]*class="span"', bar.drawing)[1]) for end in ("x1", "x2"))
    at = float(re.search(r'cx="([\d.]+)%"', bar.drawing)[1])
    assert at - x1 == pytest.approx(x2 - at, abs=0.02)
    assert x1 == pytest.approx(2 + 96 * 0.4, abs=0.01)  # from chance, 0.5, to 1


def test_shades_go_from_guessing_to_perfect(result):
    store = copy.deepcopy(result["stores"][0])
    figure = {"low": None, "high": None, "n": 1}
    store["video"] |= {"auc": {"mean": 0.75, **figure}, "eer": {"mean": 0.5, **figure}, "ap": {"mean": 1.0, **figure}}
    cells = matrix([store])[0].cells
    assert [cells[at].shade for at in (0, 2, 3)] == [0.5, 0.0, 1.0]


def test_it_needs_nothing_from_outside_and_runs_nothing(result, tmp_path):
    page = page_of(result, tmp_path)
    found = read(page)
    assert "script" not in found.tags
    assert not [value for name, value in found.attributes if name in ("src", "href") and not value.startswith("#")]
    assert "http" not in page.replace("http-equiv", "")
    assert "url(" not in page


def test_equal_results_give_equal_bytes(result, tmp_path):
    assert page_of(result, tmp_path) == page_of(copy.deepcopy(result), tmp_path)


def test_hostile_names_are_escaped(result, tmp_path):
    odd = copy.deepcopy(result)
    odd["headline"], odd["warnings"] = EVIL, [EVIL]
    odd["model"] |= {"name": EVIL, "detector": EVIL, "protocol": EVIL, "classes": [EVIL]}
    for store in odd["stores"]:
        store["name"] = store["protocol"] = EVIL
        for part in store["methods"]:
            part["method"] = EVIL
        store["robustness"]["corruptions"][0]["title"] = EVIL
    odd["stores"][0]["classes"]["names"] = [EVIL] * 3
    page = page_of(odd, tmp_path)
    assert "script" not in read(page).tags
    assert EVIL not in page


def test_a_net_without_calibration_and_without_corruption(result, tmp_path):
    plain = copy.deepcopy(result)
    for store in plain["stores"]:
        store["calibration"]["after"] = store["operating_point"] = store["robustness"] = store["classes"] = None
    found = read(page_of(plain, tmp_path))
    assert "heat s1 confusion" not in found.tables
    header = found.tables["heat s1 matrix"][0]
    assert header[-2:] == ["Fakes called fake", "Reals called fake"]
    share = plain["stores"][1]["called_fake"]["real"]
    assert found.tables["heat s1 matrix"][3][-1] == f"{number(share['mean'])} {limits(share)}"
