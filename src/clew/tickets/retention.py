"""How much of the dense nets' accuracy a ticket keeps: of all of it, and of what lies above chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clew.training.intervals import Estimate, Interval

CHANCE = 0.5  # of accuracy, where reals and fakes are equally many


def retention(ticket: Estimate, dense: Estimate, clusters: int, chance: float = CHANCE) -> dict[str, Any]:
    """{"accuracy", "above_chance"}: accuracy / dense and (accuracy - chance) / (dense - chance), intervals for JSON.

    `chance` is what always telling the commoner class scores.
    """
    whole, above = share_kept(ticket, dense, clusters), share_kept(ticket, dense, clusters, chance)
    return {"accuracy": whole and whole.as_dict(), "above_chance": above and above.as_dict()}


def share_kept(ticket: Estimate, dense: Estimate, clusters: int, floor: float = 0.0) -> Interval | None:
    """The interval of (ticket - floor) / (dense - floor), both under the same resamples of C `clusters`.

    The ratio is worked out for each seed that both have, and for each of these under every resample: its mean over
    seeds, its variance over seeds / S = b and the variance over resamples of its mean = v give mean +- sqrt(t_{S-1}^2 b
    + t_{C-1}^2 v), as for a difference. None where dense is not shown to lie above the floor (its own interval reaches
    it, or any seed or resample does): there a ratio says nothing. None, too, where they share no seed.
    """
    seeds = [seed for seed in ticket.seeds if seed in dense.seeds]
    if not seeds:
        return None
    part, whole = _above(ticket.only(seeds), floor), _above(dense.only(seeds), floor)
    if not _clear_of_zero(whole, clusters, floor > 0):
        return None
    ratio = Estimate(whole.seeds, part.values / whole.values, part.resampled / whole.resampled).interval(clusters)
    return ratio if floor or ratio.low is None else replace(ratio, low=max(0.0, ratio.low))


def _above(estimate: Estimate, floor: float) -> Estimate:
    return Estimate(estimate.seeds, estimate.values - floor, estimate.resampled - floor)


def _clear_of_zero(whole: Estimate, clusters: int, shown: bool) -> bool:
    """Whether a figure can be divided by; `shown`: only where its interval is known and lies above 0."""
    if (whole.values <= 0).any() or (whole.resampled <= 0).any():
        return False
    low = whole.interval(clusters).low
    return low > 0 if low is not None else not shown
