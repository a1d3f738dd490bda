"""What all nets make of the pictures: logits and heatmaps by ticket, and the bench that intervals are taken on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from clew.base.progress import Progress
from clew.explain.nets import Nets
from clew.explain.shelf import Maps, Shelf
from clew.explain.streaming import Lens, maps_of
from clew.explain.subject import Subject
from clew.tickets.evaluation.bench import Bench, picture_bench
from clew.tickets.evaluation.kept import Logits
from clew.tickets.evaluation.kept import Subject as Scored
from clew.tickets.evaluation.models import Model
from clew.tickets.evaluation.scoring import score
from clew.training.score import fake_probability


@dataclass(frozen=True)
class Seen:
    """The nets, the N pictures, and by each ticket's seal its logits (N, K) and raw heatmaps (N, h, w)."""

    nets: Nets
    subject: Subject
    lens: Lens
    logits: Mapping[str, Logits]
    maps: Mapping[str, Maps]
    targets: Mapping[int, NDArray[np.int64]]  # by seed, (N,)
    resamples: int

    def heat(self, model: Model) -> list[Maps]:
        """The heatmaps of a model by seed: S times (N, h, w)."""
        return [self.maps[member.seal] for member in model.members]

    def prob(self, model: Model) -> NDArray[np.float64]:
        """Fake probability by seed: (S, N)."""
        return np.stack([fake_probability(self.logits[member.seal]) for member in model.members])

    @cached_property
    def bench(self) -> Bench:
        """The pictures with their labels and clusters."""
        return picture_bench(self.subject.samples, self.prob(self.nets.dense), self.nets.seeds, self.resamples)


def see(nets: Nets, subject: Subject, lens: Lens, resamples: int, shelf: Shelf, progress: Progress) -> Seen:
    """Scores the pictures and draws their heatmaps, ticket by ticket; what is on the shelf is not made again.

    Where the class is predicted, a ticket's heatmaps are for those of the dense net of its seed. Raises ClewError for
    numbers that are not finite.
    """
    members, samples = nets.members, subject.samples
    with progress.task("scoring", len(members) * len(subject)) as task:
        scored = Scored(subject.store.hash, samples.split, limit=len(subject))
        found = score(members, samples, scored, shelf.out, task)
    logits = {member.seal: one for member, one in zip(members, found, strict=True)}
    targets = {seed: lens.target.numbers(logits[nets.dense_of(seed).seal]) for seed in nets.seeds}
    maps = {}
    with progress.task("heatmaps", len(members) * len(subject)) as task:
        for member in members:
            dense = nets.dense_of(member.seed)
            maps[member.seal] = maps_of(shelf, member, dense, subject, lens, targets[member.seed], task)
    return Seen(nets, subject, lens, logits, maps, targets, resamples)
