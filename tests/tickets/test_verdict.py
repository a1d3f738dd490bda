"""The rules of the verdict, each way, and the headline."""

from __future__ import annotations

import numpy as np
import pytest

from clew.base.errors import ClewError
from clew.tickets.verdict import Headline, Rung, Verdict, beats, headline, judge, kind_of, percent, pooled
from clew.training.intervals import Estimate, Interval

MARGIN, CLUSTERS = 0.02, 67
DENSE = [0.950, 0.951, 0.952]


def _run(values: list[float], wobble: float = 0.0) -> Estimate:
    """An estimate whose mean over seeds has bootstrap variance wobble**2 (two resamples, ddof 1)."""
    row = np.array(values)
    return Estimate(tuple(range(len(row))), row, row + wobble * np.array([[-1], [1]]) / np.sqrt(2))


def _judge(ticket: list[float], random: list[float] | None, wobble: float = 0.0, **changes: object) -> Verdict:
    settings = {"margin": MARGIN, "clusters": CLUSTERS, "rewind": "init"} | changes
    control = None if random is None else _run(random)
    return judge(_run(ticket, wobble), _run(DENSE), control, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rewind", "kind"),
    [("init", "winning"), ("step:250", "matching"), ("none", "pruned"), ("lr", "pruned")],
)
def test_a_level_that_holds_is_named_by_its_kind(rewind: str, kind: str) -> None:
    found = _judge([0.951, 0.952, 0.953], [0.90, 0.90, 0.90], rewind=rewind)
    assert (found.verdict, kind_of(rewind)) == (kind, kind)
    assert found.minus_dense.mean == pytest.approx(0.001)
    assert "+0.001" in found.reason


@pytest.mark.parametrize("rewind", ["", "step", "step5", "init:3", "dense"])
def test_an_unknown_rewind_is_refused(rewind: str) -> None:
    with pytest.raises(ClewError, match="unknown rewind"):
        kind_of(rewind)


def test_worse_than_dense_by_more_than_the_margin_loses() -> None:
    found = _judge([0.920, 0.921, 0.922], [0.80, 0.80, 0.80])
    assert found.verdict == "losing"
    assert found.reason.startswith("Worse than dense by more than the margin: ticket minus dense -0.030")


def test_worse_than_random_loses() -> None:
    found = _judge(DENSE, [0.960, 0.961, 0.962])
    assert found.verdict == "losing"
    assert found.reason.startswith("Worse than random masks of the same layer densities: -0.010")


def test_losing_to_dense_needs_no_control() -> None:
    assert _judge([0.90, 0.90, 0.90], None).verdict == "losing"


def test_without_a_control_nothing_holds() -> None:
    found = _judge(DENSE, None)
    assert (found.verdict, found.minus_random) == ("undecided", None)
    assert "no random control" in found.reason


@pytest.mark.parametrize(
    ("seeds", "clusters", "reason"),
    [
        (1, 67, "Too few seeds: 1 seed, and a verdict needs 3."),
        (2, 67, "Too few seeds: 2 seeds, and a verdict needs 3."),
        (3, 39, "Too few test clusters: 39, and a verdict needs 40."),
    ],
)
@pytest.mark.parametrize("auc", [0.951, 0.5])
def test_with_too_little_there_is_no_verdict_at_all(seeds: int, clusters: int, reason: str, auc: float) -> None:
    found = _judge([auc] * seeds, [0.7] * seeds, clusters=clusters)
    assert (found.verdict, found.reason) == ("undecided", reason)


def test_forty_clusters_and_three_seeds_are_enough() -> None:
    assert _judge(DENSE, [0.7] * 3, clusters=40).verdict == "winning"


def test_too_few_seeds_of_the_control_are_too_few() -> None:
    found = _judge(DENSE, [0.7] * 2)
    assert found.verdict == "undecided"
    assert "2 seeds with both ticket and random control" in found.reason


def test_noisy_seeds_are_told_how_many_would_do() -> None:
    # differences -0.02, 0, 0.02: b = 0.0004 / 3; t_{S-1} 0.02 / sqrt(S) < 0.02 first at S = 5 (t_4 = 2.132)
    found = _judge([0.930, 0.951, 0.972], [0.7, 0.7, 0.7])
    assert found.verdict == "undecided"
    assert found.reason.startswith("Too few seeds: about 5 would do")


def test_too_few_clusters_are_not_mended_by_seeds() -> None:
    found = _judge([0.950, 0.951, 0.952], [0.7, 0.7, 0.7], wobble=0.02)
    assert found.verdict == "undecided"
    assert found.reason.startswith("Too few test clusters (67): no number of seeds will do; ticket minus dense")


@pytest.mark.parametrize(("noise", "wobble", "more"), [(0.01, 0.0, "seeds"), (0.0, 0.01, "test clusters")])
def test_a_mean_below_the_margin_is_never_promised_a_win(noise: float, wobble: float, more: str) -> None:
    found = _judge([value - 0.021 + noise * at for value, at in zip(DENSE, (-1, 0, 1), strict=True)], [0.7] * 3, wobble)
    assert found.verdict == "undecided"
    assert found.reason.startswith(f"Too few {more} to tell whether it loses: the mean itself is not above")


def test_random_that_does_as_well_is_said() -> None:
    found = _judge(DENSE, [0.951, 0.951, 0.951])
    assert found.verdict == "undecided"
    assert found.reason.startswith("Random does as well: ticket minus random masks")


def test_a_control_that_seeds_could_clear_asks_for_seeds() -> None:
    found = _judge(DENSE, [0.930, 0.949, 0.911])
    assert found.verdict == "undecided"
    assert "would do" in found.reason
    assert "ticket minus random +0.021" in found.reason
    assert "margin" not in found.reason


def test_an_unknown_spread_decides_nothing() -> None:
    found = _judge(DENSE, [0.7] * 3, wobble=np.nan)
    assert (found.verdict, found.minus_dense.low) == ("undecided", None)
    assert "one class lie in one cluster" in found.reason


def test_no_seed_in_common_is_an_error() -> None:
    with pytest.raises(ClewError, match="no seed in common"):
        judge(Estimate((7,), np.ones(1), np.ones((2, 1))), _run(DENSE), None, MARGIN, CLUSTERS, "init")


def test_pooled_averages_the_levels_from_sixty_percent_up() -> None:
    dense = _run([0.5, 0.5, 0.5])
    pairs = [
        (0.2, _run([0.9] * 3), dense),
        (0.6, _run([0.6, 0.7, 0.8]), dense),
        (0.8, _run([0.8] * 3), dense),
    ]
    found = pooled(pairs, CLUSTERS)
    assert found is not None
    assert (found.mean, found.n) == (pytest.approx(0.25), 3)
    assert pooled(pairs[:1], CLUSTERS) is None


def _rung(level: float, low: float | None, random_low: float | None = 0.012, seeds: int = 3) -> Rung:
    high = None if low is None else low + 0.02
    random = None if random_low is None else Interval(random_low + 0.019, random_low, random_low + 0.038, seeds)
    verdict = Verdict("", "", Interval((low or 0) + 0.01, low, high, seeds), random)
    auc, reference = Interval(0.953, 0.94, 0.96, seeds), Interval(0.951, 0.94, 0.96, seeds)
    return Rung(level, level + 0.001, auc, reference, verdict)


def _headline(*rungs: Rung, margin: float = 0.03, clusters: int = CLUSTERS, rewind: str = "init") -> Headline:
    return headline(rungs, "imp", "global", rewind, margin, clusters)


def test_the_headline_in_words() -> None:
    found = _headline(_rung(0.8, -0.008), _rung(0.6, 0.0))
    assert (found.level, found.sparsity, found.beats_random) == (0.8, 0.801, True)
    assert found.text == (
        "IMP (global, rewound to initialisation) keeps the dense detector's AUC within 0.03 down to 80.1 % "
        "sparsity (AUC 0.953 against 0.951 dense; difference +0.002, 90 % interval -0.008 to +0.012, "
        "3 seeds, 67 test clusters), and beats random masks of the same layer densities there "
        "(+0.031, 90 % interval +0.012 to +0.050, 3 seeds)."
    )


def test_a_broken_run_ends_the_headline() -> None:
    assert _headline(_rung(0.2, 0.0), _rung(0.4, -0.01), _rung(0.6, -0.03), _rung(0.8, 0.0)).level == 0.4
    assert _headline(_rung(0.2, 0.0), _rung(0.4, 0.0, seeds=2), _rung(0.6, 0.0)).level == 0.2


def test_no_level_that_holds_is_said_plainly() -> None:
    found = _headline(_rung(0.2, -0.031), _rung(0.4, 0.0))
    assert (found.level, found.sparsity, found.beats_random) == (None, None, None)
    assert "is not shown to keep the dense detector's AUC within 0.03 at its lowest level" in found.text
    assert "-0.031 to -0.011" in found.text


@pytest.mark.parametrize(("random_low", "known"), [(-0.001, False), (None, None)])
def test_the_headline_does_not_claim_to_beat_random(random_low: float | None, known: bool | None) -> None:
    found = _headline(_rung(0.8, 0.0, random_low))
    assert (found.level, found.beats_random) == (0.8, known)
    assert "and beats" not in found.text
    assert ("not shown to beat" if known is False else "not compared") in found.text


def test_the_headline_gives_no_verdict_on_too_little() -> None:
    few_seeds, few_clusters = _headline(_rung(0.8, 0.0, seeds=2)), _headline(_rung(0.8, 0.0), clusters=39)
    assert few_seeds.level is few_clusters.level is None
    assert few_seeds.text.startswith("No verdict is given on IMP (global, rewound to initialisation). Too few seeds: 2")
    assert "Too few test clusters: 39" in few_clusters.text


def test_an_unrewound_ticket_is_named_against_its_own_reference() -> None:
    text = _headline(_rung(0.8, 0.0), rewind="none").text
    assert "IMP (global, not rewound) keeps the equally long trained dense detector's AUC" in text
    assert "rewound to step 250" in _headline(_rung(0.8, 0.0), rewind="step:250").text


def test_small_words() -> None:
    assert [percent(share) for share in (0.8, 0.488, 0.4881, 0.95)] == ["80 %", "48.8 %", "48.8 %", "95 %"]
    assert beats(Interval(0.1, 0.05, 0.2, 2)) is None
