"""The matrix as picture and page: colours by sign and size, grey where the interval holds 0, names that stay text."""

import copy
import json
import re
from xml.etree import ElementTree

import pytest

from clew.base.errors import ClewError
from clew.reports.matrix_chart import LEAST, STRONGEST, cut, limit_of, panels, shade
from clew.reports.matrix_page import headline, picture, render, table, write_matrix
from matrix_ladders import small_matrix

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def matrix():
    return small_matrix()


def groups(svg):
    """Of every cell its title, the class of its rectangle, its opacity and its lines of text."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") == "pt":
            (rect,) = group.findall(f"{SVG}rect")
            lines = [text.text for text in group.findall(f"{SVG}text")]
            opacity = rect.get("fill-opacity")
            found[group.find(f"{SVG}title").text] = (rect.get("class"), opacity and float(opacity), lines)
    return found


def gap(mean, low, high):
    return {"mean": mean, "low": low, "high": high}


def test_colour_says_the_sign_and_grey_that_the_interval_holds_zero():
    assert shade(gap(-0.2, -0.3, -0.1), 0.4)["class_"] == "worse"
    assert shade(gap(0.2, 0.1, 0.3), 0.4)["class_"] == "better"
    for holds in (gap(0.2, -0.01, 0.4), gap(-0.2, -0.4, 0.0), gap(0.0, 0.0, 0.0), gap(0.3, None, None)):
        assert shade(holds, 0.4) == {"class_": "open"}
    full, half = (shade(gap(mean, 0.1, 0.5), 0.4)["fill_opacity"] for mean in (0.4, 0.2))
    assert full == STRONGEST
    assert half == pytest.approx((0.08 + STRONGEST) / 2, abs=1e-3)
    mirrored = shade(gap(-0.2, -0.5, -0.1), 0.4)["fill_opacity"]
    assert mirrored == half, "the map is centred at 0"


def test_the_fullest_colour_is_the_greatest_difference(matrix):
    assert limit_of(matrix) == pytest.approx(0.38)
    none = copy.deepcopy(matrix)
    for cell in none["cells"]:
        for ticket in cell["tickets"]:
            ticket["minus_own"] = None
    assert limit_of(none) == LEAST


def test_the_picture_stands_alone_and_holds_every_cell(matrix):
    svg = picture(matrix)
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "var(" not in svg, "colours are told, not taken from a page"
    texts = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert [title for _, title in _titles(matrix)] == [text for text in texts if text in dict(_titles(matrix)).values()]
    where = "found on ff-c23/Deepfakes, trained and tested on celeb"
    cells = groups(svg)
    told = {name: cell for name, cell in cells.items() if name.startswith(f"{where}: minus")}
    by_mean = {cell[2][0]: (cell[0], cell[2][2]) for cell in told.values()}
    minus = "\N{MINUS SIGN}"
    assert by_mean[f"{minus}0.080"] == ("worse", "AUC 0.800")
    assert by_mean[f"{minus}0.380"] == ("worse", "AUC 0.500")
    assert by_mean["+0.040"] == ("open", "AUC 0.920")
    own = next(cell for name, cell in cells.items() if name.startswith("IMP found and trained on celeb: AUC 0.880"))
    assert (own[0], own[2][:2]) == ("own", ["own ticket", "AUC 0.880"])
    assert cells["found on celeb, trained and tested on ff-c23/Deepfakes: not tried"][0] == "untried"


def _titles(matrix):
    return [(panel.method, panel.title) for panel in panels(matrix, 0.8)]


def test_there_is_a_heatmap_for_each_kind_that_was_tried(matrix):
    kinds = ["moved-imp", "moved-imp-trained", "moved-imp-fresh", "zero-shot"]
    assert [name for name, _ in _titles(matrix)] == kinds
    less = copy.deepcopy(matrix)
    for cell in less["cells"]:
        cell["tickets"] = [ticket for ticket in cell["tickets"] if "fresh" not in ticket["method"]]
    assert [name for name, _ in _titles(less)] == [kind for kind in kinds if "fresh" not in kind]


def test_the_page_needs_nothing_from_elsewhere_and_lists_every_ticket(matrix):
    page = render(matrix)
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "<script" not in page
    assert (
        len(table(matrix))
        == sum(len(cell["tickets"]) for cell in matrix["cells"])
        == page.count('<tr><th scope="row">')
    )
    assert page.count("<figure>") == 4
    row = next(row for row in table(matrix) if (row.trained, row.kind) == ("celeb", "IMP, moved"))
    assert (row.level, row.verdict, row.figures[1][0]) == ("80\N{NO-BREAK SPACE}%", "Fails", "\N{MINUS SIGN}0.080")


def test_the_headline_counts(matrix):
    found = headline(matrix).replace("\N{NO-BREAK SPACE}", " ")
    assert "of 2 tickets brought along with the weights that they were rewound to, 2 worse, 0 better, 0 not" in found
    assert "of 2 tickets taken as they are, 2 worse, 0 better, 0 not told apart" in found


def test_names_from_files_stay_text(matrix):
    bad = '<script>alert(1)</script>"\x1b[31m\x00'
    hostile = json.loads(json.dumps(matrix).replace("celeb", json.dumps(bad)[1:-1]))
    assert "<script" not in render(hostile)
    names = {text.text for text in ElementTree.fromstring(picture(hostile)).iter(f"{SVG}title")}
    assert '<script>alert(1)</script>"?[31m?' in names


def test_long_names_keep_their_ends():
    assert cut("ff-c23", 60) == "ff-c23"
    short = cut("a-very-long-store-name-of-neural-textures", 100)
    assert len(short) <= 100 / 7.2
    assert short.startswith("a-ve")
    assert short.endswith("textures")


def test_files_are_the_same_each_time_and_a_file_is_no_folder(matrix, tmp_path):
    first, second = (write_matrix(matrix, tmp_path / name) for name in ("a", "b"))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["matrix.html", "matrix.json", "matrix.svg"]
    for key in ("json", "picture", "page"):
        with open(first[key], "rb") as one, open(second[key], "rb") as two:
            assert one.read() == two.read()
    assert json.loads((tmp_path / "a" / "matrix.json").read_text()) == matrix
    (tmp_path / "file").write_text("")
    with pytest.raises(ClewError, match="is a file, not a folder for a matrix"):
        write_matrix(matrix, tmp_path / "file")
