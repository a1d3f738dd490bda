"""The verdict on one level of a ladder, and the headline of the whole.

A winning ticket reaches the dense net's quality from the same start, and a random mask does not (Frankle &
Carbin, "The Lottery Ticket Hypothesis", ICLR 2019). Both halves must hold at 5 % each, with the doubt from
seeds and from test clusters counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clew.base.errors import ClewError
from clew.training.intervals import Estimate, Interval, Spread, average

MINIMUM_SEEDS = 3
MINIMUM_CLUSTERS = 40
MOST_SEEDS = 100  # more are never advised
POOLED_FROM = 0.6
PRUNED_IN_TRAINING = ("gradual",)

_KINDS = {"init": "winning", "step:": "matching", "none": "pruned", "lr": "pruned"}
_REWINDS = {"init": "rewound to initialisation", "none": "not rewound", "lr": "learning rate rewound"}
_METHODS = {
    "imp": "IMP",
    "early-bird": "Early-bird pruning",
    "one-shot": "One-shot pruning",
    "gradual": "Gradual pruning",
    "snip": "SNIP",
    "grasp": "GraSP",
    "synflow": "SynFlow",
    "moved-imp": "IMP's ticket of other data",
    "moved-one-shot": "One-shot pruning's ticket of other data",
}
_CONTROL = "random masks of the same layer densities"


@dataclass(frozen=True)
class Verdict:
    """`winning`, `matching` or `pruned` when a level holds, else `losing` or `undecided`, and why."""

    verdict: str
    reason: str
    minus_dense: Interval
    minus_random: Interval | None


@dataclass(frozen=True)
class Rung:
    """One level of a ladder as the headline sees it: the AUCs of the ticket and of its dense reference."""

    target: float
    sparsity: float
    auc: Interval
    reference: Interval
    verdict: Verdict


@dataclass(frozen=True)
class Headline:
    """The highest level not worse than dense, whether it beats random there, and both in words."""

    method: str
    level: float | None
    sparsity: float | None
    beats_random: bool | None
    text: str


@dataclass(frozen=True)
class _Gap:
    """One comparison: its interval must lie above `bound`."""

    interval: Interval
    spread: Spread
    bound: float

    @property
    def clears(self) -> bool:
        return self.interval.low is not None and self.interval.low > self.bound

    @property
    def fails(self) -> bool:
        return self.interval.high is not None and self.interval.high < self.bound

    def seeds_needed(self) -> int | None:
        """The fewest seeds, up to MOST_SEEDS, with which the same mean and spread would clear the bound."""
        for seeds in range(MINIMUM_SEEDS, MOST_SEEDS + 1):
            half = self.spread.half_width(seeds)
            if half is not None and self.interval.mean - half > self.bound:
                return seeds
        return None


def kind_of(rewind: str, method: str = "") -> str:
    """`winning` (rewound to initialisation), `matching` (to step K) or `pruned` (neither), or ClewError.

    The tickets of a method that prunes while it trains are pruned ones, wherever they start from; so are those that
    go on from the weights which they were trained to elsewhere.
    """
    kind = _KINDS.get("step:" if rewind.startswith("step:") else rewind)
    if kind is None:
        raise ClewError(f"unknown rewind '{rewind}'. Known: none, init, step:K, lr.")
    return "pruned" if method in PRUNED_IN_TRAINING or method.endswith("-trained") else kind


def judge(
    ticket: Estimate,
    dense: Estimate,
    random: Estimate | None,
    margin: float,
    clusters: int,
    rewind: str,
    method: str = "",
) -> Verdict:
    """The verdict on one level from AUCs by seed, all under the same resamples of C `clusters`.

    Seeds are paired; `random` is the control of the same layer densities, None when none was trained. Raises
    ClewError when ticket and dense share no seed.
    """
    against_dense = _gap(ticket, dense, -margin, clusters)
    if against_dense is None:
        raise ClewError("the ticket and its dense reference have no seed in common. Train both for a seed.")
    against_random = None if random is None else _gap(ticket, random, 0.0, clusters)
    verdict, reason = _decide(against_dense, against_random, kind_of(rewind, method), clusters)
    return Verdict(verdict, reason, against_dense.interval, None if against_random is None else against_random.interval)


def pooled(pairs: Sequence[tuple[float, Estimate, Estimate]], clusters: int) -> Interval | None:
    """The interval of ticket - random averaged by seed over levels from POOLED_FROM up.

    `pairs` holds (level, ticket, random); None when no such level has a control, or no seed has them all.
    """
    differences = [ticket.minus(random) for level, ticket, random in pairs if level > POOLED_FROM - 1e-9]
    known = [difference for difference in differences if difference is not None]
    mean = average(known)
    return None if mean is None else mean.interval(clusters)


def _gap(ticket: Estimate, other: Estimate, bound: float, clusters: int) -> _Gap | None:
    difference = ticket.minus(other)
    if difference is None:
        return None
    return _Gap(difference.interval(clusters), difference.spread(clusters), bound)


def _decide(dense: _Gap, random: _Gap | None, kind: str, clusters: int) -> tuple[str, str]:
    missing = _too_little(dense.interval.n, clusters)
    if missing:
        return "undecided", missing
    if dense.fails:
        return "losing", f"Worse than dense by more than the margin: {_dense_words(dense)}."
    if random is None:
        return (
            "undecided",
            f"There is no random control to compare with; against dense: {_dense_words(dense)}.",
        )
    missing = _too_little(random.interval.n, clusters, "with both ticket and random control")
    if missing:
        return "undecided", missing
    if random.fails:
        return "losing", f"Worse than {_CONTROL}: {change(random.interval)}."
    if dense.clears and random.clears:
        return (
            kind,
            f"Not worse than dense ({_dense_words(dense)}); beats random ({change(random.interval)}).",
        )
    return "undecided", _doubt(dense, random)


def _too_little(seeds: int, clusters: int, which: str = "") -> str:
    """Why no verdict can be given at all, or the empty string."""
    if seeds < MINIMUM_SEEDS:
        found = f"{count(seeds, 'seed')} {which}".strip()
        return f"Too few seeds: {found}, and a verdict needs {MINIMUM_SEEDS}."
    if clusters < MINIMUM_CLUSTERS:
        return f"Too few test clusters: {clusters}, and a verdict needs {MINIMUM_CLUSTERS}."
    return ""


def _doubt(dense: _Gap, random: _Gap) -> str:
    """Why a level neither holds nor fails: what no number of seeds can mend comes first."""
    if dense.interval.low is None or random.interval.low is None:
        return "The spread over test clusters is unknown: all pictures of one class lie in one cluster."
    needed = {"dense": dense.seeds_needed(), "random": random.seeds_needed()}
    if not dense.clears and needed["dense"] is None:
        return _dense_doubt(dense)
    if not random.clears and needed["random"] is None:
        return f"Random does as well: ticket minus {_CONTROL} is {change(random.interval)}, not clear of 0."
    about = max(seeds for seeds in needed.values() if seeds is not None)
    return f"Too few seeds: about {about} would do if the rest stays as it is; {_both_words(dense, random)}."


def _dense_doubt(dense: _Gap) -> str:
    words = _dense_words(dense)
    if dense.interval.mean > dense.bound:
        return f"Too few test clusters ({dense.spread.clusters}): no number of seeds will do; {words}."
    more = "seeds" if dense.spread.b > dense.spread.v else "test clusters"
    return f"Too few {more} to tell whether it loses: the mean itself is not above the margin; {words}."


def _both_words(dense: _Gap, random: _Gap) -> str:
    blocked = [] if dense.clears else [_dense_words(dense)]
    if not random.clears:
        blocked.append(f"ticket minus random {change(random.interval)}, not clear of 0")
    return " and ".join(blocked)


def _dense_words(dense: _Gap) -> str:
    return f"ticket minus dense {change(dense.interval)}, margin {-dense.bound:g}"


def headline(rungs: Sequence[Rung], method: str, scope: str, rewind: str, margin: float, clusters: int) -> Headline:
    """The highest level in an unbroken run, from the lowest, of levels not worse than dense by `margin`.

    Levels are tested in a fixed order, each only if all before it held, so that no correction for their
    number is due. `rungs` are of one method, scope and rewind, in any order.
    """
    name = f"{_METHODS.get(method, method)} ({scope}, {_rewind_words(rewind, method)})"
    ladder = sorted(rungs, key=lambda rung: rung.target)
    if not ladder:
        return Headline(method, None, None, None, f"{name} has no level to judge.")
    missing = _too_little(ladder[0].verdict.minus_dense.n, clusters)
    if missing:
        text = f"No verdict is given on {name}. {missing} {_at(ladder[0], rewind, clusters)}"
        return Headline(method, None, None, None, text)
    best = _last_unbroken(ladder, margin)
    if best is None:
        text = f"{name} is not shown to keep the dense detector's AUC within {margin:g} at its lowest level. "
        return Headline(method, None, None, None, text + _at(ladder[0], rewind, clusters))
    random = best.verdict.minus_random
    text = (
        f"{name} keeps the {_dense_name(rewind)}'s AUC within {margin:g} down to "
        f"{percent(best.sparsity)} sparsity ({_figures(best, clusters)}), {_random_words(random)}"
    )
    return Headline(method, best.target, best.sparsity, beats(random), text)


def _last_unbroken(ladder: Sequence[Rung], margin: float) -> Rung | None:
    best = None
    for rung in ladder:
        difference = rung.verdict.minus_dense
        if difference.n < MINIMUM_SEEDS or difference.low is None or difference.low <= -margin:
            break
        best = rung
    return best


def beats(minus_random: Interval | None) -> bool | None:
    """Whether a level is better than its random control; None when too few seeds or none can tell."""
    if minus_random is None or minus_random.low is None or minus_random.n < MINIMUM_SEEDS:
        return None
    return minus_random.low > 0


def _random_words(minus_random: Interval | None) -> str:
    known = beats(minus_random)
    if minus_random is None:
        return "but was not compared with random masks there."
    if known is None:
        return f"but its comparison with {_CONTROL} has too few seeds there ({change(minus_random)})."
    if known:
        return f"and beats {_CONTROL} there ({change(minus_random)})."
    return f"but is not shown to beat {_CONTROL} there ({change(minus_random)})."


def _at(rung: Rung, rewind: str, clusters: int) -> str:
    return f"At {percent(rung.sparsity)} sparsity against the {_dense_name(rewind)}: {_figures(rung, clusters)}."


def _figures(rung: Rung, clusters: int) -> str:
    return (
        f"AUC {rung.auc.mean:.3f} against {rung.reference.mean:.3f} dense; "
        f"difference {change(rung.verdict.minus_dense)}, {count(clusters, 'test cluster')}"
    )


def _dense_name(rewind: str) -> str:
    return "dense detector" if kind_of(rewind) != "pruned" else "equally long trained dense detector"


def _rewind_words(rewind: str, method: str) -> str:
    if method in PRUNED_IN_TRAINING:
        return "pruned while it trains"
    return _REWINDS.get(rewind, f"rewound to step {rewind.partition(':')[2]}")


def change(interval: Interval) -> str:
    """A difference in words: `+0.002, 90 % interval -0.008 to +0.012, 3 seeds`."""
    told = interval.within(-1.0)
    if told.low is None or told.high is None:
        limits = "interval unknown"
    else:
        limits = f"90 % interval {_signed(told.low)} to {_signed(told.high)}"
    return f"{_signed(interval.mean)}, {limits}, {count(interval.n, 'seed')}"


def _signed(number: float) -> str:
    return f"{round(number, 3) + 0.0:+.3f}"


def count(number: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percent(share: float) -> str:
    """A share with at most one decimal: `80 %`, `48.8 %`."""
    return f"{round(100 * share, 1):g} %"
