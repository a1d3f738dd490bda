"""`clew evaluate` as a user meets it."""

import csv
import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from clew.base.errors import ClewError
from clew.cli.evaluate import evaluate
from clew.cli.tables import interval
from clew.tickets.file import read_ticket, write_ticket
from method_stores import forged_ladder, store_of

app = typer.Typer()
app.command()(evaluate)


def run(*words, code=0):
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, ClewError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return forged_ladder(tmp_path_factory)


def test_the_first_line_says_what_was_found(ladder, store_path):
    found = json.loads(run(ladder.path, store_of(ladder), store_path, "--json"))
    first, *rest = run(ladder.path, store_of(ladder), store_path).splitlines()
    auc = found["stores"][0]["video"]["auc"]
    verb = "tells" if auc["low"] > 0.5 else "is not shown to tell"
    assert first.startswith(f"meso4 (2 seeds) {verb} fakes from reals on forged: AUC {auc['mean']:.2f} [")
    assert "per video; " in first
    assert first.endswith("trained on forged.")
    assert any(re.match(rf"video +60 {re.escape(interval(auc))}", line) for line in rest)
    grid = next(part for part in found["stores"][0]["methods"] if part["method"] == "Grid")["video"]["auc"]
    assert any(re.match(rf"  Grid +20 +20 {re.escape(interval(grid))}", line) for line in rest)


def test_an_entry_of_a_ladder_its_scores_and_page(ladder, tmp_path):
    words = [ladder.path, store_of(ladder), "--method", "imp", "--level", "0.5", "--robustness", "--limit", "40"]
    found = json.loads(run(*words, "--out", tmp_path / "out", "--json"))
    assert found["page"] == str(tmp_path / "out" / "evaluation.html")
    assert found["model"]["method"] == "imp"
    assert "imp at 50 %, 2 seeds" in Path(found["page"]).read_text()
    kept = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert kept == {key: value for key, value in found.items() if key != "page"}
    assert len(list((tmp_path / "out" / "scores").iterdir())) == 2 * (1 + 16)
    text = run(*words, "--out", tmp_path / "out")
    assert "corrupted (40 pictures), per video" in text
    assert re.search(r"  h264 40 +\d\.\d{3} \[.*\] +[+-]\d\.\d{3}", text)


def test_verify_ends_well_or_with_exit_code_1_and_one_line(ladder, tmp_path):
    assert run(ladder.path, store_of(ladder), "--verify") == (
        "verified: 4 tickets keep what they promise, 28 promises checked\n"
    )
    one = ladder.path / "tickets/dense-s0.safetensors"
    assert run(one, store_of(ladder), "--verify") == "verified: 1 ticket keeps what it promises, 7 promises checked\n"
    path = Path(shutil.copy(ladder.path / "tickets/dense-s1.safetensors", tmp_path / "lies.safetensors"))
    content = read_ticket(path)
    metrics = content.header["metrics"] | {"test": content.header["metrics"]["test"] | {"auc": 1.0}}
    write_ticket(path, replace(content, header=content.header | {"metrics": metrics}))
    line = run(path, store_of(ladder), "--verify", code=1)
    assert re.fullmatch(
        r"lies\.safetensors: test auc promised 1, found 0\.\d+, gap -0\.\d+ \(tolerance 0\.002\)\n", line
    )
    told = json.loads(run(path, store_of(ladder), "--verify", "--json", code=1))
    assert told["passed"] is False
    assert [check["figure"] for check in told["checks"] if not check["kept"]] == ["test auc"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{ladder}", "{tmp}"], "is not a finished crop store"),
        (["{tmp}/none", "{store}"], "is not a ladder"),
        (["{tmp}/none.safetensors", "{store}"], r"none\.safetensors does not exist"),
        (["{ladder}", "{store}", "--out", "{ladder}/ladder.json"], "is a file, not a folder for scores"),
        (["{ladder}", "{store}", "--trust", "meso4"], "--trust meso4: expected package.module:factory"),
        (["{ladder}", "{store}", "--trust", ":Small"], "--trust :Small: expected package.module:factory"),
        (["{ladder}", "{store}", "--trust", "nowhere_at_all:Small"], "'nowhere_at_all' cannot be imported"),
        (["{ladder}", "{store}", "--trust", "os:system"], "'os:system' states no facts"),
        (["{ladder}", "{store}", "--method", "luck"], "no luck ticket"),
        (["{ladder}", "{store}", "--split", "exam"], "unknown split 'exam'"),
        (["{ladder}", "{pictures}", "--verify"], "promises its figures on the store forged"),
    ],
)
def test_bad_input_is_one_clear_error(ladder, tmp_path, store_path, words, why):
    places = {"ladder": ladder.path, "store": store_of(ladder), "tmp": tmp_path, "pictures": store_path}
    with pytest.raises(ClewError, match=why):
        run(*(word.format(**places) for word in words))


def test_every_sample_and_seed_as_csv(ladder, store_path, tmp_path):
    words = [ladder.path, store_of(ladder), store_path]
    found = json.loads(run(*words, "--csv", tmp_path / "all.csv", "--json"))
    assert found["csv"] == str(tmp_path / "all.csv")
    rows = list(csv.DictReader((tmp_path / "all.csv").open(newline="")))
    stores = {one["name"]: one for one in found["stores"]}
    for name, one in stores.items():
        mine = [row for row in rows if row["store"] == name]
        assert len(mine) == 2 * one["pictures"]
        for seed in ("0", "1"):
            own = [row for row in mine if row["seed"] == seed]
            assert len({row["sample"] for row in own}) == one["pictures"]
        labels, prob = ([float(row[key]) for row in mine if row["seed"] == "1"] for key in ("label", "probability"))
        other = [[float(row[key]) for row in mine if row["seed"] == "0"] for key in ("label", "probability")]
        mean = (roc_auc_score(labels, prob) + roc_auc_score(*other)) / 2
        assert mean == pytest.approx(one["picture"]["auc"]["mean"])
    kept = [row for row in ladder.scores.to_pylist() if (row["method"], row["split"]) == ("dense", "test")]
    trained = {(row["seed"], row["sample"]): 1 / (1 + math.exp(row["logits"][0] - row["logits"][1])) for row in kept}
    temperature = {s: ladder.ticket("dense", 0.0, s).header["calibration"]["temperature"] for s in (0, 1)}
    for row in rows:
        if row["store"] == "forged":
            raw = trained[int(row["seed"]), row["sample"]]
            assert float(row["probability"]) == pytest.approx(raw, abs=1e-5)
            scaled = 1 / (1 + ((1 - raw) / raw) ** (1 / temperature[int(row["seed"])]))
            assert float(row["calibrated"]) == pytest.approx(scaled, abs=1e-4)
            assert row["method"] in ("real", "Grid", "Stripes")
    run(*words, "--csv", tmp_path / "kept.csv", "--out", tmp_path / "out")
    assert (tmp_path / "kept.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()
    for bad, why in (([tmp_path], "is a folder"), ([tmp_path / "x.csv", "--verify"], "exclude each other")):
        with pytest.raises(ClewError, match=why):
            run(*words, "--csv", *bad)
