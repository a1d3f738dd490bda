"""Logits of tickets over samples: each is computed once, and kept where a folder is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from clew.base.errors import ClewError
from clew.base.progress import Task
from clew.tickets.evaluation.kept import Kept, Logits, Subject
from clew.tickets.evaluation.models import Member
from clew.tickets.evaluation.samples import take
from clew.training.choices import Choices, thread_count
from clew.training.data import Samples
from clew.training.score import BATCH, logits_of

CHUNK = 4 * BATCH  # crops held at once; a multiple of the batch, so that chunks change no bit
LARGE = 512  # pixels of a side
MOST_NETS, MOST_WEIGHTS = 16, 2**26  # of the nets held at once
Scorer = Callable[[Sequence[Member], Samples, Task], Iterator[Logits]]


@dataclass(frozen=True)
class _Held(Samples):
    """A few samples whose crops (B, H, W, 3) are in memory, so that several nets read them once."""

    held: NDArray[np.uint8] | None = None

    def crops(self, positions: Sequence[int] | NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        assert self.held is not None
        return self.held[np.asarray(positions, np.int64)]


def plain(members: Sequence[Member], samples: Samples, task: Task) -> Iterator[Logits]:
    """Logits (N, K) of the samples as they are by each member; several nets share what is read."""
    for group in groups(members):
        yield from _together(group, samples, task)


def score(
    members: Sequence[Member],
    samples: Samples,
    subject: Subject,
    out: Path | None,
    task: Task,
    scorer: Scorer = plain,
) -> list[Logits]:
    """Logits (N, K) of all samples by each member, in their order.

    With `out` they are kept below it as they come, and read from there when they were made before by the same ticket
    on the same subject. `task` advances by a step for each sample and member; `scorer` makes what is missing, in the
    members' order. Raises ClewError for logits that are not finite.
    """
    kept = Kept(out, subject, samples)
    found = {member.seal: kept.read(member) for member in members}
    missing = [member for member in members if found[member.seal] is None]
    task.advance(len(samples) * (len(members) - len(missing)))
    if missing:
        for member, made in zip(missing, scorer(missing, samples, task), strict=True):
            check_finite(member, made)
            found[member.seal] = made
            kept.write(member, made)
    return [logits for member in members if (logits := found[member.seal]) is not None]


def groups(members: Sequence[Member]) -> Iterator[list[Member]]:
    """The members in turn, as many at a time as may be in memory: at most MOST_NETS, and MOST_WEIGHTS or one."""
    group: list[Member] = []
    for member in members:
        if group and (len(group) == MOST_NETS or sum(map(_weights, [*group, member])) > MOST_WEIGHTS):
            yield group
            group = []
        group.append(member)
    if group:
        yield group


def _weights(member: Member) -> int:
    return sum(math.prod(shape) for shape in member.header["shapes"].values())


def _together(members: Sequence[Member], samples: Samples, task: Task) -> list[Logits]:
    nets = [loaded(member) for member in members]
    parts: list[list[Logits]] = [[] for _ in members]
    step = min(_chunk(size) for _, size in nets)
    for start in range(0, len(samples), step):
        chunk = take(samples, np.arange(start, min(start + step, len(samples))))
        held: dict[int, Samples] = {}
        for member, (net, size), done in zip(members, nets, parts, strict=True):
            if size not in held:
                held[size] = _read(chunk, size)
            with thread_count(member.choices.threads):
                done.append(logits_of(net, held[size], size, member.choices))
            task.advance(len(chunk), member.path.stem)
    return [np.concatenate(done) for done in parts]


def loaded(member: Member) -> tuple[nn.Module, int]:
    """A member's masked network where it is to run, and the height and width of its input."""
    ticket = member.ticket()
    return placed(ticket.detector(), member.choices), ticket.config.input_size


def placed(module: nn.Module, choices: Choices) -> nn.Module:
    """A network where, and in the memory format in which, it is to run."""
    return choices.place(module).to(choices.device)


def _chunk(size: int) -> int:
    """Crops held at once: fewer where they are large, and always whole batches."""
    return CHUNK if size <= LARGE else BATCH


def _read(chunk: Samples, size: int) -> Samples:
    crops = chunk.crops(np.arange(len(chunk)), size)
    parts = (chunk.stores, chunk.split, chunk.rows, chunk.labels, chunk.places, chunk.classes)
    return _Held(*parts, held=crops)


def check_finite(member: Member, logits: Logits) -> None:
    """Raises ClewError naming the ticket whose logits (N, K) are not all finite."""
    broken = int(np.count_nonzero(~np.isfinite(logits).all(axis=1)))
    if broken:
        raise ClewError(f"{member.path} gives logits that are NaN or infinite for {broken} of {len(logits)} samples.")
