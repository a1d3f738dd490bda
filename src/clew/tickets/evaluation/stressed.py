"""What a ladder's nets make of the pictures of a store: left alone, corrupted, and attacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clew.base.progress import Progress, Task
from clew.tickets.evaluation.attacked import Attack
from clew.tickets.evaluation.kept import Subject, subject_of
from clew.tickets.evaluation.ladder_models import Side
from clew.tickets.evaluation.losses import Seen, seen
from clew.tickets.evaluation.robustness import Condition, conditions, kept_of, under_corruptions
from clew.tickets.evaluation.samples import some_videos, take
from clew.tickets.evaluation.scoring import score
from clew.training.data import Samples

Part = tuple[Samples, int]  # some samples, and how many that is (0: all), as a Subject names it


@dataclass(frozen=True)
class Stressed:
    """One store: the corrupted samples, the AUCs on them clean and by condition, and by budget of the attack.

    The attack has samples of its own, whose AUCs without it stand under the budget 0; none without an attack.
    """

    samples: Samples
    clean: Seen
    under: dict[Condition, Seen]
    attacked_samples: Samples
    attacked: dict[float, Seen]


def stress(
    side: Side,
    loaded: Sequence[Samples],
    limit: int,
    attack: Attack | None,
    resamples: int,
    out: Path | None,
    progress: Progress,
) -> list[Stressed]:
    """Scores all nets on about `limit` samples (0: all) of each store as they are, corrupted, and attacked."""
    parts, few = ([_part(samples, most) for samples in loaded] for most in (limit, attack.limit if attack else 1))
    nets = len(side.members)
    steps = (1 + len(conditions())) * nets * sum(len(some) for some, _ in parts)
    with progress.task("corrupted", steps) as task:
        corrupted = [_corrupted(side, part, resamples, out, task) for part in parts]
    if attack is None:
        attacked: list[dict[float, Seen]] = [{} for _ in loaded]
    else:
        steps = (1 + len(attack.epsilons)) * nets * sum(len(some) for some, _ in few)
        with progress.task("attacked", steps) as task:
            attacked = [_attacked(side, part, attack, resamples, out, task) for part in few]
    return [
        Stressed(some, clean, under, fewer, budgets)
        for (some, _), (clean, under), (fewer, _), budgets in zip(parts, corrupted, few, attacked, strict=True)
    ]


def _part(samples: Samples, limit: int) -> Part:
    some = take(samples, some_videos(samples, limit))
    return some, kept_of(some, samples)


def _corrupted(
    side: Side, part: Part, resamples: int, out: Path | None, task: Task
) -> tuple[Seen, dict[Condition, Seen]]:
    some, limit = part
    logits = score(side.members, some, subject_of(some, limit), out, task)
    clean = seen(side, some, logits, resamples)
    under = {
        condition: seen(side, spoilt, made, resamples)
        for condition, spoilt, made in under_corruptions(side.members, some, limit, out, task)
    }
    return clean, under


def _attacked(
    side: Side, part: Part, attack: Attack, resamples: int, out: Path | None, task: Task
) -> dict[float, Seen]:
    some, limit = part
    found = {}
    for epsilon in (*attack.epsilons, 0.0):  # what takes long first, so that the time left is not told too short
        subject = Subject(some.stores[0].hash, some.split, attack.name, epsilon, limit)
        logits = score(side.members, some, subject, out, task, attack.scorer(epsilon))
        found[epsilon] = seen(side, some, logits, resamples)
    return found
