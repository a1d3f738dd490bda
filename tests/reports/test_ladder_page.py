"""The page of a ladder: its numbers are those of the scores, and it is safe, whole and the same every time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from simulated import PICTURES_PER_EPOCH, REST, Recipe, samples, simulate, store_for
from sklearn.metrics import accuracy_score, roc_auc_score

from clew.base.files import read_json, write_json
from clew.reports.ladder_page import write_page
from clew.reports.words import limits, number
from clew.tickets.ladder import Ladder, open_ladder

VOID = {"meta", "img", "br", "link", "input", "hr"}
EVIL = "\"><script>alert(1)</script><b x='"


class Reader(HTMLParser):
    """Checks that tags nest, and collects tables (rows of cell texts), tag names and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.table = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.table = str(dict(attrs).get("class"))
            self.tables.setdefault(self.table, [])
        elif tag == "tr":
            self.tables[self.table].append([])
        elif tag in ("td", "th"):
            self.tables[self.table][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            cell = self.tables[self.table][-1]
            cell[-1] = f"{cell[-1]} {data.strip()}".strip()


def _read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def _page(ladder: Ladder, stores: list[Path] | None = None, summary: dict[str, Any] | None = None) -> str:
    return write_page(ladder, summary or ladder.summary(), stores or []).read_text()


@pytest.fixture(scope="module", name="ladder")
def _ladder(tmp_path_factory: pytest.TempPathFactory) -> Ladder:
    return simulate(tmp_path_factory.mktemp("search") / "ladder")


@pytest.fixture(scope="module", name="store")
def _store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_for(tmp_path_factory.mktemp("data") / "faces")


@pytest.fixture(scope="module", name="summary")
def _summary(ladder: Ladder) -> dict[str, Any]:
    return ladder.summary()


@pytest.fixture(scope="module", name="page")
def _page_of_all(ladder: Ladder, store: Path, summary: dict[str, Any]) -> str:
    return _page(ladder, [store], summary)


def test_headline_and_every_auc_are_on_the_page(summary: dict[str, Any], page: str) -> None:
    text = unescape(page)
    assert summary["headline"]["level"] is not None
    assert summary["headline"]["text"] in text
    for found in [summary["dense"]["auc"], *(row["auc"] for row in summary["levels"])]:
        assert f"{found['mean']:.3f}" in text
        assert f"[{found['low']:.3f}, {found['high']:.3f}]" in text
    assert {row["verdict"] for row in summary["levels"]} >= {"winning", "losing"}
    assert text.count("Holds: winning") >= 1


def _by_hand(ladder: Ladder, method: str, controls: str, level: float) -> tuple[list[float], list[float]]:
    """AUC and accuracy by seed, from scores.parquet with scikit-learn."""
    rows = ladder.scores.filter(pc.equal(ladder.scores["split"], "test")).to_pylist()
    own = [r for r in rows if (r["method"], r["controls"]) == (method, controls) and abs(r["level"] - level) < 1e-9]
    auc, accuracy = [], []
    for seed in sorted({r["seed"] for r in own}):
        some = [r for r in own if r["seed"] == seed]
        logits, labels = np.array([r["logits"] for r in some], np.float64), [r["label"] for r in some]
        fake = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
        auc.append(float(roc_auc_score(labels, fake)))
        accuracy.append(float(accuracy_score(labels, fake >= 0.5)))
    return auc, accuracy


def test_the_table_is_what_scikit_learn_finds_in_the_scores(ladder: Ladder, page: str) -> None:
    rows = [row for row in _read(page).tables["levels"][1:] if len(row) == 11]
    places = [("dense", "", 0.0)]
    names = {"dense": "Dense", "imp": "IMP", "one-shot": "One-shot"}
    for method, owner in (("imp", ""), ("one-shot", ""), ("random", "imp"), ("random", "one-shot")):
        places += [(method, owner, level) for level in (0.4, 0.8)]
    assert len(rows) == len(places)
    dense, _ = _by_hand(ladder, *places[0])
    found: dict[tuple[str, str, float], list[float]] = {}
    for place, row in zip(places, rows, strict=True):
        auc, accuracy = _by_hand(ladder, *place)
        found[place] = auc
        assert row[0] == names.get(place[0], f"Random (for {names.get(place[1])})")
        assert [cell.split()[0] for cell in row[5:7]] == [f"{np.mean(auc):.3f}", f"{np.mean(accuracy):.3f}"]
        if place[0] != "dense":
            assert row[7].split()[0] == number(float(np.mean(np.subtract(auc, dense))), signed=True)
        assert row[9] == "3"
    for place, row in zip(places, rows, strict=True):
        if place[0] in ("imp", "one-shot"):
            random = found["random", place[0], place[2]]
            assert row[8].split()[0] == number(float(np.mean(np.subtract(found[place], random))), signed=True)


def test_every_mean_of_a_difference_stands_with_its_interval(summary: dict[str, Any], page: str) -> None:
    text = unescape(page)
    for row in summary["levels"]:
        for key in ("minus_dense", "minus_random"):
            if row[key]:
                assert limits(row[key], signed=True) in text


def test_sparsity_and_layers_are_those_of_the_masks(ladder: Ladder, page: str) -> None:
    tables = _read(page).tables
    runs = ladder.facts["runs"]
    row = next(r for r in tables["levels"] if r[0] == "IMP" and r[1].startswith("80"))
    assert row[2] == f"{100 * runs['imp-s0-80']['sparsity']:.2f}\N{NO-BREAK SPACE}%"
    assert row[4] == f"{runs['imp-s0-80']['remaining']:,}"
    heat = tables["heat s1"]
    assert [r[0] for r in heat[1:-1]] == [f"blocks.{at}.0.weight" for at in range(5)]
    kept, size = runs["imp-s0-80"]["layers"]["blocks.3.0.weight"]
    assert heat[4][1:] == ["800", heat[4][2], f"{100 * kept / size:.0f}"]


def test_layers_are_in_the_networks_order_not_by_spelling(tmp_path: Path) -> None:
    heat = _read(_page(simulate(tmp_path, Recipe(layers=60, seeds=1, levels=(0.5,))))).tables["heat s1"]
    assert [r[0] for r in heat[1:-1]] == [f"blocks.{at}.0.weight" for at in range(60)]


def test_costs_count_what_came_before_and_shared_trainings_once(ladder: Ladder, page: str) -> None:
    rows = _read(page).tables["costs"]
    own = 3 * 3 * PICTURES_PER_EPOCH  # epochs, seeds
    imp = next(r for r in rows if r[0] == "IMP" and r[1].startswith("7"))
    assert imp[3:8] == [f"{own:,}", f"{3 * own:,}", "9", f"{2 * own:,}", "100\N{NO-BREAK SPACE}%"]
    one_shot = [r for r in rows if r[0].startswith("One-shot")]
    assert "the same trainings as IMP" in one_shot[0][0]
    assert one_shot[1][3:8] == [f"{own:,}", f"{2 * own:,}", "6", f"{own:,}", "50\N{NO-BREAK SPACE}%"]
    assert rows[-1][5] == str(len(ladder.facts["runs"])) == "21"
    assert rows[-1][3] == f"{21 * 3 * PICTURES_PER_EPOCH:,}"


def test_the_ticket_file_is_compared_with_all_dense_numbers(ladder: Ladder, page: str) -> None:
    prunable = ladder.facts["runs"]["dense-s0"]["prunable"]
    assert f"{4 * (prunable + REST) / 1000:,.1f}\N{NO-BREAK SPACE}kB" in page
    assert f"{(ladder.path / 'tickets' / 'imp-s0-80.safetensors').stat().st_size / 1000:.1f}" in page


def test_examples_show_the_pictures_and_the_mean_probabilities(
    ladder: Ladder, summary: dict[str, Any], page: str
) -> None:
    reader = _read(page)
    pictures = [value for name, value in reader.attributes if name == "src"]
    assert len(pictures) == 12
    assert all(str(one).startswith("data:image/jpeg;base64,") for one in pictures)
    names = re.findall(r'class="file" title="([^"]+)"', page)
    assert len(set(names)) == 12
    assert set(names) <= {row["sample"] for row in samples(Recipe())}
    said = re.search(r'dense <b>([\d.]+)</b><br>ticket <b>([\d.]+)</b>.*?title="([^"]+)"', page, re.DOTALL)
    assert said
    level = summary["headline"]["level"]
    for shown, (method, at) in zip(said.groups()[:2], (("dense", 0.0), ("imp", level)), strict=True):
        rows = [r for r in ladder.scores.to_pylist() if (r["method"], r["level"], r["sample"]) == (method, at, said[3])]
        logits = np.array([r["logits"] for r in rows if r["controls"] == ""], np.float64)
        assert shown == f"{np.mean(1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))):.2f}"


def test_a_store_that_is_missing_or_changed_costs_the_examples_alone(
    ladder: Ladder, summary: dict[str, Any], tmp_path: Path
) -> None:
    other = store_for(tmp_path / "faces", Recipe(store_hash="ff" * 32))
    for stores in ([], [tmp_path / "nowhere"], [other]):
        page = _page(ladder, stores, summary)
        assert "<img" not in page
        assert "is not at hand unchanged" in page
        assert str(tmp_path) not in page
        assert "Holds: winning" in page


def test_equal_ladders_give_equal_bytes_wherever_they_lie(
    ladder: Ladder, store: Path, tmp_path: Path, page: str
) -> None:
    again = simulate(tmp_path / "elsewhere")
    assert _page(again, [store_for(tmp_path / "moved")]) == page
    write_json(again.path / "run.json", {"seconds": {"dense-s0": 7357.5}, "stores": ["/secret/place"]})
    assert _page(open_ladder(again.path), [store]) == page


def test_nothing_volatile_and_nothing_from_outside_is_on_the_page(ladder: Ladder, page: str) -> None:
    assert "//" not in re.sub(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", "", page)
    assert str(ladder.path) not in page
    assert not re.search(r"\b20\d\d-\d\d|\bseconds\b|\bminutes\b", page)
    assert "default-src 'none'" in page
    assert {"link", "iframe", "object", "embed"}.isdisjoint(_read(page).tags)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    recipe = Recipe(store=EVIL, odd_sample=f"real/{EVIL}.jpg", forgeries=(f"swap{EVIL}",), levels=(0.8,), seeds=2)
    page = _page(simulate(tmp_path / "ladder", recipe), [store_for(tmp_path / "faces", recipe)])
    reader = _read(page)
    assert reader.tags.count("script") == 1
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "evil" not in reader.tags
    assert not any(name.startswith("on") for name, _ in reader.attributes)


def _edge_cases() -> Iterator[Any]:
    yield pytest.param(Recipe(methods=("imp",), levels=(0.8,)), id="one method, no control, one level")
    yield pytest.param(Recipe(seeds=1), id="one seed")
    yield pytest.param(Recipe(rewind="none"), id="not rewound")
    yield pytest.param(Recipe(rewind="step:5", seeds=2, levels=(0.5,)), id="rewound to a step")
    yield pytest.param(Recipe(clusters=1, forgeries=("Deepfakes",), seeds=2), id="one cluster: no intervals")
    yield pytest.param(
        Recipe(levels=tuple(round(1 - 0.8**k, 6) for k in range(1, 21)), seeds=2, methods=("imp",)), id="20 levels"
    )
    yield pytest.param(Recipe(cost={"imp": 4.0, "one-shot": 4.0, "random": 4.0, "dense": 0.0}), id="all lose")
    yield pytest.param(Recipe(methods=()), id="no levels")


@pytest.mark.parametrize("recipe", list(_edge_cases()))
def test_every_kind_of_ladder_has_a_page(recipe: Recipe, tmp_path: Path) -> None:
    ladder = simulate(tmp_path / "ladder", recipe)
    summary = ladder.summary()
    page = _page(ladder, [store_for(tmp_path / "faces", recipe)], summary)
    _read(page)
    text = unescape(page)
    assert summary["headline"]["text"] in text
    assert all(f"{row['auc']['mean']:.3f}" in text for row in summary["levels"])
    assert not re.search(
        r"\b(None|nan|inf)\b", re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
    )
    assert ("<img" in page) == bool(summary["levels"])
    if summary["pooled"] is None:
        assert "no random control" in text
    if summary["dense"]["auc"]["low"] is None:
        assert "[no interval]" in text


def test_where_weights_go_on_the_dense_line_is_the_one_trained_on(tmp_path: Path) -> None:
    ladder = simulate(tmp_path, Recipe(rewind="none"))
    page = _page(ladder)
    costs = [row[0] for row in _read(page).tables["costs"]]
    assert any(name.startswith("Dense, trained on (for IMP)") for name in costs)
    assert "trained on for as long" in page


def test_the_page_can_be_written_elsewhere_and_leaves_nothing_half_done(
    ladder: Ladder, summary: dict[str, Any], tmp_path: Path
) -> None:
    out = write_page(ladder, summary, [], tmp_path / "deep" / "page.html")
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]
    assert json.dumps(read_json(ladder.path / "ladder.json")) == json.dumps(ladder.facts)


def test_targets_of_many_decimals_find_their_runs(tmp_path: Path) -> None:
    recipe = Recipe(levels=(0.123456789, 0.87654321), methods=("imp",), seeds=1)
    page = _page(simulate(tmp_path / "ladder", recipe), [store_for(tmp_path / "faces", recipe)])
    assert len(_read(page).tables["heat s1"][1]) == 4
    assert "no ticket file" not in page


def test_too_few_seeds_show_nothing_as_cleared(page: str, tmp_path: Path) -> None:
    assert 'class="dot"' in page
    two = _page(simulate(tmp_path, Recipe(seeds=2)))
    assert 'class="dot hollow"' in two
    assert 'class="dot"' not in two
    assert "figure good" in page
    assert "figure good" not in two
