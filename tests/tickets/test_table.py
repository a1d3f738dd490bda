"""The ladder's table from scores: against scikit-learn, by hand, and every fault told by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from clew.base.errors import ClewError
from clew.tickets.estimates import counted_clusters
from clew.tickets.table import ladder_table
from clew.training.intervals import Estimate, Interval

PEOPLE, FRAMES, SEEDS = 50, 2, 3
FORGERIES = ("Deepfakes", "Face2Face")
LEVELS = (0.4, 0.8)
Run = tuple[str, str, str, float, str, int]


def _pictures() -> dict[str, list[Any]]:
    """Per person a real video and, under one name, a fake video of each forgery; one lone picture each."""
    rows = []
    for person in range(PEOPLE):
        name, cluster = f"{person:03}", f"person-{person:03}"
        rows += [(f"real/{name}/{at}", 0, name, cluster, "real") for at in range(FRAMES)]
        for forgery in FORGERIES:
            rows += [(f"{forgery}/{name}/{at}", 1, name, cluster, forgery) for at in range(FRAMES)]
        rows.append((f"lone/{name}", person % 2, "", cluster, "blend" if person % 2 else "real"))
    columns = zip(*rows, strict=True)
    return dict(zip(("sample", "label", "video", "cluster", "forgery"), map(list, columns), strict=True))


PICTURES = _pictures()
LABELS = np.array(PICTURES["label"])


def _logits(strength: float, run: Run) -> np.ndarray:
    """(N, 2) logits; the noise of pictures is shared by all runs."""
    shared = np.random.default_rng(0).normal(size=len(LABELS))
    own = np.random.default_rng([*run[0].encode(), int(100 * run[3]), run[5]]).normal(size=len(LABELS))
    margin = strength * (2 * LABELS - 1) + shared + 0.1 * own
    return np.stack([-margin / 2, margin / 2], axis=1).astype(np.float32)


def _rows(run: Run, logits: np.ndarray, split: str = "test", store: str = "faces") -> pa.Table:
    method, scope, rewind, level, controls, seed = run
    count = len(LABELS)
    constant = {
        "run": f"{method}-{controls}-{level:g}-{seed}",
        "method": method,
        "scope": scope,
        "rewind": rewind,
        "controls": controls,
        "store": store,
        "split": split,
        "compression": "c23",
    }
    columns: dict[str, Any] = {name: pa.array([value] * count) for name, value in constant.items()}
    columns |= {name: pa.array(values) for name, values in PICTURES.items()}
    columns["label"] = columns["label"].cast(pa.int8())
    columns["seed"] = pa.array([seed] * count, pa.int32())
    columns["level"] = pa.array([level] * count, pa.float64())
    columns["logits"] = pa.array(list(logits), pa.list_(pa.float32()))
    return pa.table(columns)


def _runs(rewind: str = "init", seeds: int = SEEDS) -> dict[Run, np.ndarray]:
    runs: dict[Run, float] = {}
    for seed in range(seeds):
        runs["dense", "", "", 0.0, "", seed] = 0.9
        for level in LEVELS:
            runs["imp", "global", rewind, level, "", seed] = 0.92
            runs["random", "global", rewind, level, "imp", seed] = 0.2
            if rewind == "none":
                runs["dense", "", "none", level, "imp", seed] = 0.9
    return {run: _logits(strength, run) for run, strength in runs.items()}


def _table(runs: dict[Run, np.ndarray]) -> pa.Table:
    return pa.concat_tables([_rows(run, logits) for run, logits in runs.items()])


def _facts(runs: Iterable[Run]) -> dict[str, Any]:
    levels = [
        {
            "method": method,
            "scope": scope,
            "rewind": rewind,
            "controls": controls,
            "level": level,
            "seed": seed,
        }
        | {"sparsity": level, "macs_sparsity": 0.5 + 0.1 * seed, "remaining": 70, "prunable": 100}
        for method, scope, rewind, level, controls, seed in runs
        if method != "dense"
    ]
    dataset = {"name": "synth", "hash": "ab12", "path": "not passed on"}
    return {"detector": "cnn5", "dataset": dataset, "protocol": "p1", "margin": 0.03, "levels": levels}


def _show(runs: dict[Run, np.ndarray], resamples: int = 200, **settings: Any) -> dict[str, Any]:
    return ladder_table(_table(runs), _facts(runs), resamples=resamples, **settings)


@pytest.fixture(scope="module", name="runs")
def _shared_runs() -> dict[Run, np.ndarray]:
    return _runs()


@pytest.fixture(scope="module", name="shown")
def _shared_shown(runs: dict[Run, np.ndarray]) -> dict[str, Any]:
    return _show(runs)


def _by_video(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and mean probabilities by whole video, the plain way."""
    wide = logits.astype(np.float64)
    prob = 1 - np.exp(wide[:, 0]) / np.exp(wide).sum(axis=1)
    videos: dict[tuple[str, str], list[int]] = {}
    for at, name in enumerate(PICTURES["video"]):
        videos.setdefault((PICTURES["forgery"][at], name or PICTURES["sample"][at]), []).append(at)
    assert len(videos) == PEOPLE * (2 + len(FORGERIES))
    labels = np.array([LABELS[rows[0]] for rows in videos.values()])
    return labels, np.array([prob[rows].mean() for rows in videos.values()])


def _level(shown: dict[str, Any], method: str, target: float) -> dict[str, Any]:
    return next(row for row in shown["levels"] if (row["method"], row["target"]) == (method, target))


def test_the_shape_is_exact(shown: dict[str, Any]) -> None:
    assert list(shown) == [
        *("detector", "dataset", "protocol", "seeds", "margin"),
        *("clusters", "dense", "levels", "pooled", "headline"),
    ]
    assert list(shown["dense"]) == ["auc", "accuracy", "eer", "ap"]
    names = (
        "method scope rewind kind target sparsity macs_sparsity remaining prunable auc accuracy minus_dense "
        "minus_random minus_one_shot retention reference reference_accuracy controls verdict reason"
    )
    assert all(list(row) == names.split() for row in shown["levels"])
    assert list(shown["headline"]) == ["method", "level", "sparsity", "beats_random", "text"]
    assert shown["dataset"] == {"name": "synth", "hash": "ab12"}
    assert (shown["seeds"], shown["clusters"], shown["margin"]) == (SEEDS, PEOPLE, 0.03)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_levels_come_by_method_then_target(shown: dict[str, Any]) -> None:
    order = [(row["method"], row["target"]) for row in shown["levels"]]
    assert order == [("imp", 0.4), ("imp", 0.8), ("random", 0.4), ("random", 0.8)]


@pytest.mark.parametrize("target", LEVELS)
def test_auc_and_accuracy_are_those_of_scikit_learn_per_video(
    runs: dict[Run, np.ndarray], shown: dict[str, Any], target: float
) -> None:
    scored = [_by_video(runs["imp", "global", "init", target, "", seed]) for seed in range(SEEDS)]
    row = _level(shown, "imp", target)
    assert row["auc"]["mean"] == pytest.approx(np.mean([roc_auc_score(*pair) for pair in scored]))
    right = [accuracy_score(labels, prob >= 0.5) for labels, prob in scored]
    assert row["accuracy"]["mean"] == pytest.approx(np.mean(right))
    assert row["auc"]["n"] == SEEDS


def test_the_dense_net_has_precision_and_error_rate_too(runs: dict[Run, np.ndarray], shown: dict[str, Any]) -> None:
    scored = [_by_video(runs["dense", "", "", 0.0, "", seed]) for seed in range(SEEDS)]
    expected = np.mean([average_precision_score(*pair) for pair in scored])
    assert shown["dense"]["ap"]["mean"] == pytest.approx(expected)
    assert 0 < shown["dense"]["eer"]["low"] < shown["dense"]["eer"]["mean"] < 0.2


def test_differences_and_facts_of_a_level(shown: dict[str, Any]) -> None:
    imp, random = _level(shown, "imp", 0.8), _level(shown, "random", 0.8)
    assert imp["reference"] == shown["dense"]["auc"]
    assert imp["minus_dense"]["mean"] == pytest.approx(imp["auc"]["mean"] - shown["dense"]["auc"]["mean"])
    assert imp["minus_random"]["mean"] == pytest.approx(imp["auc"]["mean"] - random["auc"]["mean"])
    assert (imp["kind"], imp["verdict"], imp["controls"]) == ("winning", "winning", None)
    assert (imp["sparsity"], imp["remaining"], imp["prunable"]) == (0.8, 70, 100)
    assert imp["macs_sparsity"] == pytest.approx(0.6)


def test_a_level_keeps_a_share_of_the_accuracy_of_the_dense_nets_that_it_is_judged_against(
    runs: dict[Run, np.ndarray], shown: dict[str, Any]
) -> None:
    def right(run: Run, seed: int) -> float:
        labels, prob = _by_video(runs[*run[:5], seed])
        return float(accuracy_score(labels, prob >= 0.5))

    sparse, dense = (("random", "global", "init", 0.8, "imp", 0), ("dense", "", "", 0.0, "", 0))
    pairs = [(right(sparse, seed), right(dense, seed)) for seed in range(SEEDS)]
    kept = _level(shown, "random", 0.8)["retention"]
    assert kept["accuracy"]["mean"] == pytest.approx(np.mean([one / all_ for one, all_ in pairs]))
    labels, _ = _by_video(runs[*dense[:5], 0])
    chance = max(np.mean(labels), 1 - np.mean(labels))  # of always telling the commoner class
    above = [(one - chance) / (all_ - chance) for one, all_ in pairs]
    assert kept["above_chance"]["mean"] == pytest.approx(np.mean(above))
    assert kept["above_chance"]["high"] < kept["accuracy"]["low"] < kept["accuracy"]["high"] < 1
    assert kept["accuracy"]["n"] == SEEDS


def test_where_weights_go_on_a_share_is_of_the_dense_net_trained_on() -> None:
    runs = _runs("none")
    for seed in range(SEEDS):
        runs["dense", "", "none", 0.8, "imp", seed] = runs["imp", "global", "none", 0.8, "", seed]
    shown = _show(runs)
    assert _level(shown, "imp", 0.8)["retention"]["accuracy"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "n": SEEDS}
    assert _level(shown, "imp", 0.4)["retention"]["accuracy"]["high"] > 1


def test_methods_are_held_against_one_shot_at_the_same_level(runs: dict[Run, np.ndarray]) -> None:
    more = dict(runs)
    for seed in range(SEEDS):
        for method, controls in (("one-shot", ""), ("random", "one-shot")):
            run = (method, "global", "init", 0.8, controls, seed)
            more[run] = _logits(0.6, run)
    shown = _show(more)
    rows = {(row["method"], row["target"], row["controls"]): row for row in shown["levels"]}
    imp, one_shot = rows["imp", 0.8, None], rows["one-shot", 0.8, None]
    assert imp["minus_one_shot"]["mean"] == pytest.approx(imp["auc"]["mean"] - one_shot["auc"]["mean"])
    assert 0 < imp["minus_one_shot"]["low"] < imp["minus_one_shot"]["high"]
    assert imp["minus_one_shot"]["n"] == SEEDS
    others = [row["minus_one_shot"] for place, row in rows.items() if place != ("imp", 0.8, None)]
    assert others == [None] * 5, "itself, controls, and where one-shot has no such level"


def test_the_very_same_training_is_not_held_against_itself(runs: dict[Run, np.ndarray]) -> None:
    table, facts = _table(runs), _facts(runs)
    rows, levels = [table], list(facts["levels"])
    for (
        level
    ) in LEVELS:  # as IMP's first level, which is one-shot's ticket; at the second another training tells as much
        for seed in range(SEEDS):
            name = f"imp--{level:g}-{seed}" if level == LEVELS[0] else f"one-shot--{level:g}-{seed}"
            same = _rows(
                ("one-shot", "global", "init", level, "", seed), runs["imp", "global", "init", level, "", seed]
            )
            at = same.column_names.index("run")
            rows.append(same.set_column(at, "run", pa.array([name] * len(same))))
            levels.append({**levels[0], "method": "one-shot", "controls": "", "level": level, "seed": seed})
    shown = ladder_table(pa.concat_tables(rows), facts | {"levels": levels}, resamples=20)
    assert _level(shown, "imp", LEVELS[0])["minus_one_shot"] is None
    assert _level(shown, "imp", LEVELS[1])["minus_one_shot"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "n": SEEDS}


def test_controls_are_not_judged(shown: dict[str, Any]) -> None:
    random = _level(shown, "random", 0.8)
    assert (random["verdict"], random["minus_random"], random["controls"]) == (None, None, "imp")
    assert random["minus_dense"]["high"] < 0


def test_pairing_makes_differences_narrower_than_aucs(shown: dict[str, Any]) -> None:
    row = _level(shown, "imp", 0.8)
    width = {name: row[name]["high"] - row[name]["low"] for name in ("auc", "minus_dense")}
    assert width["minus_dense"] < width["auc"]


def test_headline_and_pool(shown: dict[str, Any]) -> None:
    headline, level = shown["headline"], _level(shown, "imp", 0.8)
    assert (headline["method"], headline["level"], headline["beats_random"]) == ("imp", 0.8, True)
    assert "down to 80 % sparsity" in headline["text"]
    assert shown["pooled"] == {"from": 0.6, "minus_random": level["minus_random"]}


def test_neither_the_order_of_rows_nor_other_splits_matter(runs: dict[Run, np.ndarray], shown: dict[str, Any]) -> None:
    table = _table(runs)
    mixed = table.take(pa.array(np.random.default_rng(5).permutation(len(table))))
    first = next(iter(runs))
    validation = _rows(first, np.full((len(LABELS), 2), np.nan, np.float32), split="val")
    assert ladder_table(pa.concat_tables([mixed, validation]), _facts(runs), resamples=200) == shown


def test_the_seed_alone_decides_the_resamples(runs: dict[Run, np.ndarray], shown: dict[str, Any]) -> None:
    assert _show(runs) == shown
    other = _show(runs, seed=1)
    assert other["dense"]["auc"]["mean"] == shown["dense"]["auc"]["mean"]
    assert other["dense"]["auc"]["low"] != shown["dense"]["auc"]["low"]


def test_an_unrewound_level_is_judged_against_the_dense_net_trained_on() -> None:
    runs = _runs("none")
    for seed in range(SEEDS):
        runs["dense", "", "none", 0.8, "imp", seed] = _logits(1.5, ("dense", "", "none", 0.8, "imp", seed))
    shown = _show(runs)
    better, same = _level(shown, "imp", 0.8), _level(shown, "imp", 0.4)
    assert better["kind"] == "pruned"
    assert better["reference"]["mean"] > same["reference"]["mean"]
    assert (same["verdict"], better["verdict"]) == ("pruned", "losing")
    assert _level(shown, "random", 0.8)["reference"] == better["reference"]
    assert shown["dense"]["auc"]["mean"] < better["reference"]["mean"]
    assert {row["method"] for row in shown["levels"]} == {"imp", "random"}


def test_a_missing_trained_on_reference_is_named() -> None:
    runs = {run: logits for run, logits in _runs("none").items() if run[:4] != ("dense", "", "none", 0.8)}
    with pytest.raises(ClewError, match=r"imp, global, none at level 0\.8 has no dense run trained on"):
        _show(runs)


def test_without_controls_nothing_wins(runs: dict[Run, np.ndarray]) -> None:
    shown = _show({run: logits for run, logits in runs.items() if run[0] != "random"})
    assert [row["verdict"] for row in shown["levels"]] == ["undecided"] * 2
    assert shown["pooled"] is None
    assert (shown["headline"]["level"], shown["headline"]["beats_random"]) == (0.8, None)


def test_one_seed_gives_intervals_but_no_verdict() -> None:
    shown = _show(_runs(seeds=1))
    row = _level(shown, "imp", 0.8)
    assert (row["verdict"], row["auc"]["n"]) == ("undecided", 1)
    assert row["auc"]["low"] < row["auc"]["mean"] < row["auc"]["high"]
    assert shown["headline"]["level"] is None
    assert "No verdict is given" in shown["headline"]["text"]


def test_one_cluster_gives_no_interval(runs: dict[Run, np.ndarray]) -> None:
    table = _table(runs)
    at = table.column_names.index("cluster")
    shown = ladder_table(table.set_column(at, "cluster", pa.array(["all"] * len(table))), _facts(runs), resamples=50)
    assert shown["clusters"] == 1
    assert shown["dense"]["auc"]["low"] is None
    assert {row["verdict"] for row in shown["levels"]} == {"undecided", None}
    json.dumps(shown, allow_nan=False)


def test_a_ladder_with_a_dense_run_alone_says_so(runs: dict[Run, np.ndarray]) -> None:
    shown = _show({run: logits for run, logits in runs.items() if run[0] == "dense"})
    assert (shown["levels"], shown["pooled"], shown["headline"]["method"]) == ([], None, None)
    assert "no ticket" in shown["headline"]["text"]


def test_one_shot_leads_where_there_is_no_imp(runs: dict[Run, np.ndarray]) -> None:
    renamed = {"imp": "one-shot"}
    other = {
        (renamed.get(run[0], run[0]), *run[1:4], renamed.get(run[4], run[4]), run[5]): logits
        for run, logits in runs.items()
    }
    assert _show(other)["headline"]["text"].startswith("One-shot pruning (global, rewound to initialisation) keeps")


def test_confident_scores_keep_their_order(runs: dict[Run, np.ndarray]) -> None:
    """Logits of reals that all round to probability 1 - 1 = 0 in the naive form still rank."""
    first = ("dense", "", "", 0.0, "", 0)
    confident = {run: logits * 8 - np.array([0, 60], np.float32) for run, logits in runs.items()}
    wide = confident[first].astype(np.float64)
    assert (1 - np.exp(wide[:, 0]) / np.exp(wide).sum(axis=1) == 0).mean() > 0.1
    assert _show(confident)["dense"]["auc"]["mean"] > 0.9


@pytest.mark.parametrize("classes", [2, 5])
def test_fake_is_every_class_but_the_first(runs: dict[Run, np.ndarray], classes: int) -> None:
    """The fake class's share, split over K - 1 classes, sums to the same probability."""
    split = {
        run: np.concatenate([logits[:, :1]] + [logits[:, 1:] - np.log(classes - 1)] * (classes - 1), axis=1)
        for run, logits in runs.items()
    }
    found = _show({run: logits.astype(np.float32) for run, logits in split.items()})
    assert found["dense"]["accuracy"]["mean"] == pytest.approx(_show(runs)["dense"]["accuracy"]["mean"])


def test_two_stores_are_judged_one_at_a_time(runs: dict[Run, np.ndarray], shown: dict[str, Any]) -> None:
    other = [_rows(run, -logits, store="elsewhere") for run, logits in runs.items()]
    both = pa.concat_tables([_table(runs), *other])
    with pytest.raises(ClewError, match=r"several stores: elsewhere, faces"):
        ladder_table(both, _facts(runs))
    with pytest.raises(ClewError, match=r"store 'mars'. Known: elsewhere, faces"):
        ladder_table(both, _facts(runs), store="mars")
    assert ladder_table(both, _facts(runs), store="faces", resamples=200) == shown
    turned = ladder_table(both, _facts(runs), store="elsewhere", resamples=200)
    assert turned["dense"]["auc"]["mean"] == pytest.approx(1 - shown["dense"]["auc"]["mean"])


def _spoiled(runs: dict[Run, np.ndarray], kind: str) -> pa.Table:
    """The table with one fault in the run imp, level 0.8, seed 1."""
    run = ("imp", "global", "init", 0.8, "", 1)
    rest = [_rows(other, logits) for other, logits in runs.items() if other != run]
    logits = runs[run].copy()
    if kind in ("nan", "inf"):
        logits[3, 1] = float(kind)
    rows = _rows(run, logits)
    if kind == "missing":
        rows = rows.slice(2)
    if kind == "twice":
        rows = pa.concat_tables([rows, rows.slice(4, 1)])
    if kind == "label":
        rows = rows.set_column(rows.column_names.index("label"), "label", pa.array(1 - LABELS, pa.int8()))
    if kind == "one logit":
        rows = rows.set_column(
            rows.column_names.index("logits"), "logits", pa.array([[0.5]] * len(rows), pa.list_(pa.float32()))
        )
    if kind == "second run":
        again = rows.set_column(rows.column_names.index("run"), "run", pa.array(["again"] * len(rows)))
        rows = pa.concat_tables([rows, again])
    return pa.concat_tables([*rest, rows])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", r"run 'imp--0\.8-1' .* has logits that are NaN or infinite"),
        ("inf", r"run 'imp--0\.8-1' .* has logits that are NaN or infinite"),
        ("missing", r"run 'imp--0\.8-1' .* misses 2 of 350 test samples, the first being 'real/000/0'"),
        ("twice", r"run 'imp--0\.8-1' .* scores sample '.*' twice"),
        ("label", r"run 'imp--0\.8-1' .* has another label"),
        ("one logit", r"run 'imp--0\.8-1' .* has 1 logits"),
        ("second run", r"two runs of one seed for imp, global, init at level 0\.8"),
    ],
)
def test_a_faulty_run_is_named(runs: dict[Run, np.ndarray], kind: str, message: str) -> None:
    with pytest.raises(ClewError, match=message):
        ladder_table(_spoiled(runs, kind), _facts(runs), resamples=20)


def test_what_is_missing_altogether_is_said(runs: dict[Run, np.ndarray]) -> None:
    table, facts = _table(runs), _facts(runs)
    with pytest.raises(ClewError, match="missing: cluster, video"):
        ladder_table(table.drop_columns(["video", "cluster"]), facts)
    with pytest.raises(ClewError, match="no row of the test split"):
        ladder_table(table.slice(0, 0), facts)
    with pytest.raises(ClewError, match=r"no facts .* imp, global, init at level"):
        ladder_table(table, facts | {"levels": []}, resamples=20)
    with pytest.raises(ClewError, match="margin"):
        ladder_table(table, facts | {"margin": -0.1}, resamples=20)
    no_dense = {run: logits for run, logits in runs.items() if run[0] != "dense"}
    with pytest.raises(ClewError, match="no dense run"):
        _show(no_dense, resamples=20)


def test_clusters_of_a_rare_class_limit_those_that_count():
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    assert counted_clusters(labels, np.array(list("aabcdefg"))) == 4, "two clusters of reals among seven"
    assert counted_clusters(labels, np.array(list("abcabcab"))) == 3, "clusters that hold both all count"
    assert counted_clusters(labels[1:7], np.array(list("abcdef"))) == 4
    assert counted_clusters(labels[2:4], np.array(list("ab"))) == 2


def test_limits_stay_where_aucs_can_lie(monkeypatch: pytest.MonkeyPatch, runs: dict[Run, np.ndarray]) -> None:
    def wide(self: Estimate, clusters: int) -> Interval:
        return Interval(float(self.values.mean()), -3.0, 3.0, len(self.seeds))

    monkeypatch.setattr(Estimate, "interval", wide)
    shown = _show(runs)
    rows = [shown["dense"], *shown["levels"]]
    shares = [row[key] for row in rows for key in ("auc", "accuracy", "eer", "ap", "reference") if key in row]
    changes = [row[key] for row in rows for key in ("minus_dense", "minus_random") if row.get(key)]
    assert {(one["low"], one["high"]) for one in shares} == {(0.0, 1.0)}
    changes.append(shown["pooled"]["minus_random"])
    assert {(one["low"], one["high"]) for one in changes} == {(-1.0, 1.0)}
    assert "interval -1.000 to +1.000" in shown["headline"]["text"]
