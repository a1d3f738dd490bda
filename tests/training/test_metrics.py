"""Metrics against numbers worked out by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from clew.base.errors import ClewError
from clew.training import metrics

LABELS = np.array([0, 0, 1, 1, 1])
SCORES = np.array([0.1, 0.5, 0.5, 0.9, 0.2])


@pytest.fixture(name="rng")
def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_auc_counts_ties_half() -> None:
    # fakes 0.5, 0.9, 0.2 against reals 0.1, 0.5: (1 + 0.5) + 2 + 1 of 6 pairs
    assert metrics.auc(LABELS, SCORES) == pytest.approx(4.5 / 6)


def test_auc_of_equal_scores_is_a_half_and_turning_scores_round_gives_the_rest() -> None:
    assert metrics.auc(LABELS, np.zeros(5)) == 0.5
    assert metrics.auc(LABELS, -SCORES) == pytest.approx(1 - metrics.auc(LABELS, SCORES))


def test_average_precision_by_hand() -> None:
    # thresholds 0.9: 1/1; 0.5: 2/3; 0.2: 3/4; each adds a third of the recall
    assert metrics.average_precision(LABELS, SCORES) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_accuracy_calls_fake_from_the_threshold_on() -> None:
    assert metrics.accuracy(LABELS, SCORES) == pytest.approx(3 / 5)
    assert metrics.accuracy(LABELS, SCORES, threshold=0.51) == pytest.approx(3 / 5)
    assert metrics.accuracy(LABELS, SCORES, threshold=0.2) == pytest.approx(4 / 5)


def test_accuracy_is_defined_for_one_class_alone() -> None:
    assert metrics.accuracy([1, 1], [0.4, 0.6]) == 0.5


def test_eer_by_hand() -> None:
    # ROC points (0, 0), (0, 1/3), (1/2, 2/3), (1/2, 1), (1, 1); between the 2nd and 3rd FPR + TPR rises from
    # 1/3 to 7/6 and is 1 after 0.8 of the way: FPR 0.4
    assert metrics.eer(LABELS, SCORES) == pytest.approx(0.4)


def test_eer_of_perfect_and_of_useless_scores() -> None:
    assert metrics.eer(LABELS, LABELS) == 0
    assert metrics.eer(LABELS, np.zeros(5)) == pytest.approx(0.5)
    assert metrics.eer(LABELS, -LABELS) == pytest.approx(1)


@pytest.mark.parametrize("measure", [metrics.auc, metrics.eer, metrics.average_precision, metrics.rank])
@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([1, 1], [0.1, 0.2], "no real"),
        ([0, 0], [0.1, 0.2], "no fake"),
        ([0, 1], [0.1, np.nan], "1 of 2"),
        ([0, 1], [0.1, np.inf], "1 of 2"),
        ([0, 2], [0.1, 0.2], "labels 0"),
        ([0, 1], [0.1], "for each"),
        ([], [], "for each"),
    ],
)
def test_what_cannot_be_measured_is_said(measure: object, labels: list, scores: list, message: str) -> None:
    with pytest.raises(ClewError, match=message):
        measure(labels, scores)  # type: ignore[operator]


def _draw(rng: np.random.Generator, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = np.r_[0, 1, rng.integers(0, 2, 58)]
    scores = rng.normal(size=60) + labels
    weights = rng.integers(0, 4, (9, 60)).astype(float)
    weights[:, :2] = 1
    return labels, np.round(scores, 1) if ties else scores, weights


def _repeated(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    times = weights.astype(int)
    return np.repeat(labels, times), np.repeat(scores, times)


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_auc_and_precision_are_those_of_scikit_learn(rng: np.random.Generator, ties: bool) -> None:
    labels, scores, weights = _draw(rng, ties)
    weights *= rng.random(60)
    for measure, expected in (
        (metrics.weighted_auc, roc_auc_score),
        (metrics.weighted_average_precision, average_precision_score),
    ):
        found = measure(labels, scores, weights)
        assert found == pytest.approx([expected(labels, scores, sample_weight=row) for row in weights])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", ["auc", "accuracy", "eer", "average_precision"])
def test_a_weight_of_two_is_a_picture_seen_twice(rng: np.random.Generator, name: str, ties: bool) -> None:
    labels, scores, weights = _draw(rng, ties)
    plain, weighted = getattr(metrics, name), getattr(metrics, f"weighted_{name}")
    expected = [plain(*_repeated(labels, scores, row)) for row in weights]
    assert weighted(labels, scores, weights) == pytest.approx(expected)


def test_blocks_change_nothing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, scores, weights = _draw(rng, ties=True)
    whole = [metrics.weighted_auc(labels, scores, weights), metrics.weighted_eer(labels, scores, weights)]
    monkeypatch.setattr(metrics, "BLOCK", 130)
    assert [(part.start, part.stop) for part in metrics.blocks(9, 60)] == [
        (0, 2),
        (2, 4),
        (4, 6),
        (6, 8),
        (8, 9),
    ]
    again = [metrics.weighted_auc(labels, scores, weights), metrics.weighted_eer(labels, scores, weights)]
    assert np.array_equal(whole, again)


def test_videos_are_averaged_and_pictures_without_one_stand_alone() -> None:
    found = metrics.per_video(
        labels=[1, 0, 1, 0, 0],
        scores=[0.2, 0.5, 0.6, 0.1, 0.3],
        videos=["b", "", "b", "a", ""],
        clusters=["x", "p", "x", "y", "q"],
    )
    assert found.scores == pytest.approx([0.4, 0.5, 0.1, 0.3])
    assert found.labels.tolist() == [1, 0, 0, 0]
    assert found.clusters.tolist() == ["x", "p", "y", "q"]


def test_many_nets_are_averaged_at_once() -> None:
    scores = np.array([[0.2, 0.4, 1.0], [0.0, 1.0, 0.5]])
    found = metrics.per_video([1, 1, 0], scores, ["v", "v", ""], ["c", "c", "d"])
    assert found.scores == pytest.approx(np.array([[0.3, 1.0], [0.5, 0.5]]))


def test_one_name_under_several_forgeries_is_several_videos_when_named_whole() -> None:
    videos = [f"{forgery}/000_003" for forgery in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")]
    found = metrics.per_video([1] * 8, np.arange(8.0), videos * 2, ["000"] * 8)
    assert found.scores.tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("labels", "clusters", "kind"), [([0, 1], ["c", "c"], "label"), ([1, 1], ["c", "d"], "cluster")]
)
def test_a_name_shared_by_different_videos_is_refused(labels: list, clusters: list, kind: str) -> None:
    with pytest.raises(ClewError, match=f"'000_003' have more than one {kind}"):
        metrics.per_video(labels, [0.1, 0.2], ["000_003"] * 2, clusters)
