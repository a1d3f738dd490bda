"""Tickets under a gradient attack on their pictures: each through its own masked network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.base.progress import Task
from clew.tickets.evaluation.kept import Logits
from clew.tickets.evaluation.models import Member
from clew.tickets.evaluation.scoring import Scorer, loaded
from clew.training.attack import pgd
from clew.training.choices import thread_count
from clew.training.data import Samples
from clew.training.repeatable import repeatable
from clew.training.score import BATCH

LEVELS = 255  # of a pixel
REACH = 2.5  # all steps together, in budgets: Madry et al. 2018


@dataclass(frozen=True)
class Attack:
    """L-infinity PGD, `epsilons` in levels of 255, on about `limit` pictures (0: all), by whole videos."""

    epsilons: tuple[float, ...] = (1.0, 2.0, 4.0)
    steps: int = 10
    limit: int = 200

    def __post_init__(self) -> None:
        if not self.epsilons or not all(math.isfinite(e) and 0 < e <= LEVELS for e in self.epsilons):
            raise ClewError(f"--epsilon {_list(self.epsilons)}: expected levels above 0, to {LEVELS}, such as 1,2,4.")
        if any(b <= a for a, b in zip(self.epsilons, self.epsilons[1:], strict=False)):
            raise ClewError(f"--epsilon {_list(self.epsilons)}: the levels must rise.")
        if not 1 <= self.steps <= 1000:
            raise ClewError(f"--steps {self.steps}: expected 1 to 1000.")
        if self.limit < 0:
            raise ClewError(f"--attack-limit {self.limit}: expected a number of pictures, or 0 for all.")

    @property
    def name(self) -> str:
        """What scores under it are called; another number of steps is another attack."""
        return f"pgd-{self.steps}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, **asdict(self), "epsilons": list(self.epsilons)}

    def scorer(self, epsilon: float) -> Scorer:
        """What makes the logits under a budget; 0: the pictures left alone, in fp32 as all others."""

        def made(members: Sequence[Member], samples: Samples, task: Task) -> Iterator[Logits]:
            return (_scored(member, samples, epsilon / LEVELS, self.steps, task) for member in members)

        return made


def _list(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)


def _scored(member: Member, samples: Samples, epsilon: float, steps: int, task: Task) -> Logits:
    """Logits (N, K) of attacked samples, the loss being that of real against fake."""
    module, size = loaded(member)
    device = next(module.parameters()).device
    names, parts = samples.rows["sample"].to_pylist(), []
    for start in range(0, len(samples), BATCH):
        chosen = np.arange(start, min(start + BATCH, len(samples)))
        images = member.choices.batch(torch.from_numpy(samples.crops(chosen, size))).to(device)
        targets = torch.from_numpy(samples.labels[chosen]).to(device)
        with thread_count(member.choices.threads), repeatable(device):
            if epsilon:
                # the same start for every ticket and budget: what differs is the network
                generator = torch.Generator().manual_seed(stable_seed("attack", names[start]))
                images = pgd(module, images, targets, epsilon, steps, REACH * epsilon / steps, generator)
            parts.append(_logits(module, images))
        task.advance(len(chosen), member.path.stem)
    return np.concatenate(parts)


def _logits(module: torch.nn.Module, images: torch.Tensor) -> NDArray[np.float32]:
    with torch.inference_mode(), torch.autocast(images.device.type, enabled=False):
        return np.asarray(module(images).float().cpu().numpy())
