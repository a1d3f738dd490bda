"""The page of an explanation: its numbers are those of the result, its pictures are inside, and nothing on it may run."""

import base64
import copy
import re
import shutil
from html.parser import HTMLParser

import pytest

from clew.base.errors import ClewError
from clew.explain.wording import aimed, faithful, headline, kept, leaning
from clew.reports.explain_charts import Level, Line, against_sparsity, removal, ring_bars
from clew.reports.explain_markdown import explained_markdown, frequency_claim, shortened
from clew.reports.explain_page import key_figures, write_explain_page
from clew.reports.study_tables import figure as interval
from clew.reports.words import limits, number, percent
from explained_ladders import explained

EVIL = "\"><script>alert(1)</script><b x='"
VOID = {"meta", "br", "img", "link", "input", "hr"}


@pytest.fixture
def done(tmp_path_factory, tmp_path):
    found = explained(tmp_path_factory)
    shutil.copytree(found.out / "gallery", tmp_path / "gallery")
    return copy.deepcopy(found.found), tmp_path


class Reader(HTMLParser):
    """Checks that tags nest; collects tables' rows, tags and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.rows = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip()


def read(result, folder):
    page = write_explain_page(result, folder).read_text()
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return page, reader


def test_numbers_and_pictures_are_those_of_the_result(done):
    result, folder = done
    page, reader = read(result, folder)
    assert f"<blockquote>{result['headline']}</blockquote>" in page
    nets = [result["dense"], *result["levels"]]
    rows = {row[0]: row[1:] for row in reader.rows if row}
    for part in result["dense"]["parts"]:
        assert [cell.split("%")[0].strip() for cell in rows[part]] == [f"{100 * net['parts'][part]['mean']:.0f}" for net in nets]  # fmt: skip
    for name, net in zip(("dense", percent(0.5)), nets, strict=True):
        cells = next(row[1:] for row in reader.rows if row and row[0].removesuffix(" fails") == name and len(row) == 9)
        passed = sum(one["passed"] for one in net["trust"]["sanity"]["seeds"])
        assert cells[0] == f"{'passes' if passed == 2 else 'fails'} {passed} of 2 seeds"
        gain = net["trust"]["deletion_gain"]
        assert cells[2] == f"{number(gain['mean'], signed=True)} {limits(gain, signed=True)}"
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    wanted = [row for group in result["gallery"]["groups"] for row in group["rows"]]
    assert len(shown) == len(wanted) * 3  # the picture, dense, one level
    assert base64.b64decode(shown[1]) == (folder / wanted[0]["cells"][0]["overlay"]).read_bytes()
    for row in wanted:
        assert f"max {row['scale']:.2g}" in page


def test_a_level_that_fails_is_marked_and_dense_alone_has_a_page(done):
    result, folder = done
    result["levels"][0]["trust"]["sanity"] = {"passed": False, "seeds": [{"seed": 0, "passed": False}] * 2}
    page, _ = read(result, folder)
    assert page.count('class="badge fails"') >= 1
    (figure,) = [one for one in key_figures(result) if one.label == "Pass the sanity check"]
    assert (figure.value[-4:], figure.tone) == ("of 2", "open")
    for row in (row for group in result["gallery"]["groups"] for row in group["rows"]):
        row["cells"] = row["cells"][:1]
    result |= {"levels": [], "shown_level": None, "flips": None, "filters": None, "clues": None, "bands": None}
    result["ladder"]["method"], result["dense"]["trust"], result["dense"]["region"] = "", None, None
    result["counts"]["slow"], result["between_seeds"] = None, None
    page, _ = read(result, folder)
    assert "Is the focus kept" not in page
    assert "dense networks alone" in page


def test_names_from_files_stay_text_and_nothing_may_run(done):
    result, folder = done
    result["store"]["name"] = result["ladder"]["name"] = result["ladder"]["detector"] = result["headline"] = EVIL
    result["warnings"] = [EVIL]
    for row in (row for group in result["gallery"]["groups"] for row in group["rows"]):
        row["sample"] = row["method"] = EVIL
    for level in result["flips"]["levels"]:
        level["groups"][0]["name"] = EVIL
    _, reader = read(result, folder)
    assert "script" not in reader.tags
    assert not {"onload", "onclick", "onerror"} & {name for name, _ in reader.attributes}
    assert all(value.startswith("data:image/jpeg;base64,") for name, value in reader.attributes if name == "src")
    policies = [value for name, value in reader.attributes if name == "content" and "default-src" in value]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert all(value.startswith("#") for name, value in reader.attributes if name == "href")


def test_equal_results_give_equal_bytes_and_a_lost_picture_is_told(done):
    result, folder = done
    first = write_explain_page(result, folder).read_bytes()
    assert write_explain_page(copy.deepcopy(result), folder).read_bytes() == first
    lost = next(row for group in result["gallery"]["groups"] for row in group["rows"])["picture"]
    (folder / lost).unlink()
    with pytest.raises(ClewError, match=r"gallery.*run the same 'clew explain' again"):
        write_explain_page(result, folder)


def test_markdown_tells_the_same_numbers_and_judges_the_claim(done):
    result = copy.deepcopy(done[0])
    text = explained_markdown({"small": shortened(result)})
    assert text == explained_markdown({"small": result})
    assert f"### small\n\n`clew explain`: IMP of {result['ladder']['detector']}" in text
    assert result["headline"] in text
    rows = {line.split(" | ")[0][2:]: line for line in text.splitlines() if line.startswith("| ")}
    level = result["levels"][0]
    assert interval(level["trust"]["infidelity"]) in rows[percent(level["level"])]
    assert interval(result["dense"]["trust"]["infidelity"]) in rows["dense"]
    assert text.count("reliance minus dense") == len(result["levels"])
    for leans, verdict in (
        ("more", "*Holds*: holds in 1"),
        ("less", "*Fails*: fails in 1"),
        ("not shown", "*Undecided*"),
    ):
        for one in result["bands"]["levels"][1:]:
            one["leans"] = leans
        assert verdict in frequency_claim({"small": result})
    assert explained_markdown({}) == ""
    assert "*Not tested*" in frequency_claim({"quick": {**result, "bands": None}})


def figure(mean, half=0.05, n=3):
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n, "pictures": 50, "clusters": 50}


def test_charts_show_each_point_and_leave_out_what_is_not_known():
    line = Line("ticket", "s1", [(0.0, figure(0.9)), (0.5, None), (0.8, figure(0.4))])
    panel = against_sparsity("Spearman", "", [line], [Level("other seed", "s0", figure(0.6))])
    across, height = (list(map(float, re.findall(rf'c{axis}="([\d.]+)"', panel.drawing))) for axis in "xy")
    assert len(across) == len(height) == 2
    assert across[0] < across[1]
    assert height[0] < height[1]  # a higher figure lies higher on paper
    assert panel.drawing.count('class="slab"') == 1
    assert against_sparsity("Nothing", "", [Line("ticket", "s1", [(0.0, None)])]) is None
    curve = removal("Deletion", "", [("dense", "dense", [1.0, 0.5, 0.25]), ("by lot", "s0", None)])
    points = re.search(r'd="M([^"]+)"', curve.drawing).group(1).split(" L")
    assert [round(226 - float(point.split(",")[1])) for point in points] == [214, 107, 54]  # of 214 units
    bars = ring_bars("Share", "", ["0+", "4+"], [("dense", "dense", [figure(0.25), figure(0.75)])])
    tall = [float(one) for one in re.findall(r'<rect[^>]*height="([\d.]+)"', bars.drawing)]
    assert tall[1] == pytest.approx(3 * tall[0], rel=0.01)


def net(level, rank=None, inside=None, gain=None):
    region = None if inside is None else {"energy_inside": {"value": inside}, "area_share": {"value": figure(0.31)}}
    focus = {"spearman": rank, "top_overlap": None} if level else None
    return {"level": level, "focus": focus, "region": region, "region_gain": gain, "trust": None}


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        (figure(0.91), "looks where the dense network looks"),
        (figure(0.84), "looks partly where the dense network looks"),  # its lower end is below 0.8
        (figure(0.52), "is not shown to look where"),
        (figure(0.44), "looks elsewhere"),
        (figure(0.9) | {"low": None}, "too few test clusters"),
        (None, "cannot be compared"),
    ],
)
def test_the_words_follow_the_interval(rank, words):
    assert words in kept(net(0.8, rank), None)


def test_faithful_where_the_interval_lies_above_chance():
    def measured(level, deletion, insertion):
        gains = {"deletion_gain": figure(deletion), "insertion_gain": insertion and figure(insertion)}
        return {**net(level), "trust": {**gains, "sanity": {"passed": True, "seeds": []}}}

    nets = [measured(0.0, 0.2, 0.02), measured(0.8, 0.04, 0.3)]
    assert faithful(nets) == (
        "Removing pixels in the heatmaps' order works better than a random order for the dense network, showing pixels in "
        "the heatmaps' order works better than a random order for the tickets at 80 %."
    )
    assert "for all of these networks" in faithful([measured(0.0, 0.2, None), measured(0.5, 0.1, None)])
    assert "not shown to find the pixels" in faithful([measured(0.8, 0.04, -0.3)])
    assert faithful([net(0.5)]) == ""


def test_the_headline_in_full():
    dense, level = net(0.0, inside=figure(0.58), gain=figure(0.27)), net(0.8, figure(0.91), figure(0.62), figure(0.31))
    found = {"dense": dense, "levels": [level], "shown_level": 0.8, "between_seeds": {"spearman": figure(0.6)}}
    found |= {"ladder": {"detector": "cnn5"}}
    assert headline(found) == (
        "At 80 % the ticket looks where the dense network looks: Spearman 0.91 [0.86, 0.96]. It keeps 62 % [57, 67] of its "
        "heat inside the forged region (58 % [53, 63] for the dense network), whose area is 31 %: more than by chance."
    )
    assert kept(level, found["between_seeds"]).endswith("two dense networks of other seeds: 0.60 [0.55, 0.65].")
    assert aimed(net(0.0, inside=figure(0.3), gain=figure(-0.01)), "Dense").endswith(
        "not shown to be more than by chance."
    )
    assert aimed(net(0.0, inside=figure(0.2), gain=figure(-0.11)), "Dense").endswith("less than by chance.")
    alone = {**found, "levels": [], "shown_level": None}
    assert headline(alone).startswith("The dense cnn5 keeps 58 %")
    bands = {"levels": [{"level": 0, "leans": None}, {"level": 0.5, "leans": "more"}, {"level": 0.8, "leans": "less"}]}
    assert "more at 50 % and less at 80 %" in leaning({"bands": bands})
    assert "not shown to lean more" in leaning({"bands": {"levels": [{"level": 0.5, "leans": "undecided"}]}})
