"""Ladders held against each other: paired differences by hand, and every way in which two may not fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from clew.base.errors import ClewError
from clew.datasets.index import write_table
from clew.detectors.base import Config
from clew.tickets.compare import compare
from clew.tickets.ladder import SCHEMA, SCORES, Ladder
from clew.tickets.settings import SearchSettings
from clew.training.settings import TrainSettings

CLUSTERS, SEEDS = 44, (0, 1, 2)
LABELS = np.arange(2 * CLUSTERS) % 2
PLACES = (("dense", "", 0.0), ("imp", "", 0.5), ("imp", "", 0.8), ("snip", "", 0.8), ("random", "imp", 0.8))


def logits(strength: float, *who: Any) -> np.ndarray:
    """(N, 2) logits; the noise of pictures is shared by all runs."""
    shared = np.random.default_rng(0).normal(size=len(LABELS))
    own = np.random.default_rng([*repr(who).encode()]).normal(size=len(LABELS))
    margin = strength * (2 * LABELS - 1) + shared + 0.1 * own
    return np.stack([-margin / 2, margin / 2], axis=1).astype(np.float32)


def ladder(
    folder: Path,
    gain: float = 0.0,
    samples: str = "p",
    data: str = "ab12",
    seeds: tuple[int, ...] = SEEDS,
    dense: str = "",
    **changes: Any,
) -> Ladder:
    """A ladder of made-up scores; its IMP tickets at 0.8 are better by `gain`, its SNIP tickets the same in all."""
    usual = {"detector": Config("cnn5", 32), "methods": ("imp", "snip", "random"), "seeds": seeds}
    settings = SearchSettings(**{**usual, **changes})
    where = (settings.scope, settings.rewind, settings.score)
    tables = []
    for method, controls, level in PLACES:
        for seed in seeds:
            who = (method, level, seed) if method in ("dense", "snip") else (method, level, seed, where)
            strength = 0.6 + (gain if (method, level) == ("imp", 0.8) else 0.0)
            values = logits(strength, *who, *([dense] if method == "dense" else []))
            fixed = {"run": f"{method}-{level:g}-{seed}", "seed": seed, "method": method, "controls": controls}
            fixed |= {"level": level, "store": folder.name, "split": "test", "video": "", "compression": ""}
            fixed |= {"scope": "" if method == "dense" else where[0], "rewind": "" if method == "dense" else where[1]}
            rows = [
                {**fixed, "sample": f"{samples}{at:03}", "label": int(label), "cluster": f"c{at // 2}"}
                | {"forgery": "swap" if label else "real", "logits": values[at].tolist()}
                for at, label in enumerate(LABELS)
            ]
            tables.append(pa.Table.from_pylist(rows, schema=SCHEMA))
    write_table(folder / SCORES, pa.concat_tables(tables))
    return Ladder(folder, {"settings": settings.as_dict(), "data": [{"name": folder.name, "hash": data}]})


def level(found: dict[str, Any], method: str, target: float) -> dict[str, Any]:
    return next(row for row in found["levels"] if (row["method"], row["target"]) == (method, target))


@pytest.fixture(scope="module", name="pair")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> list[Ladder]:
    base = tmp_path_factory.mktemp("pair")
    return [ladder(base / "one", gain=0.9), ladder(base / "two", scope="local")]


@pytest.fixture(scope="module", name="found")
def _found(pair: list[Ladder]) -> dict[str, Any]:
    return compare(pair, resamples=300)


def by_seed(ladder: Ladder, method: str, level: float) -> list[tuple[float, float]]:
    """AUC and accuracy of each seed with scikit-learn."""
    rows = [row for row in ladder.scores.to_pylist() if (row["method"], row["level"]) == (method, level)]
    found = []
    for seed in SEEDS:
        own = [row for row in rows if row["seed"] == seed]
        values = np.array([row["logits"] for row in own], np.float64)
        fake = 1 / (1 + np.exp(values[:, 0] - values[:, 1]))
        labels = [row["label"] for row in own]
        found.append((float(roc_auc_score(labels, fake)), float(accuracy_score(labels, fake >= 0.5))))
    return found


def test_differences_are_those_of_scikit_learn_by_seed(pair: list[Ladder], found: dict[str, Any]) -> None:
    assert (found["differ"], found["seeds"], found["clusters"]) == (["scope"], 3, CLUSTERS)
    assert [one["name"] for one in found["ladders"]] == ["global", "local"]
    places = [(row["method"], row["controls"], row["target"]) for row in found["levels"]]
    assert places == [("imp", None, 0.5), ("imp", None, 0.8), ("snip", None, 0.8), ("random", "imp", 0.8)]
    one, two = (np.array(by_seed(ladder, "imp", 0.8)) for ladder in pair)
    row = level(found, "imp", 0.8)
    (change,) = row["differences"]
    assert (change["one"], change["other"]) == ("global", "local")
    assert [change[key]["mean"] for key in ("auc", "accuracy")] == pytest.approx((one - two).mean(axis=0))
    told = [[row["figures"][name][key]["mean"] for key in ("auc", "accuracy")] for name in ("global", "local")]
    assert np.allclose(told, [one.mean(axis=0), two.mean(axis=0)])
    assert found["dense"]["auc"]["mean"] == pytest.approx(np.mean([auc for auc, _ in by_seed(pair[0], "dense", 0.0)]))


def test_what_is_shown_to_be_better_is_named(found: dict[str, Any], pair: list[Ladder]) -> None:
    (change,) = level(found, "imp", 0.8)["differences"]
    assert change["auc"]["low"] > 0
    assert change["better"] == "global"
    (turned,) = level(compare(pair[::-1], resamples=300), "imp", 0.8)["differences"]
    assert (turned["one"], turned["better"]) == ("local", "global")
    assert turned["auc"]["mean"] == pytest.approx(-change["auc"]["mean"])
    assert turned["auc"]["high"] == pytest.approx(-change["auc"]["low"]), "the same resamples for both"
    (unclear,) = level(found, "imp", 0.5)["differences"]
    assert unclear["auc"]["low"] < 0 < unclear["auc"]["high"]
    assert unclear["better"] is None


def test_pictures_are_paired_too(found: dict[str, Any]) -> None:
    row = level(found, "imp", 0.5)
    (change,) = row["differences"]
    widths = [one["high"] - one["low"] for one in (change["auc"], row["figures"]["global"]["auc"])]
    assert widths[0] < widths[1]


def test_the_very_same_run_is_not_held_against_itself(found: dict[str, Any]) -> None:
    (change,) = level(found, "snip", 0.8)["differences"]
    assert (change["auc"], change["accuracy"], change["better"]) == (None, None, None)


def test_ladders_that_differ_in_their_score_alone_are_told_apart(tmp_path: Path) -> None:
    pair = [ladder(tmp_path / "one"), ladder(tmp_path / "two", gain=0.9, score="magnitude-per-mac")]
    found = compare(pair, resamples=100)
    assert found["differ"] == ["score"]
    assert [one["score"] for one in found["ladders"]] == ["magnitude", "magnitude-per-mac"]
    (change,) = level(found, "imp", 0.8)["differences"]
    assert change["better"] == "magnitude-per-mac"


def test_three_ladders_give_every_pair(pair: list[Ladder], tmp_path: Path) -> None:
    found = compare([*pair, ladder(tmp_path / "three", scope="local", rewind="step:3")], resamples=20)
    assert found["differ"] == ["scope", "rewind"]
    pairs = [(one["one"], one["other"]) for one in level(found, "imp", 0.5)["differences"]]
    names = ["global, init", "local, init", "local, step:3"]
    assert pairs == [(names[0], names[1]), (names[0], names[2]), (names[1], names[2])]


def test_two_seeds_show_nothing(tmp_path: Path) -> None:
    two = [ladder(tmp_path / name, gain, seeds=(0, 1), scope=name) for name, gain in (("global", 3.0), ("local", 0.0))]
    (change,) = level(compare(two, resamples=50), "imp", 0.8)["differences"]
    assert (change["auc"]["n"], change["better"]) == (2, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "ff00"}, r"two is of other data than .*one \(two, hash ff00, not one, ab12\)"),
        ({"seeds": (0, 1)}, r"two is of another search than .*its seeds is \[0, 1\], not \[0, 1, 2\]"),
        ({"samples": "q"}, r"two scores other test samples than .*one"),
        ({"detector": Config("meso4", 32)}, r"its detector is name meso4, not name cnn5"),
        ({"training": TrainSettings(epochs=3)}, r"its training is epochs 3, not epochs \d+"),
        ({"dense": "other"}, r"the dense net of seed 0 is not the same in .*one and .*two"),
        ({"scope": "global"}, r"one and .*two have the same scope, rewind and score"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    one = ladder(tmp_path / "one")
    with pytest.raises(ClewError, match=message):
        compare([one, ladder(tmp_path / "two", **{"scope": "local", **changes})], resamples=5)
    with pytest.raises(ClewError, match="two ladders or more"):
        compare([one])
