"""The page of robustness against sparsity: its numbers are those of the result, and it is safe, whole, the same."""

import copy
import re
from html.parser import HTMLParser

import pytest

from clew.reports.robustness_charts import panels
from clew.reports.robustness_page import write_robustness_page
from clew.reports.words import limits, number
from clew.tickets.evaluation.robustness_words import findings, headline

EVIL = "\"><script>alert(1)</script><b x='"
VOID = {"meta", "br", "img", "link", "input", "hr"}
TOLD = {"no more": "holds", "less": "holds", "more": "fails", "undecided": "open", "nothing left": "open"}


def interval(mean, half=0.02):
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": 3}


def cost(auc, more, verdict):
    found = {"auc": interval(auc), "lost": interval(0.8 - auc)}
    if verdict is None:
        return found
    return found | {"lost_more": interval(more), "minus_dense": interval(-more), "verdict": verdict, "reason": "why"}


def net(level, verdicts, aucs):
    """A net under blur 1 and 2 and an attack of 1: AUCs and verdicts of the mean, the blurs and the attack."""
    costs = [cost(auc, 0.01 * at, verdict) for at, (auc, verdict) in enumerate(zip(aucs, verdicts, strict=True))]
    clean = {"auc": interval(0.8), "minus_dense": None if level == 0 else interval(0.0)}
    blurs = [{"level": float(at), **one} for at, one in enumerate(costs[1:3], 1)]
    return {
        "method": "imp" if level else "dense",
        "level": level,
        "sparsity": level,
        "control": False,
        "seeds": [0, 1, 2],
        "clean": clean,
        "mean": costs[0],
        "corruptions": [{"name": "blur", "title": "Gaussian blur", "unit": "sigma", "levels": blurs}],
        "attack": {"name": "pgd-10", "title": "Attack", "unit": "of 255", "clean": clean}
        | {"levels": [{"level": 1.0, **costs[3]}]},
    }


@pytest.fixture
def result():
    dense = net(0.0, [None] * 4, [0.7, 0.72, 0.68, 0.3])
    levels = [
        net(0.5, ["no more", "less", "no more", "undecided"], [0.71, 0.73, 0.69, 0.31]),
        net(0.9, ["undecided", "no more", "more", "nothing left"], [0.61, 0.63, 0.59, 0.21]),
    ]
    levels += [one | {"method": "one-shot"} for one in copy.deepcopy(levels)]
    store = {
        "name": "faces",
        "hash": "ab" * 32,
        "protocol": "as-given-v1, 64 px",
        "layout": "folder",
        "own": True,
        "unit": "picture",
        **dict.fromkeys(("pictures", "rows", "clusters"), 100),
        **dict.fromkeys(("reals", "fakes"), 50),
        "attacked": {"pictures": 40, "rows": 40, "clusters": 40},
        "dense": dense,
        "levels": levels,
        "findings": findings(dense, levels, 0.02),
    }
    data = [{"name": "faces", "hash": "ab" * 32, "protocol": "as-given-v1, 64 px"}]
    ladder = {"name": "ladder", "path": "ladder", "detector": "meso4", "input_size": 64, "scope": "global"}
    return {
        "format": 1,
        "headline": headline([store]),
        "split": "test",
        "resamples": 1000,
        "margin": 0.02,
        "limit": 100,
        "warnings": ["mind the gap"],
        "attack": {"name": "pgd-10", "steps": 10, "epsilons": [1.0], "limit": 40},
        "ladder": ladder | {"rewind": "init", "seeds": [0, 1, 2], "tickets": 9, "data": data},
        "stores": [store],
    }


class Reader(HTMLParser):
    """Checks that tags nest; collects the rows of tables, what was said in them by class, tags and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.rows, self.classes = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.classes.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.classes[-1].append(dict(attrs).get("class", ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip()


def read(result, tmp_path):
    page = write_robustness_page(result, tmp_path / "robustness.html").read_text()
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return page, reader


def test_the_numbers_are_those_of_the_result(result, tmp_path):
    page, reader = read(result, tmp_path)
    dense, *levels = [result["stores"][0]["dense"], *result["stores"][0]["levels"][:2]]
    first = [row for row in zip(reader.rows, reader.classes, strict=True) if len(row[0]) == 6][1:5]
    assert [row[0][:2] for row in first] == [
        ["All corruptions, mean", ""],
        ["Gaussian blur", "1"],
        ["Gaussian blur", "2"],
        ["Attack", "1"],
    ]
    for at_row, (row, kinds) in enumerate(first):

        def pick(one, at=at_row):
            return [one["mean"], *one["corruptions"][0]["levels"], one["attack"]["levels"][0]][at]

        found = pick(dense)
        assert row[2] == f"{number(found['auc']['mean'])} {limits(found['auc'])}"
        assert row[3] == f"{number(found['lost']['mean'])} {limits(found['lost'])}"
        for at, level in enumerate(levels):
            more, verdict = pick(level)["lost_more"], pick(level)["verdict"]
            assert row[4 + at] == f"{number(more['mean'], signed=True)} {limits(more, signed=True)} {verdict}"
            assert kinds[4 + at] == f"num {TOLD[verdict]}"
    text = re.sub(r"\s+", " ", page)
    assert f"<blockquote>{result['headline']}</blockquote>" in text
    assert "<li>mind the gap</li>" in page
    for finding in result["stores"][0]["findings"]:
        assert all(finding[key] in page for key in ("average", "single", "attack"))


def test_a_line_for_each_strength_and_a_chart_for_each_corruption(result):
    store = result["stores"][0]
    blur, attack = panels(store["dense"], store["levels"][:2])
    assert (blur.title, attack.title) == ("Gaussian blur", "Attack")
    assert blur.drawing.count('class="line"') == 3  # clean, 1, 2
    assert attack.drawing.count('class="line"') == 2
    assert blur.drawing.count('class="mark"') == 3 * 3
    assert blur.drawing.count('class="band"') == 3
    assert re.findall(r'class="name \w+">([^<]*)<', blur.drawing) == ["clean", "1", "2"]
    height = [float(y) for y in re.findall(r'cy="([\d.]+)"', blur.drawing)]
    clean, mild, hard = height[:3], height[3:6], height[6:]
    assert clean[0] < mild[0] < hard[0]  # a lower AUC lies lower on paper
    assert hard[2] > hard[0]
    across = [float(x) for x in re.findall(r'cx="([\d.]+)"', blur.drawing)][:3]
    assert across == sorted(across)


def test_a_level_without_an_interval_has_no_band(result):
    store = copy.deepcopy(result["stores"][0])
    for one in (store["dense"], *store["levels"]):
        for level in one["corruptions"][0]["levels"]:
            level["auc"] |= {"low": None, "high": None}
    (blur, _) = panels(store["dense"], store["levels"][:2])
    assert "interval unknown" in blur.drawing


def test_no_attack_no_chart_of_it(result, tmp_path):
    store = result["stores"][0]
    for one in (store["dense"], *store["levels"]):
        one["attack"] = None
    store["attacked"], result["attack"] = None, None
    store["findings"] = findings(store["dense"], store["levels"], 0.02)
    page, _ = read(result, tmp_path)
    assert "attack" not in page.lower()
    assert len(panels(store["dense"], store["levels"][:2])) == 1


def test_names_from_files_stay_text_and_nothing_may_run(result, tmp_path):
    store = result["stores"][0]
    store["name"] = store["protocol"] = result["ladder"]["name"] = result["warnings"][0] = EVIL
    _, reader = read(result, tmp_path)
    assert "script" not in reader.tags
    assert not {"src", "onload", "onclick"} & {name for name, _ in reader.attributes}
    assert [value for name, value in reader.attributes if name == "content" and "default-src" in value] == [
        "default-src 'none'; style-src 'unsafe-inline'"
    ]
    assert all(value.startswith("#") for name, value in reader.attributes if name == "href")


def test_equal_results_give_equal_bytes(result, tmp_path):
    first = write_robustness_page(result, tmp_path / "a.html").read_bytes()
    assert write_robustness_page(copy.deepcopy(result), tmp_path / "b.html").read_bytes() == first
