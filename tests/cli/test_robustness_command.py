"""`clew tickets robustness` as a user meets it."""

import json
import re

import pytest

from clew.cli.tables import interval
from clew.tickets.evaluation.corruptions import Corruption, corruptions
from command_line import clew, ended, refused, told
from method_stores import forged_ladder, store_of


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return forged_ladder(tmp_path_factory)


def test_words_tables_json_and_page_agree(ladder, tmp_path, monkeypatch):
    monkeypatch.setattr(corruptions, "_items", {"jpeg": corruptions.get("jpeg")})
    words = ["tickets", "robustness", ladder.path, "--out", tmp_path, "--limit", "24", "--resamples", "100"]
    words += ["--attack-limit", "12", "--epsilon", "2,8", "--steps", "2"]
    found = told(*words)
    page = found.pop("page")
    assert page == str(tmp_path / "robustness.html")
    assert json.loads((tmp_path / "robustness.json").read_text()) == found
    assert [one["name"] for one in found["stores"][0]["dense"]["corruptions"]] == ["jpeg"]
    assert found["attack"]["epsilons"] == [2.0, 8.0]
    first, *lines = clew(*words).splitlines()
    assert first == found["headline"]
    (level,) = found["stores"][0]["levels"]
    hard = level["corruptions"][0]["levels"][3]
    assert hard["level"] == 30
    (line,) = [line for line in lines if line.startswith("  jpeg 30 ")]
    assert line.endswith(f"{interval(hard['lost_more'], True):25} {hard['verdict']}")
    assert any(re.match(r"  pgd-2 8 +\d\.\d{3} \[", line) for line in lines)
    assert any("24 pictures" in line and "attacked 12 pictures; AUC per video, 2 seeds" in line for line in lines)
    plain = told(*words, "--no-attack", "--method", "imp", "--sparsity", "0.5")
    assert plain["attack"] is plain["stores"][0]["attacked"] is None
    assert plain["stores"][0]["levels"][0]["mean"] == level["mean"]


def test_bad_input_is_one_clear_error(ladder, tmp_path):
    command = ("tickets", "robustness")
    for words, why in (
        ([tmp_path], "is not a ladder"),
        ([ladder.path, tmp_path], "is not a finished crop store"),
        ([ladder.path, "--method", "luck"], "no luck tickets. There are: dense 0; imp 0.5"),
        ([ladder.path, "--sparsity", "0.8"], "no such tickets at level 0.8"),
        ([ladder.path, "--epsilon", "x"], "--epsilon x: expected levels of 255"),
        ([ladder.path, "--epsilon", "2,1"], "--epsilon 2,1: the levels must rise"),
        ([ladder.path, "--resamples", "3"], "--resamples 3"),
        ([ladder.path, "--out", ladder.path / "ladder.json"], "is a file, not a folder for scores"),
    ):
        assert why in refused(*command, *words)
    assert ended(*command, ladder.path, "--limit", "-1").code == 2
    assert not (ladder.path / "robustness").exists()


def test_a_corruption_of_ones_own_is_taken_too(ladder, tmp_path, monkeypatch):
    dark = Corruption("Darker", "share", (0.5,), lambda crop, level, rng: (crop * level).astype(crop.dtype))
    monkeypatch.setattr(corruptions, "_items", {"dark": dark})
    words = [ladder.path, store_of(ladder), "--out", tmp_path, "--limit", "12", "--resamples", "100", "--no-attack"]
    assert "  dark 0.5 " in clew("tickets", "robustness", *words)
