"""Sections of the ladder's page: what is kept, failure signatures, classes forgotten, parts of the network."""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from simulated import Recipe, simulate

from clew.base.files import read_json, write_json
from clew.cli.tables import ladder_lines
from clew.reports.classes import by_class
from clew.reports.kept import kept_rows
from clew.reports.ladder_page import write_page
from clew.reports.parts import part_maps
from clew.reports.series import tickets
from clew.reports.words import limits, number
from clew.tickets.ladder import LADDER, Ladder, open_ladder

FORGERIES = ("Deepfakes", "Face2Face")


def page_of(ladder: Ladder, summary: dict[str, Any] | None = None) -> str:
    return unescape(write_page(ladder, summary or ladder.summary(), []).read_text())


def changed(ladder: Ladder, runs: Mapping[str, Mapping[str, Any]] = {}, detector: Mapping[str, Any] = {}) -> Ladder:
    """A ladder whose ladder.json says something else of some runs, or of its detector."""
    facts = read_json(ladder.path / LADDER)
    for name, one in facts["runs"].items():
        one.update(runs.get(name, runs.get("all", {})))
    facts["settings"]["detector"] |= detector
    write_json(ladder.path / LADDER, facts)
    return open_ladder(ladder.path)


def section(page: str, name: str) -> str:
    found = page.partition(f'<section id="{name}">')[2]
    return found.partition("</section>")[0]


@pytest.fixture(scope="module", name="ladder")
def _ladder(tmp_path_factory: pytest.TempPathFactory) -> Ladder:
    return simulate(tmp_path_factory.mktemp("search") / "ladder")


@pytest.fixture(scope="module", name="summary")
def _summary(ladder: Ladder) -> dict[str, Any]:
    return ladder.summary()


def test_what_is_kept_stands_on_the_page_and_in_the_terminal(ladder: Ladder, summary: dict[str, Any]) -> None:
    rows = [row for row in summary["levels"] if not row["controls"]]
    told, lines = section(page_of(ladder, summary), "kept"), "\n".join(ladder_lines(summary))
    for row in rows:
        for one in (row["accuracy"], *row["retention"].values()):
            assert number(one["mean"]) in told
            assert limits(one) in told
    imp = next(row for row in rows if (row["method"], row["target"]) == ("imp", 0.8))
    assert number(imp["minus_one_shot"]["mean"], signed=True) in told
    share, above = (imp["retention"][key]["mean"] for key in ("accuracy", "above_chance"))
    assert f"imp 80 %: keeps {share:.3f} [" in lines
    assert f"of the dense accuracy, {above:.3f} [" in lines
    assert f"AUC minus one-shot {imp['minus_one_shot']['mean']:+.3f} [" in lines
    assert "imp 40 %: keeps" in lines
    assert next(line for line in lines.splitlines() if "imp 40 %: keeps" in line).endswith("of what lies above chance")
    first = next(row for row in kept_rows(summary) if row.method == "IMP")
    assert first.one_shot[1] == "", "IMP's first level is one-shot's"


def test_a_ladder_without_failures_says_what_was_looked_for(tmp_path: Path) -> None:
    calm = {"cut_off": {}, "dead_filters": {}, "filters": 10, "best_epoch": 1}
    ladder = changed(simulate(tmp_path, Recipe(levels=(0.2, 0.3), seeds=1)), {"all": calm})
    assert ladder.summary()["signatures"] == []
    told = section(page_of(ladder), "failures")
    assert "No failure signature found" in told
    for words in ("more than the margin (0.02)", "more than 5 %", "layers that no path", "more than 10 % dead filters"):
        assert words in told
    assert "<li>" not in told


def test_failures_stand_by_kind_and_many_are_folded(ladder: Ladder, summary: dict[str, Any]) -> None:
    kinds = {one["kind"] for one in summary["signatures"]}
    assert kinds == {"not converged", "cliff"}
    told = section(page_of(ladder, summary), "failures")
    assert all(one["text"] in told for one in summary["signatures"])
    assert told.index("A cliff between two levels") < told.index("Trainings that had not converged")
    assert "Dead filters" not in told
    assert "does not say which paths are left" in told, "as in a ladder of an earlier version"
    assert "<details>" not in told
    many = {**summary, "signatures": 7 * [summary["signatures"][0]]}
    assert "All 7\N{NO-BREAK SPACE}findings" in section(page_of(ladder, many), "failures")


def test_dead_filters_and_layers_cut_off_are_told(tmp_path: Path) -> None:
    ladder = simulate(tmp_path, Recipe(levels=(0.8,), seeds=1, methods=("imp",)))
    facts = read_json(ladder.path / LADDER)["runs"]["imp-s0-80"]["layers"]
    name = "blocks.4.0.weight"
    broken = {"filters": 10, "dead_filters": {name: 3}, "cut_off": {name: facts[name][0]}}
    told = section(page_of(changed(ladder, {"imp-s0-80": broken})), "failures")
    assert f"nothing passes {name}" in told
    assert "imp at 80 %: 30 % of the filters are dead" in told


def test_classes_stand_in_the_order_in_which_they_are_forgotten(tmp_path: Path) -> None:
    recipe = Recipe(by_method=True, unclear="Face2Face", levels=(0.5, 0.9), cost={"imp": 0.3, "one-shot": 0.9})
    ladder = simulate(tmp_path, recipe)
    summary = ladder.summary()
    one_shot = next(one for one in summary["classes"]["forgotten"] if one["method"] == "one-shot")
    assert one_shot["order"][0]["name"] == "Face2Face"
    page, found = section(page_of(ladder, summary), "classes"), by_class(summary)
    assert found is not None
    assert [one.method for one in found.losses] == ["IMP", "One-shot"]
    for losses, ranked in zip(found.losses, summary["classes"]["forgotten"], strict=True):
        for _, rows in losses.tables:
            assert [name for name, _ in rows] == [one["name"] for one in ranked["order"]]
        assert ranked["text"].split(": ", 1)[1][1:] in page
    level = next(one for one in summary["classes"]["levels"] if (one["method"], one["target"]) == ("one-shot", 0.9))
    recall = next(one["recall"] for one in level["minus_dense"]["classes"] if one["name"] == "Face2Face")
    assert f'{number(recall["mean"], signed=True)}</span> <span class="limits">{limits(recall, signed=True)}' in page
    assert all(one["text"] in ladder_lines(summary) for one in summary["classes"]["forgotten"])


def test_the_parts_of_a_network_are_rows_and_its_layers_lie_within_them(tmp_path: Path) -> None:
    ladder = changed(
        simulate(tmp_path, Recipe(layers=5, methods=("imp", "random"))),
        detector={"name": "mi_net", "options": {"blocks": 3}},
    )
    summary = ladder.summary()
    (chart,) = part_maps(summary, tickets(summary))
    parts = [("block 1", "200"), ("block 2", "400"), ("block 3", "600"), ("other layers", "1,800")]
    assert [(name, size) for name, size, _ in chart.rows] == parts
    runs = [ladder.facts["runs"][f"imp-s{seed}-80"] for seed in range(3)]
    kept = runs[0]["layers"]["blocks.1.0.weight"]
    assert chart.rows[1][2][1].text == f"{100 * kept[0] / kept[1]:.0f}"
    assert chart.whole_net[2][1].text == f"{100 * runs[0]['remaining'] / runs[0]['prunable']:.0f}"
    page = page_of(ladder, summary)
    assert "block 2</th>" in section(page, "parts")
    layers = section(page, "layers")
    assert "<summary>other layers" in layers
    assert "<summary>block 2" not in layers, "its single layer is the part"
    assert '<th scope="row">4.0.weight</th>' in layers
    plain = page_of(simulate(tmp_path / "plain", Recipe(seeds=1)))
    assert 'id="parts"' not in plain
    assert "<summary>" not in section(plain, "layers")
