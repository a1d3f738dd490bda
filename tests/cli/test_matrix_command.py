"""`clew tickets matrix` as a user meets it, and the scores of a ladder as CSV."""

import csv
import json

import pytest

from command_line import clew, refused, told
from moved_ladders import moved_ladders


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    return moved_ladders(tmp_path_factory)


def test_the_matrix_of_two_methods(moved, tmp_path):
    ladders = [moved.grid.path, moved.stripes.path, moved.there.path]
    found = told("tickets", "matrix", *ladders, "--out", tmp_path / "matrix", "--level", 0.5)
    assert found["page"] == str(tmp_path / "matrix" / "matrix.html")
    kept = json.loads((tmp_path / "matrix" / "matrix.json").read_text())
    assert kept == {key: value for key, value in found.items() if key not in ("json", "picture", "page")}
    lines = clew("tickets", "matrix", *ladders, "--out", tmp_path / "matrix")
    assert "meso4, global, rewind init, at 50 %, intervals 90 %" in lines
    (line,) = [line for line in lines.splitlines() if " moved-imp " in line]
    ticket = next(one for cell in found["cells"] for one in cell["tickets"] if one["method"] == "moved-imp")
    assert line.startswith("both/Grid    both/Stripes moved-imp")
    assert f"{ticket['auc']['mean']:.3f} [" in line
    assert f"{ticket['minus_own']['mean']:+.3f} [" in line
    why = refused("tickets", "matrix", moved.there.path, "--out", tmp_path / "no")
    assert "brings tickets of both/Grid, whose own ladder is not among those given" in why
    assert not (tmp_path / "no").exists()


def test_the_scores_of_a_ladder(moved, tmp_path):
    found = told("tickets", "show", moved.grid.path, "--csv", tmp_path / "scores.csv")
    rows = list(csv.DictReader((tmp_path / "scores.csv").open(newline="")))
    assert (found["csv"], found["rows"]) == (str(tmp_path / "scores.csv"), len(rows))
    assert len(rows) == moved.grid.scores.num_rows
    first = moved.grid.scores.slice(0, 1).to_pylist()[0]
    assert (rows[0]["sample"], rows[0]["forgery"]) == (first["sample"], first["forgery"])
    assert [float(rows[0][f"logit_{at}"]) for at in (0, 1)] == pytest.approx(first["logits"])
    ticket = moved.grid.path / "tickets" / "dense-s0.safetensors"
    assert "is a ticket, which keeps no scores" in refused("tickets", "show", ticket, "--csv", tmp_path / "x.csv")
    assert "is a folder" in refused("tickets", "show", moved.grid.path, "--csv", tmp_path)
