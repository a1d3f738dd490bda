"""Methods told apart, from `clew train --classes method` on: figures recounted from the scores, tickets, other data."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from clew.datasets.index import read_table
from clew.datasets.store import CropStore
from clew.tickets.ticket import load_ticket
from clew.training.data import load_split
from command_line import FAST, clew, refused, told
from method_stores import write_store

NAMES = ["real", "Grid", "Stripes"]
NET = ["--detector", "meso4", "--size", 32, "--batch-size", 12, "--lr", "4e-3", "--classes", "method", *FAST]
VIDEOS = 10  # of each method in the test part


class Many(NamedTuple):
    """A run of two seeds on a store of two methods, and what `clew train` told."""

    store: CropStore
    run: Path
    found: dict[str, Any]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    base = tmp_path_factory.mktemp("many")
    store = write_store(base / "forged")
    found = told("train", store.path, *NET, "--epochs", 8, "--seeds", 2, "--out", base / "run")
    return Many(store, base / "run", found)


def recounted(scores: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """By seed the truth (V,) and the mean probabilities (V, K) of the test part's videos, from the logits kept."""
    runs: dict[int, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in read_table(scores).to_pylist():
        if row["split"] == "test" and row["method"] == "dense":
            runs[row["seed"]][row["video"]].append(row)
    found = []
    for _, videos in sorted(runs.items()):
        truth = [NAMES.index(rows[0]["forgery"]) for rows in videos.values()]
        mean = [softmax(np.array([r["logits"] for r in rows], np.float64), axis=1).mean(0) for rows in videos.values()]
        found.append((np.array(truth), np.stack(mean)))
    return found


def test_figures_of_each_class_are_those_of_scikit_learn(many):
    dense, runs = many.found["classes"]["dense"], recounted(many.run / "scores.parquet")
    assert many.found["classes"]["names"] == NAMES
    assert dense["seeds"] == len(runs) == 2
    aucs = np.mean([[roc_auc_score(truth == k, prob[:, k]) for k in range(3)] for truth, prob in runs], axis=0)
    assert [one["auc"]["mean"] for one in dense["classes"]] == pytest.approx(aucs.tolist())
    assert dense["macro_auc"]["mean"] == pytest.approx(aucs.mean())
    assert dense["macro_auc"]["mean"] > 0.6, "it learnt to tell them apart"
    rates = [precision_recall_fscore_support(t, p.argmax(1), labels=range(3), zero_division=np.nan) for t, p in runs]
    for at, key in enumerate(("precision", "recall", "f1")):
        for k, one in enumerate(dense["rates"]):
            wanted = np.mean([rate[at][k] for rate in rates])
            assert one[key] is None if np.isnan(wanted) else one[key]["mean"] == pytest.approx(wanted)


def test_the_confusion_matrix_counts_every_video_once(many):
    dense, runs = many.found["classes"]["dense"], recounted(many.run / "scores.parquet")
    told_as = np.array(dense["confusion"])
    assert np.allclose(told_as, np.mean([confusion_matrix(t, p.argmax(1), labels=range(3)) for t, p in runs], axis=0))
    assert told_as.sum(axis=1).tolist() == [VIDEOS] * 3
    assert [one["count"] for one in dense["rates"]] == [VIDEOS] * 3
    assert dense["accuracy"]["mean"] == pytest.approx(np.trace(told_as) / (3 * VIDEOS))


def test_the_binary_score_is_what_is_left_of_real(many):
    runs = recounted(many.run / "scores.parquet")
    aucs = [roc_auc_score(truth > 0, 1 - prob[:, 0]) for truth, prob in runs]
    assert many.found["dense"]["auc"]["mean"] == pytest.approx(np.mean(aucs))
    right = [np.mean((1 - prob[:, 0] > 0.5) == (truth > 0)) for truth, prob in runs]
    assert many.found["dense"]["accuracy"]["mean"] == pytest.approx(np.mean(right))


def test_the_same_figures_by_evaluate_and_promised_by_the_tickets(many):
    found = told("evaluate", many.run, many.store.path)
    told_by, dense = found["stores"][0]["classes"], many.found["classes"]["dense"]
    assert found["model"]["classes"] == told_by["names"] == NAMES
    assert np.allclose(told_by["confusion"], dense["confusion"])
    assert told_by["macro_auc"]["mean"] == pytest.approx(dense["macro_auc"]["mean"])
    for mine, theirs, rates in zip(told_by["classes"], dense["classes"], dense["rates"], strict=True):
        assert mine["auc"]["mean"] == pytest.approx(theirs["auc"]["mean"])
        assert mine["count"] == rates["count"]
    checks = told("evaluate", many.run, many.store.path, "--verify")
    assert checks["passed"]
    assert {f"{split} macro_auc" for split in ("val", "test")} <= {one["figure"] for one in checks["checks"]}


def test_a_ticket_has_a_probability_for_each_class(many):
    ticket = load_ticket(many.run / "tickets" / "dense-s1.safetensors")
    samples = load_split([many.store], "test", classes=NAMES)
    crops = samples.crops(np.arange(len(samples)), 32)
    prob = ticket.probabilities(crops)
    assert ticket.classes == NAMES
    assert prob.shape == (len(samples), 3)
    assert np.allclose(prob.sum(1), 1)
    assert np.allclose(ticket.predict(crops), 1 - prob[:, 0], atol=1e-12)
    calibrated = ticket.predict(crops, calibrated=True)
    assert calibrated.shape == (len(samples),)
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1
    shown = clew("tickets", "show", many.run / "tickets" / "dense-s1.safetensors")
    assert "3 classes: real, Grid, Stripes" in shown


def test_methods_that_were_not_learnt_are_fakes_all_the_same(many, tmp_path):
    new = write_store(tmp_path / "new", methods=("real", "Grid", "Unheard-of"), seed=4)
    store = told("evaluate", many.run, new.path)["stores"][0]
    assert (store["classes"]["unknown"], store["classes"]["absent"]) == (VIDEOS, ["Stripes"])
    assert np.sum(store["classes"]["confusion"]) == pytest.approx(2 * VIDEOS)
    assert store["video"]["fakes"] == 2 * VIDEOS
    binary = told("evaluate", many.run, write_store(tmp_path / "one", methods=("real", "Unheard-of")).path)
    told_by = binary["stores"][0]
    assert told_by["video"]["auc"]["mean"] >= 0
    assert told_by["classes"] is None or told_by["classes"]["unknown"] == VIDEOS


def test_tables_for_people_name_every_class(many):
    text = clew("evaluate", many.run, many.store.path)
    assert "classes, per video: macro AUC" in text
    again = clew("train", many.store.path, *NET, "--epochs", 8, "--seeds", 2, "--out", many.run)
    for name in NAMES:
        assert f"  {name} " in text
        assert any(line.startswith(f"{name} ") for line in again.splitlines())


def test_a_search_tells_the_classes_of_every_level(many, tmp_path):
    start = many.run / "tickets" / "dense-s0.safetensors"
    words = ["--method", "imp", "--sparsity", "0.5", "--seeds", 1, "--epochs", 2, "--from", start]
    found = told("tickets", "find", many.store.path, *NET, *words, "--out", tmp_path / "ladder")
    (level,) = (row for row in found["classes"]["levels"] if row["method"] == "imp")
    assert len(level["classes"]) == 3
    change = level["minus_dense"]["macro_auc"]["mean"]
    assert change == pytest.approx(level["macro_auc"]["mean"] - found["classes"]["dense"]["macro_auc"]["mean"])
    assert Path(found["page"]).is_file()
    assert "macro AUC" in clew("tickets", "show", tmp_path / "ladder")


def test_what_has_no_methods_or_other_ones_is_refused(many, store_path, tmp_path):
    out = ["--out", tmp_path / "o"]
    assert "--classes method needs two or more" in refused("train", store_path, *NET, *out)
    assert "exclude each other" in refused("train", many.store.path, *NET, "--blend", *out)
    three = write_store(tmp_path / "three", methods=("real", "Grid", "Stripes", "Waves"))
    line = refused("train", three.path, *NET, "--epochs", 8, "--seeds", 2, "--out", many.run)
    assert "is the ladder of another search" in line
    assert not (tmp_path / "o").exists()
