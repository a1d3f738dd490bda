"""Figures of an evaluation: those of scikit-learn on the same scores, by hand for each part, the same every time."""

import json
import shutil
from collections import defaultdict

import numpy as np
import pyarrow.compute as pc
import pytest
from sklearn import metrics as sk

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.datasets.store import open_store
from clew.tickets.evaluation import evaluate, scoring
from clew.tickets.evaluation.bench import Bench, measure
from clew.tickets.evaluation.calibrated import resampled_error
from clew.tickets.evaluation.corruptions import Corruption, corruptions
from clew.tickets.evaluation.evaluate import EVALUATION
from clew.tickets.evaluation.models import choices_of, choose_model
from clew.tickets.evaluation.samples import corrupted, some_videos, usable
from clew.tickets.importing import import_weights
from clew.training.choices import Choices
from clew.training.reliability import expected_calibration_error
from clew.training.score import fake_probability
from clew.training.weights import save_state
from method_stores import forged_ladder, method_run, store_of, write_store


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return forged_ladder(tmp_path_factory)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return method_run(tmp_path_factory)


@pytest.fixture(scope="module")
def found(ladder):
    return evaluate(ladder.path, [store_of(ladder)], resamples=2000)


def rows_of(ladder, method="dense", split="test"):
    """By seed the test rows of a ladder's own scores, with the probability of fake."""
    scores = ladder.scores.filter(
        pc.and_(pc.equal(ladder.scores["method"], method), pc.equal(ladder.scores["split"], split))
    )
    by_seed = defaultdict(list)
    for row in scores.to_pylist():
        row["prob"] = float(fake_probability(np.array([row["logits"]], np.float32))[0])
        by_seed[row["seed"]].append(row)
    return by_seed


def videos_of(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[row["video"]].append(row)
    return [some[0] | {"prob": float(np.mean([row["prob"] for row in some]))} for some in groups.values()]


def by_hand(by_seed, measure, keep=lambda row: True, video=True):
    """The mean over seeds of a scikit-learn measure of labels and probabilities."""
    values = []
    for rows in by_seed.values():
        kept = [row for row in (videos_of(rows) if video else rows) if keep(row)]
        values.append(measure([row["label"] for row in kept], np.array([row["prob"] for row in kept])))
    return np.mean(values)


def accuracy(labels, prob):
    return sk.accuracy_score(labels, prob >= 0.5)


def eer(labels, prob):
    fpr, tpr, _ = sk.roc_curve(labels, prob, drop_intermediate=False)
    at = np.flatnonzero(fpr + tpr >= 1)[0]
    before, after = fpr[at - 1] + tpr[at - 1] - 1, fpr[at] + tpr[at] - 1
    return fpr[at - 1] + (fpr[at] - fpr[at - 1]) * before / (before - after)


@pytest.mark.parametrize("unit", ["picture", "video"])
@pytest.mark.parametrize(
    ("name", "measure"),
    [("auc", sk.roc_auc_score), ("accuracy", accuracy), ("ap", sk.average_precision_score), ("eer", eer)],
)
def test_figures_are_those_of_scikit_learn(ladder, found, unit, name, measure):
    figure = found["stores"][0][unit][name]
    assert figure["n"] == 2
    assert figure["mean"] == pytest.approx(by_hand(rows_of(ladder), measure, video=unit == "video"), abs=1e-12)
    assert figure["low"] <= figure["mean"] <= figure["high"]


def test_counts(found):
    store = found["stores"][0]
    assert (store["pictures"], store["videos"], store["reals"], store["fakes"]) == (120, 60, 40, 80)
    assert store["clusters"] == store["video"]["clusters"] == 5
    assert (store["video"]["rows"], store["picture"]["rows"]) == (60, 120)


def test_intervals_are_those_of_the_ladder(ladder, found):
    dense = ladder.summary()["dense"]
    for name in ("auc", "accuracy", "eer", "ap"):
        figure = found["stores"][0]["video"][name]
        assert figure["mean"] == pytest.approx(dense[name]["mean"])
        for end in ("low", "high"):
            assert figure[end] == pytest.approx(min(max(dense[name][end], 0), 1))


def test_the_scores_are_the_bits_of_the_search(ladder, tmp_path):
    evaluate(ladder.path, [store_of(ladder)], out=tmp_path, method="imp")
    from clew.datasets.index import read_table

    kept = {path.name.split("-")[2]: read_table(path) for path in (tmp_path / "scores").iterdir()}
    own = rows_of(ladder, "imp")
    assert set(kept) == {"s0", "s1"}
    for seed, rows in own.items():
        mine = {row["sample"]: row["logits"] for row in kept[f"s{seed}"].to_pylist()}
        assert mine == {row["sample"]: row["logits"] for row in rows}


def test_each_method_is_held_against_all_reals(ladder, found):
    store, by_seed = found["stores"][0], rows_of(ladder)
    assert [part["method"] for part in store["methods"]] == ["Grid", "Stripes"]
    for part in store["methods"]:
        kept = lambda row, name=part["method"]: row["forgery"] in ("real", name)  # noqa: E731
        assert (part["video"]["fakes"], part["video"]["reals"]) == (20, 20)
        assert part["video"]["auc"]["mean"] == pytest.approx(by_hand(by_seed, sk.roc_auc_score, kept))
        assert part["picture"]["accuracy"]["mean"] == pytest.approx(by_hand(by_seed, accuracy, kept, video=False))


def test_each_compression_is_held_against_its_own_reals(ladder, found):
    store, by_seed = found["stores"][0], rows_of(ladder)
    assert [part["compression"] for part in store["compressions"]] == ["c23", "c40"]
    for part in store["compressions"]:
        kept = lambda row, name=part["compression"]: row["compression"] == name  # noqa: E731
        assert (part["video"]["fakes"], part["video"]["reals"]) == (20, 10)
        assert part["video"]["auc"]["mean"] == pytest.approx(by_hand(by_seed, sk.roc_auc_score, kept))
    pairs = [(part["method"], part["compression"]) for part in store["methods_by_compression"]]
    assert sorted(pairs) == [("Grid", "c23"), ("Grid", "c40"), ("Stripes", "c23"), ("Stripes", "c40")]
    assert {part["video"]["reals"] for part in store["methods_by_compression"]} == {10}


def test_the_rates_at_the_stored_operating_point(ladder, found):
    by_seed, wanted = rows_of(ladder), {"tpr": [], "fpr": []}
    for seed, rows in by_seed.items():
        header = ladder.ticket("dense", 0.0, seed).header
        temperature, point = header["calibration"]["temperature"], header["operating_point"]["video"]["threshold"]
        scaled = [
            row | {"prob": float(fake_probability(np.array([row["logits"]], np.float32) / temperature)[0])}
            for row in rows
        ]
        for name, label in (("tpr", 1), ("fpr", 0)):
            wanted[name].append(np.mean([row["prob"] >= point for row in videos_of(scaled) if row["label"] == label]))
    at = found["stores"][0]["operating_point"]
    assert at["fpr"] == 0.05
    for name, values in wanted.items():
        assert at["video"][name]["mean"] == pytest.approx(np.mean(values), abs=1e-9)


def test_the_calibration_error_counts_reals_and_fakes_as_the_calibration_does(ladder, found):
    report, errors = found["stores"][0]["calibration"], []
    for rows in rows_of(ladder).values():
        labels = np.array([row["label"] for row in rows])
        weights = np.where(labels == 1, 0.5 / (labels == 1).sum(), 0.5 / (labels == 0).sum())
        errors.append(expected_calibration_error([row["prob"] for row in rows], labels, weights=weights))
    assert report["prior"] == 0.5
    assert report["before"]["ece"]["mean"] == pytest.approx(np.mean(errors))
    assert report["after"]["ece"]["mean"] != report["before"]["ece"]["mean"]
    assert sum(row["count"] for row in report["before"]["bins"]) == 2 * 120


@pytest.mark.parametrize("prior", [None, 0.5, 0.2])
def test_the_resampled_calibration_error_is_that_of_the_repeated_rows(prior):
    rng = np.random.default_rng(1)
    labels, prob = rng.integers(0, 2, 80), np.r_[rng.random(78), 0.0, 1.0]
    drawn = rng.integers(0, 3, 80)
    again, values = np.repeat(labels, drawn), np.repeat(prob, drawn)
    share = again.mean() if prior is None else prior
    weights = np.where(again == 1, share / (again == 1).sum(), (1 - share) / (again == 0).sum())
    wanted = expected_calibration_error(values, again, weights=weights)
    assert resampled_error(prob[None], labels, drawn[None].astype(float), prior)[0, 0] == pytest.approx(wanted)


def test_an_entry_of_a_ladder_is_chosen_by_method_and_level(ladder):
    assert choose_model(ladder.path).method == "dense"
    model = choose_model(ladder.path, "imp")
    assert (model.level, model.seeds) == (0.5, (0, 1))
    assert model.members[0].ticket().sparsity == pytest.approx(0.5, abs=1e-4)
    with pytest.raises(ClewError, match=r"no luck ticket\. There are: dense 0; imp 0\.5"):
        choose_model(ladder.path, "luck")
    with pytest.raises(ClewError, match=r"no imp ticket at level 0\.8"):
        choose_model(ladder.path, "imp", 0.8)
    ticket = ladder.path / "tickets/imp-s1-50.safetensors"
    assert choose_model(ticket).seeds == (1,)
    with pytest.raises(ClewError, match="is one ticket"):
        choose_model(ticket, "imp")


def test_one_ticket_counts_one_seed(ladder, found):
    ticket = ladder.path / "tickets/dense-s1.safetensors"
    alone = evaluate(ticket, [store_of(ladder)])["stores"][0]["video"]["auc"]
    rows = rows_of(ladder)
    assert alone["n"] == 1
    assert alone["mean"] == pytest.approx(by_hand({1: rows[1]}, sk.roc_auc_score))
    assert found["model"]["seeds"] == [0, 1]


def test_a_store_of_reals_alone_has_a_false_positive_rate_and_no_auc(ladder, tmp_path):
    write_store(tmp_path / "reals", methods=("real",), names=False, seed=3)
    result = evaluate(ladder.path, [tmp_path / "reals"])
    store = result["stores"][0]
    assert store["video"] is None
    assert store["picture"]["auc"] is store["picture"]["eer"] is store["operating_point"]["picture"]["tpr"] is None
    assert "one class only" in store["picture"]["reason"]
    assert store["called_fake"]["fake"] is None
    assert store["called_fake"]["real"]["mean"] == pytest.approx(1 - store["picture"]["accuracy"]["mean"])
    assert store["operating_point"]["picture"]["fpr"]["n"] == 2
    assert "reals only, so no AUC" in result["headline"]
    json.dumps(result, allow_nan=False)


def test_pictures_without_videos(ladder, store_path):
    store = evaluate(ladder.path, [store_path])["stores"][0]
    assert (store["videos"], store["video"], store["pictures"]) == (0, None, 48)
    assert store["picture"]["auc"]["n"] == 2


def test_what_stands_against_the_figures_is_told(ladder, tmp_path):
    assert evaluate(ladder.path, [store_of(ladder)], resamples=100)["warnings"] == []
    (trained,) = evaluate(ladder.path, [store_of(ladder)], split="train", resamples=100)["warnings"]
    assert "trained on these samples" in trained
    (chosen,) = evaluate(ladder.path, [store_of(ladder)], split="val", resamples=100)["warnings"]
    assert "selected and calibrated" in chosen
    write_store(tmp_path / "larger", size=40)
    (other,) = evaluate(ladder.path, [tmp_path / "larger"], resamples=100)["warnings"]
    assert "cropped as 'as-given-v1, 40 px', the model was trained on 'as-given-v1, 32 px'" in other


def test_imported_weights_are_measured_without_promises(ladder, store_path, tmp_path):
    state = ladder.ticket("dense", 0.0, 0).state()
    save_state(tmp_path / "net.safetensors", state)
    import_weights(tmp_path / "net.safetensors", "meso4", tmp_path / "ticket.safetensors", input_size=32)
    result = evaluate(tmp_path / "ticket.safetensors", [store_path])
    same = evaluate(ladder.path / "tickets/dense-s0.safetensors", [store_path])
    assert result["stores"][0]["picture"] == same["stores"][0]["picture"]
    assert result["stores"][0]["operating_point"] is result["stores"][0]["calibration"]["after"] is None
    assert "was imported" in result["warnings"][0]
    assert "trained on" not in result["headline"]


def test_a_stopped_evaluation_goes_on_and_makes_nothing_twice(ladder, store_path, tmp_path, monkeypatch):
    made = []
    honest = scoring.logits_of
    monkeypatch.setattr(scoring, "logits_of", lambda *args: made.append(1) or honest(*args))
    stores = [store_of(ladder), store_path]
    first = evaluate(ladder.path, stores, out=tmp_path)
    whole = (tmp_path / EVALUATION).read_bytes()
    assert len(made) == 4
    files = sorted((tmp_path / "scores").iterdir())
    files[0].unlink()
    files[1].write_bytes(b"PAR1 not really")
    made.clear()
    assert evaluate(ladder.path, stores, out=tmp_path) == first
    assert len(made) == 2
    assert (tmp_path / EVALUATION).read_bytes() == whole
    made.clear()
    evaluate(ladder.path, stores, out=tmp_path, method="imp")
    assert len(made) == 4
    assert read_json(tmp_path / EVALUATION)["model"]["method"] == "imp"


def test_scores_of_a_changed_store_are_not_taken_for_those_of_the_old_one(ladder, tmp_path, monkeypatch):
    write_store(tmp_path / "other", seed=1)
    one = evaluate(ladder.path, [tmp_path / "other"], out=tmp_path / "out")
    shutil.rmtree(tmp_path / "other")
    write_store(tmp_path / "other", seed=2)
    two = evaluate(ladder.path, [tmp_path / "other"], out=tmp_path / "out")
    assert one["stores"][0]["picture"] != two["stores"][0]["picture"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"split": "tests"}, "unknown split 'tests'"),
        ({"limit": -1}, "--limit -1"),
        ({"resamples": 3}, "--resamples 3"),
    ],
)
def test_bad_requests(ladder, changes, why):
    with pytest.raises(ClewError, match=why):
        evaluate(ladder.path, [store_of(ladder)], **changes)


def test_an_empty_split_is_named(ladder, tmp_path):
    write_store(tmp_path / "train-only", videos={"train": 2})
    with pytest.raises(ClewError, match="train-only: no usable samples in the split 'test'"):
        evaluate(ladder.path, [tmp_path / "train-only"])


# Networks that tell methods apart


def classes_by_hand(ladder, classes):
    """Targets (V,) and probabilities (V, K) of each seed, per video."""
    runs = []
    for rows in rows_of(ladder).values():
        groups = defaultdict(list)
        for row in rows:
            groups[row["video"]].append(row)
        logits = [np.array([row["logits"] for row in some], np.float64) for some in groups.values()]
        powers = [np.exp(part - part.max(1, keepdims=True)) for part in logits]
        prob = np.stack([(part / part.sum(1, keepdims=True)).mean(0) for part in powers])
        runs.append((np.array([classes.index(some[0]["forgery"]) for some in groups.values()]), prob))
    return runs


def test_the_confusion_matrix_and_the_figures_of_each_class(many):
    found = evaluate(many.path, [store_of(many)])
    told, names = found["stores"][0]["classes"], ["real", "Grid", "Stripes"]
    assert found["model"]["classes"] == told["names"] == names
    runs = classes_by_hand(many, names)
    wanted = np.mean([sk.confusion_matrix(truth, prob.argmax(1), labels=range(3)) for truth, prob in runs], axis=0)
    assert np.allclose(told["confusion"], wanted)
    macro = np.mean([sk.roc_auc_score(truth, prob, multi_class="ovr") for truth, prob in runs])
    assert told["macro_auc"]["mean"] == pytest.approx(macro)
    for k, one in enumerate(told["classes"]):
        assert one["count"] == 10
        recall = np.mean([sk.recall_score(truth == k, prob.argmax(1) == k) for truth, prob in runs])
        assert one["recall"]["mean"] == pytest.approx(recall)
        called = [
            sk.precision_score(truth == k, prob.argmax(1) == k) for truth, prob in runs if (prob.argmax(1) == k).any()
        ]
        if one["precision"] is not None:
            assert one["precision"]["mean"] == pytest.approx(np.mean(called))
    auc = np.mean([sk.roc_auc_score(truth > 0, 1 - prob[:, 0]) for truth, prob in runs])
    assert found["stores"][0]["video"]["auc"]["mean"] == pytest.approx(auc)


def test_methods_that_were_not_learnt_are_counted_and_left_out(many, tmp_path):
    write_store(tmp_path / "new", methods=("real", "Grid", "Unheard-of"), seed=4)
    store = evaluate(many.path, [tmp_path / "new"])["stores"][0]
    told = store["classes"]
    assert (told["unknown"], told["absent"]) == (10, ["Stripes"])
    assert np.sum(told["confusion"]) == pytest.approx(20)
    assert told["classes"][2]["auc"] is None
    assert [part["method"] for part in store["methods"]] == ["Grid", "Unheard-of"]
    assert store["video"]["fakes"] == 20


def test_binary_networks_have_no_confusion_matrix(found):
    assert found["stores"][0]["classes"] is None


# Corruptions


@pytest.fixture
def samples(ladder):
    return usable(open_store(store_of(ladder)), "test")


@pytest.mark.parametrize("name", list(corruptions))
def test_a_corruption_grows_with_its_level_and_is_the_same_every_time(name, samples):
    whole = samples.crops(np.arange(12), 32).astype(float)
    gaps = []
    for level in corruptions.get(name).levels:
        spoilt = corrupted(samples, name, level)
        crops = spoilt.crops(np.arange(12), 32)
        assert crops.dtype == np.uint8
        assert (spoilt.crops(np.arange(12), 32) == crops).all()
        assert (spoilt.crops([7, 3], 32) == crops[[7, 3]]).all()
        gaps.append(np.abs(crops - whole).mean())
    assert gaps == sorted(gaps)
    assert gaps[0] > 0


def test_noise_is_of_each_picture_its_own(samples):
    first, second = (corrupted(samples, "noise", 20).crops([at], 32)[0] - samples.crops([at], 32)[0] for at in (0, 1))
    assert (first != second).any()


def test_corruption_comes_before_the_detectors_size(samples, monkeypatch):
    sizes = []
    seen = Corruption("Seen", "", (1,), lambda crop, level, rng: sizes.append(crop.shape) or crop)
    monkeypatch.setitem(corruptions._items, "seen", seen)
    assert corrupted(samples, "seen", 1).crops([0], 16).shape == (1, 16, 16, 3)
    assert sizes == [(32, 32, 3)]


def test_robustness_is_paired_with_the_same_pictures_left_alone(ladder, found, monkeypatch):
    same = Corruption("Nothing", "times", (1,), lambda crop, level, rng: crop)
    grey = Corruption("All grey", "times", (1,), lambda crop, level, rng: np.full_like(crop, 127))
    monkeypatch.setattr(corruptions, "_items", {"nothing": same, "grey": grey})
    result = evaluate(ladder.path, [store_of(ladder)], corrupt=True, resamples=2000)["stores"][0]
    told = result["robustness"]
    plain = found["stores"][0]
    for unit in ("picture", "video"):
        assert told["clean"][unit]["auc"] == plain[unit]["auc"]
    grey, nothing = told["corruptions"]
    assert nothing["levels"][0]["video"]["auc"] == plain["video"]["auc"]
    assert nothing["levels"][0]["video"]["auc_minus_clean"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 2}
    blind = grey["levels"][0]["video"]
    assert blind["auc"]["mean"] == 0.5
    assert blind["auc_minus_clean"]["mean"] == pytest.approx(0.5 - plain["video"]["auc"]["mean"])
    width = blind["auc_minus_clean"]["high"] - blind["auc_minus_clean"]["low"]
    alone = found["stores"][0]["video"]["auc"]
    assert width >= alone["high"] - alone["low"] - 1e-9


def test_a_limit_takes_whole_videos_of_both_classes_the_same_every_time(samples):
    chosen = some_videos(samples, 20)
    assert (some_videos(samples, 20) == chosen).all()
    kept = [samples.rows["video"].to_pylist()[at] for at in chosen]
    assert len(chosen) == 20
    assert all(kept.count(name) == 2 for name in kept)
    assert samples.labels[chosen].mean() == 0.5
    assert len(some_videos(samples, 0)) == len(some_videos(samples, 1000)) == 120
    assert set(chosen) <= set(some_videos(samples, 40))


def test_a_limit_spreads_over_the_clusters_the_same_for_both_classes(samples):
    chosen = some_videos(samples, 20)  # 10 videos, 5 clusters
    clusters = np.array(samples.rows["cluster"].to_pylist())[chosen]
    for label in (0, 1):
        assert sorted(clusters[samples.labels[chosen] == label].tolist()) == sorted([*np.unique(clusters)] * 2)
    few = some_videos(samples, 8)
    own = np.array(samples.rows["cluster"].to_pylist())[few]
    assert set(own[samples.labels[few] == 0]) == set(own[samples.labels[few] == 1])
    assert len(set(own)) == 2


def test_a_rare_class_leaves_its_room_to_the_other(tmp_path):
    write_store(tmp_path / "rare", methods=("real", "real", "real", "real", "Grid"), names=False)
    some = usable(open_store(tmp_path / "rare"), "test")
    assert (some.labels == 1).sum() == 20
    chosen = some_videos(some, 60)
    assert len(chosen) == 60
    assert (some.labels[chosen] == 1).sum() == 20


def test_limited_corruption_keeps_scores_apart_from_the_whole(ladder, tmp_path, monkeypatch):
    grey = Corruption("All grey", "times", (1,), lambda crop, level, rng: np.full_like(crop, 127))
    monkeypatch.setattr(corruptions, "_items", {"grey": grey})
    few = evaluate(ladder.path, [store_of(ladder)], corrupt=True, limit=20, out=tmp_path)["stores"][0]["robustness"]
    assert (few["pictures"], few["limit"]) == (20, 20)
    all_of = evaluate(ladder.path, [store_of(ladder)], corrupt=True, limit=0, out=tmp_path)["stores"][0]["robustness"]
    assert all_of["pictures"] == 120


# Numbers that need no network


def bench(labels, prob, clusters, resamples=500):
    labels = np.array(labels)
    none = np.full(len(labels), "")
    return Bench(labels, np.array(prob, float), np.array(clusters), none, none, tuple(range(len(prob))), resamples)


def test_a_class_in_one_cluster_has_no_interval():
    one = measure(bench([0, 0, 1, 1], [[0.1, 0.6, 0.4, 0.9]], ["a", "a", "b", "c"])).as_dict()
    assert one["auc"] == {"mean": 0.75, "low": None, "high": None, "n": 1}


def test_clusters_that_count_are_at_most_twice_those_of_the_rarer_class():
    labels = [0, 0] + [1] * 10
    found = measure(bench(labels, [np.linspace(0, 1, 12)], [f"c{at}" for at in range(12)]))
    assert found.clusters == 4


def test_more_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 40)
    clusters = [f"c{at // 2}" for at in range(80)]
    good, poor = (labels * gap + rng.normal(size=80) for gap in (2.0, 0.3))
    squash = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    alike = measure(bench(labels, squash(np.stack([good, good])), clusters)).as_dict()["auc"]
    apart = measure(bench(labels, squash(np.stack([good, poor])), clusters)).as_dict()["auc"]
    assert apart["high"] - apart["low"] > 1.5 * (alike["high"] - alike["low"])


def test_choices_that_cannot_be_had_become_plain_ones():
    header = {"choices": {"precision": "bf16", "memory_format": "channels-last", "threads": 2, "devices": 4}}
    assert choices_of(header) == Choices("bf16", "channels-last", 2)
    for odd in ({}, {"choices": None}, {"choices": {"precision": "fp8"}}, {"choices": {"speed": 9}}):
        assert choices_of(odd) == Choices()
