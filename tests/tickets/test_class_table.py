"""The table of a ladder of several classes: what scikit-learn and the measures of one network find in its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, roc_auc_score

from clew.base.errors import ClewError
from clew.tickets.class_rates import class_rates, class_recalls
from clew.tickets.class_table import class_table
from clew.tickets.ladder import SCHEMA
from clew.training.class_intervals import class_figures
from clew.training.intervals import cluster_weights

NAMES = ("real", "Grid", "Stripes")
RUNS = [("dense", "", 0.0), ("imp", "", 0.5), ("imp", "", 0.8), ("random", "imp", 0.8)]
VIDEOS, FRAMES = 24, 3


def scores(
    runs: Sequence[tuple[str, str, float]] = RUNS,
    seeds: Sequence[int] = (0, 1, 2),
    rewind: str = "init",
    forgeries: Sequence[str] = NAMES,
    frames: int = FRAMES,
) -> pa.Table:
    """Scores of runs on test videos of `frames` pictures (0: single pictures), two videos to a cluster."""
    rows: list[dict[str, Any]] = []
    for method, controls, level in runs:
        for seed in seeds:
            rng = np.random.default_rng([len(method), round(100 * level), seed])
            where = {"method": method, "controls": controls, "level": level, "seed": seed, "run": f"{method}-{seed}"}
            where |= {"scope": "global" if level else "", "rewind": rewind if level else "", "store": "s"}
            for number in range(VIDEOS):
                forgery = forgeries[number % len(forgeries)]
                place = NAMES.index(forgery) if forgery in NAMES else 1
                for frame in range(max(1, frames)):
                    logits = rng.normal(size=len(NAMES)) + (1.5 - level) * np.eye(len(NAMES))[place]
                    rows.append(
                        where
                        | {"split": "test", "sample": f"{number:02}#{frame}", "label": int(forgery != "real")}
                        | {"video": f"{number:02}" if frames else "", "cluster": f"c{number // 6}"}
                        | {"forgery": forgery, "compression": "", "logits": logits.tolist()}
                    )
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def by_hand(table: pa.Table, method: str, level: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, mean probabilities and clusters of the videos of one run."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        if (row["method"], row["level"], row["seed"]) == (method, level, seed):
            found.setdefault(row["video"] or row["sample"], []).append(row)
    videos = [found[name] for name in sorted(found)]
    prob = np.array([softmax(np.array([r["logits"] for r in one], np.float64), axis=1).mean(axis=0) for one in videos])
    truth = [NAMES.index(one[0]["forgery"]) if one[0]["forgery"] in NAMES else -1 for one in videos]
    return np.array(truth), prob, np.array([one[0]["cluster"] for one in videos])


@pytest.mark.parametrize("frames", [FRAMES, 0])
def test_every_figure_is_the_mean_over_seeds_of_what_scikit_learn_finds(frames: int) -> None:
    table = scores(frames=frames)
    found = class_table(table, NAMES, resamples=20)
    runs = [by_hand(table, "dense", 0.0, seed) for seed in range(3)]
    aucs = np.array([[roc_auc_score(truth == k, prob[:, k]) for k in range(3)] for truth, prob, _ in runs])
    rates = np.mean([precision_recall_fscore_support(t, p.argmax(1), labels=[0, 1, 2])[:3] for t, p, _ in runs], axis=0)
    dense = found["dense"]
    assert dense["macro_auc"]["mean"] == pytest.approx(aucs.mean())
    assert dense["accuracy"]["mean"] == pytest.approx(np.mean([(p.argmax(1) == t).mean() for t, p, _ in runs]))
    assert [one["auc"]["mean"] for one in dense["classes"]] == pytest.approx(aucs.mean(axis=0))
    for at, key in enumerate(("precision", "recall", "f1")):
        assert [one[key]["mean"] for one in dense["rates"]] == pytest.approx(rates[at])
    assert [one["count"] for one in dense["rates"]] == [8, 8, 8]
    matrices = [confusion_matrix(truth, prob.argmax(1)) for truth, prob, _ in runs]
    assert np.allclose(dense["confusion"], np.mean(matrices, axis=0))
    assert dense["balanced_accuracy"] == pytest.approx(rates[1].mean())
    places = [(row["method"], row["controls"], row["target"]) for row in found["levels"]]
    assert places == [("imp", None, 0.5), ("imp", None, 0.8), ("random", "imp", 0.8)]
    sparse = [by_hand(table, "imp", 0.8, seed) for seed in range(3)]
    lost = np.mean([roc_auc_score(t == 2, p[:, 2]) for t, p, _ in sparse]) - aucs[:, 2].mean()
    assert found["levels"][1]["minus_dense"]["classes"][2]["auc"]["mean"] == pytest.approx(lost)


def test_a_cell_measured_beside_others_has_the_intervals_of_one_measured_alone() -> None:
    table = scores()
    found = class_table(table, NAMES, resamples=50, seed=4)
    runs = {seed: by_hand(table, "imp", 0.5, seed) for seed in range(3)}
    truth, _, clusters = runs[0]
    prob = {seed: one for seed, (_, one, _) in runs.items()}
    alone = class_figures(truth, prob, clusters, 50, np.random.default_rng(4)).as_dict(NAMES)
    level = found["levels"][0]
    for mine, theirs in [
        (level["macro_auc"], alone["macro_auc"]),
        *((one["auc"], two["auc"]) for one, two in zip(level["classes"], alone["classes"], strict=True)),
    ]:
        assert mine["mean"] == pytest.approx(theirs["mean"])
        assert mine["low"] == pytest.approx(max(0, theirs["low"]))
        assert mine["high"] == pytest.approx(min(1, theirs["high"]))
        assert mine["n"] == 3


def test_differences_are_paired_by_seed_and_resample() -> None:
    table = scores(runs=[("dense", "", 0.0)])
    same = table.to_pylist()
    same += [{**row, "method": "imp", "level": 0.5, "rewind": "init", "run": "imp"} for row in same]
    level = class_table(pa.Table.from_pylist(same, schema=SCHEMA), NAMES, resamples=30)["levels"][0]
    assert level["macro_auc"]["high"] > level["macro_auc"]["low"]
    for one in [level["minus_dense"]["macro_auc"], *(c["auc"] for c in level["minus_dense"]["classes"])]:
        assert (one["mean"], one["low"], one["high"]) == (0.0, 0.0, 0.0)


def test_where_weights_go_on_a_level_is_held_against_the_dense_net_trained_on() -> None:
    table = scores(runs=[("dense", "", 0.0), ("dense", "imp", 0.5), ("imp", "", 0.5)], rewind="none")
    found = class_table(table, NAMES, resamples=10)
    dense, imp = found["levels"]
    assert (dense["method"], dense["minus_dense"]) == ("dense", None)
    change = imp["minus_dense"]["macro_auc"]["mean"]
    assert change == pytest.approx(imp["macro_auc"]["mean"] - dense["macro_auc"]["mean"])
    assert change != pytest.approx(imp["macro_auc"]["mean"] - found["dense"]["macro_auc"]["mean"])


def test_the_order_of_rows_and_other_splits_change_nothing() -> None:
    table = scores()
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    wrong = [{**row, "split": "val", "logits": [0.0, 0.0, 9.0]} for row in table.to_pylist()]
    more = pa.concat_tables([shuffled, pa.Table.from_pylist(wrong, schema=SCHEMA)])
    assert _rounded(class_table(more, NAMES, 20)) == _rounded(class_table(table, NAMES, 20))


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _rounded(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_rounded(value) for value in found]
    return round(found, 9) if isinstance(found, float) else found


def test_methods_that_were_not_in_training_are_counted_and_left_out() -> None:
    table = scores(forgeries=("real", "Grid", "Stripes", "Other"))
    found = class_table(table, NAMES, 20)
    assert found["dense"]["unknown"] == 6
    assert [one["count"] for one in found["dense"]["rates"]] == [6, 6, 6]
    assert np.sum(found["dense"]["confusion"]) == pytest.approx(18)
    runs = [by_hand(table, "dense", 0.0, seed) for seed in range(3)]
    grid = np.mean([roc_auc_score(t[t >= 0] == 1, p[t >= 0, 1]) for t, p, _ in runs])
    assert found["dense"]["classes"][1]["auc"]["mean"] == pytest.approx(grid)


def test_a_class_without_samples_has_no_figures_and_one_seed_will_do() -> None:
    found = class_table(scores(seeds=(7,), forgeries=("real", "Grid")), NAMES, 20)
    dense = found["dense"]
    assert dense["classes"][2]["auc"] is None
    assert dense["rates"][2]["recall"] is None
    assert found["levels"][0]["minus_dense"]["classes"][2]["auc"] is None
    assert (dense["macro_auc"]["n"], dense["seeds"]) == (1, 1)
    told = [one["auc"]["mean"] for one in dense["classes"][:2]]
    assert dense["macro_auc"]["mean"] == pytest.approx(np.mean(told))


def test_limits_lie_between_0_and_1() -> None:
    rows = scores(runs=[("dense", "", 0.0)]).to_pylist()
    sure = [{**row, "logits": (9.0 * np.eye(3)[NAMES.index(row["forgery"])]).tolist()} for row in rows]
    sure[0]["logits"] = sure[1]["logits"] = sure[2]["logits"] = [0.0, 9.0, 0.0]  # one video of one seed is mistaken
    dense = class_table(pa.Table.from_pylist(sure, schema=SCHEMA), NAMES, 50)["dense"]
    every = [dense["macro_auc"], *(one["auc"] for one in dense["classes"])]
    every += [one[key] for one in dense["rates"] for key in ("precision", "recall", "f1")]
    assert all(0 <= one["low"] <= one["mean"] <= one["high"] <= 1 for one in every)
    assert any(one["low"] < 1 for one in every)


def test_scores_that_do_not_fit_together_are_told() -> None:
    table = scores()
    with pytest.raises(ClewError, match="3 logits"):
        class_table(_wide(table), NAMES, 5)
    with pytest.raises(ClewError, match="no dense run"):
        class_table(scores(runs=[("imp", "", 0.5)]), NAMES, 5)
    with pytest.raises(ClewError, match="same samples"):
        class_table(table.slice(1), NAMES, 5)
    with pytest.raises(ClewError, match="same samples"):
        class_table(table.slice(0, 0), NAMES, 5)


def _wide(table: pa.Table) -> pa.Table:
    rows = table.to_pylist()
    rows[5]["logits"] = [0.0, 1.0, 2.0, 3.0]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def test_recall_stands_beside_the_auc_of_each_class_and_its_difference_is_paired() -> None:
    table = scores()
    found = class_table(table, NAMES, resamples=30)
    dense, sparse = (
        [precision_recall_fscore_support(t, p.argmax(1), labels=[0, 1, 2])[1] for t, p, _ in runs]
        for runs in ([by_hand(table, *where, seed) for seed in range(3)] for where in (("dense", 0.0), ("imp", 0.8)))
    )
    level = found["levels"][1]
    assert [one["recall"]["mean"] for one in level["classes"]] == pytest.approx(np.mean(sparse, axis=0))
    change = level["minus_dense"]["classes"]
    assert [one["recall"]["mean"] for one in change] == pytest.approx(np.mean(np.subtract(sparse, dense), axis=0))
    assert all(one["recall"]["low"] < one["recall"]["high"] for one in change)
    rates = found["dense"]["rates"]
    assert [one["recall"] for one in found["dense"]["classes"]] == [one["recall"] for one in rates]
    gone = class_table(scores(forgeries=("real", "Grid")), NAMES, 20)
    assert gone["levels"][0]["minus_dense"]["classes"][2]["recall"] is None


def test_recalls_of_many_runs_are_those_of_each_alone() -> None:
    rng = np.random.default_rng(1)
    truth, clusters = rng.integers(-1, 3, 30), np.array([f"c{number // 3}" for number in range(30)])
    runs = {at: rng.dirichlet(np.ones(3), size=30) for at in range(4)}
    found = class_recalls(truth, runs, clusters, 12, seed=5)
    for at, prob in runs.items():
        alone = class_rates(truth, {0: prob}, clusters, 12, seed=5)
        for mine, theirs in zip(found, alone, strict=True):
            assert mine.clusters == theirs["recall"].clusters
            assert mine.estimate.values[at] == pytest.approx(theirs["recall"].estimate.values[0])
            np.testing.assert_allclose(mine.estimate.resampled[:, at], theirs["recall"].estimate.resampled[:, 0])


def test_rates_are_those_of_videos_drawn_again() -> None:
    rng = np.random.default_rng(0)
    truth, prob = rng.integers(-1, 3, 40), rng.dirichlet(np.ones(3), size=40)
    prob[:, 2] = 0  # never told, so its precision is undefined
    clusters = np.array([f"c{number // 4}" for number in range(40)])
    found = class_rates(truth, {0: prob}, clusters, 15, seed=3)
    assert found[2]["precision"] is None
    assert found[2]["recall"].estimate.values.tolist() == [0.0]
    known = truth >= 0
    weights = cluster_weights((truth[known] > 0).astype(int), clusters[known], 15, np.random.default_rng(3))
    for draw, counts in enumerate(weights.astype(int)):
        again = np.repeat(np.flatnonzero(known), counts)
        expected = precision_recall_fscore_support(
            truth[again], prob[again].argmax(1), labels=[0, 1, 2], zero_division=np.nan
        )
        for at, key in enumerate(("precision", "recall", "f1")):
            mine = [one[key].estimate.resampled[draw, 0] if one[key] else np.nan for one in found]
            np.testing.assert_allclose(mine, expected[at], equal_nan=True)
