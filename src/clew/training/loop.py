"""The training loop: masked weights stay exactly zero, the best epoch on validation is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.detectors.base import Config
from clew.detectors.build import network
from clew.training.checkpoint import Checkpoint, fingerprint
from clew.training.choices import Choices
from clew.training.data import Samples, batches, epoch_order, steps_per_epoch
from clew.training.fabric import agree, make_fabric
from clew.training.feeds import Feed, make_feed
from clew.training.gradients import Gradients
from clew.training.losses import Losses
from clew.training.masked import MaskedOptimiser
from clew.training.pruning import Pruning
from clew.training.repeatable import quiet_kernels
from clew.training.schedule import SCHEDULES
from clew.training.selected import Row, Selected
from clew.training.selection import validation_score
from clew.training.settings import TrainSettings
from clew.training.settling import Settled, Settling
from clew.training.troubles import in_words
from clew.training.weights import State, save_state

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Report = Callable[[float, str], None]
CHECKPOINT_SECONDS = 30.0
LOOK = {"cpu": 1, "cuda": 50}  # steps between two looks at the loss: each makes a GPU wait


@dataclass(frozen=True)
class Start:
    """Where a training begins: weights and buffers, the step of the schedule, the pruning mask.

    `flat` runs the whole training at the schedule's last rate: fine-tuning (Renda et al. 2020, section 3). `pruning`:
    what is pruned on the way. `settling`: ends the training as soon as the mask that it is to find has settled.
    """

    state: State
    step: int = 0
    mask: dict[str, Tensor] = field(default_factory=dict)  # prunable tensor name -> bool of its shape
    flat: bool = False
    pruning: Pruning | None = None
    settling: Settling | None = None


@dataclass(frozen=True)
class Trained:
    """What a training left: the selected weights and buffers, their mask, and a row of history for each epoch.

    `settled`: the mask that ended it, None where its budget did; `looks` as `Settled` has them.
    """

    state: State
    mask: dict[str, Tensor]
    history: list[Row]
    best_epoch: int
    pictures: int
    settled: dict[str, Tensor] | None = None
    looks: list[tuple[int, float]] = field(default_factory=list)


def total_steps(settings: TrainSettings, samples: int) -> int:
    """The budget of one training in steps."""
    return settings.epochs * steps_per_epoch(samples, settings.step_size)


def train(
    config: Config,
    settings: TrainSettings,
    choices: Choices,
    start: Start,
    train_split: Samples,
    val_split: Samples,
    seed: int,
    *,
    at_steps: Mapping[int, Callable[[State], None]] | None = None,
    checkpoint: Path | None = None,
    keep: bool = False,
    report: Report = lambda steps, note: None,
    each_epoch: Callable[[Row], None] = lambda row: None,
    fabric: Fabric | None = None,
) -> Trained:
    """Trains a network from `start`; the order and augmentation of every step follow from `seed` alone.

    `at_steps` {K: save}: the state before step K is handed to `save`. `checkpoint`: a file from which a killed
    training goes on, bit for bit, from within an epoch too; `keep` leaves it there at the end, so that the same call
    gives the same at once. When the loss is no longer a number, the weights after the last good epoch are left
    beside it. `each_epoch` is handed every row of the history. `fabric`: of this process, where several train
    together; each takes its share of every batch. Raises ClewError when the loss is no longer a number, when the
    device refuses, and for a checkpoint that is damaged or another training's.
    """
    fabric = fabric or make_fabric(choices)
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    # each step draws dropout from a seed of its own
    with torch.random.fork_rng(devices=cuda), in_words(choices.device, settings.batch_size), quiet_kernels():
        loop = _Loop(config, settings, choices, start, train_split, val_split, seed, fabric)
        loop.at_steps, loop.report, loop.each_epoch = at_steps or {}, report, each_epoch
        with closing(loop.feed):
            loop.run(Checkpoint(checkpoint, loop.identity) if checkpoint is not None else None, keep)
    kept, settled = loop.selected, loop.settled
    facts = (kept.best, loop.optimiser.mask, kept.history, kept.best_epoch, loop.pictures)
    return Trained(*facts, settled.mask, settled.looks)


class _Loop:
    """The state of one training between two steps."""

    at_steps: Mapping[int, Callable[[State], None]]
    report: Report
    each_epoch: Callable[[Row], None]
    checkpoint: Checkpoint | None = None

    def __init__(
        self,
        config: Config,
        settings: TrainSettings,
        choices: Choices,
        start: Start,
        train_split: Samples,
        val_split: Samples,
        seed: int,
        fabric: Fabric,
    ) -> None:
        self.config, self.settings, self.choices, self.start = config, settings, choices, start
        self.train_split, self.val_split, self.seed, self.fabric = train_split, val_split, seed, fabric
        self.keys = train_split.keys(settings.balance)
        self.per_epoch = steps_per_epoch(len(train_split), settings.step_size)
        self.steps, self.step = total_steps(settings, len(train_split)), start.step
        self._check()
        module = network(config)
        module.load_state_dict(start.state)
        self.module = choices.place(module).train()
        self.gradients = Gradients(self.module, settings, choices, fabric, len(train_split), seed)
        self.feed: Feed = make_feed(train_split, settings, choices, config.input_size, config.outputs, fabric.device)
        adam = torch.optim.Adam(
            self.module.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
        )
        self.optimiser = MaskedOptimiser(adam, self.module, start.mask)
        self.losses = Losses(LOOK.get(fabric.device.type, 1))
        self.selected = Selected(settings.select, (0, start.state))
        self.settled = Settled(start.settling, start.mask)
        self.pictures = 0
        self.saved = time.monotonic()

    def _check(self) -> None:
        """Raises ClewError for a step beyond the budget, and for a validation split that compares nothing."""
        if not 0 <= self.step < self.steps:
            raise ClewError(
                f"step {self.step} is not within the training's {self.steps} steps: rewind to an earlier one."
            )
        if not ((self.val_split.targets == 0).any() and (self.val_split.targets > 0).any()):
            raise ClewError(
                "the validation split holds no fakes of a class of the training split, or no reals: there is "
                "nothing to compare epochs by. Give data whose validation split has both, or --classes binary."
            )

    def run(self, checkpoint: Checkpoint | None, keep: bool) -> None:
        """Trains to the end, from the checkpoint where there is one."""
        self.checkpoint = checkpoint
        if self.feed.note:
            self.report(0, self.feed.note)
        if checkpoint is not None and checkpoint.exists():
            self.restore(checkpoint)
        while not self.finished:
            self.epoch()
            if not self.finished:
                self.maybe_save()
        if checkpoint is not None and self.fabric.is_global_zero:
            if keep:
                self.save(checkpoint)
            else:
                checkpoint.remove()

    @property
    def finished(self) -> bool:
        """Whether the mask has settled, the budget is used up, or nothing better has come for `patience` epochs."""
        waited = self.selected.waited(self.step // self.per_epoch)
        return self.settled.mask is not None or self.step >= self.steps or waited >= self.settings.patience

    def epoch(self) -> None:
        """The rest of the current epoch, then validation; without it where the mask settles on the way."""
        number = self.step // self.per_epoch
        balance = self.settings.balance != "none" and not self.settings.blend
        order = epoch_order(self.train_split.targets, self.seed, number, balance, self.keys)
        left = list(batches(order, self.settings.step_size))[self.step - number * self.per_epoch :]
        self.feed.expect(self.gradients.order(left))
        for positions in left:
            self._one_step(positions)
            if self.settled.mask is not None:
                return
            if self.step % self.per_epoch:
                self.maybe_save()
        self._validate(number + 1)

    def _one_step(self, positions: NDArray[np.int64]) -> None:
        if self.step in self.at_steps:
            self._look()
            if self.fabric.is_global_zero:
                self.at_steps[self.step](state_of(self.module))
        self._prune()
        self.module.zero_grad(set_to_none=True)
        if not self.losses.add(self.step, self.gradients.of(positions, self.step, self.feed)):
            self._look()
        self.optimiser.step(self.rate())
        self.step += 1
        self.pictures += len(positions)
        if self.settled.due(self.step):
            self._look()
            self.settled.look(self.step, self.module)
        self.report(1, f"epoch {self.step // self.per_epoch + 1}")

    def _prune(self) -> None:
        """Prunes what is due before this step."""
        if self.start.pruning is not None:
            self._look()
            mask = self.start.pruning.at(self.step, self.module, self.optimiser.mask)
            if mask is not None:
                self.optimiser.hold(mask)

    def rate(self) -> float:
        """The learning rate of the step to come."""
        step = self.steps if self.start.flat else self.step
        return self.settings.lr * SCHEDULES[self.settings.schedule](step, self.steps)

    def _look(self) -> None:
        """Looks at all losses so far; raises ClewError when one is no number."""
        if not self.losses.look():
            step, loss = self.losses.broken or (self.step, np.nan)
            raise self._broken(f"the training loss became {loss}", step)

    def _validate(self, epoch: int) -> None:
        agree(self.fabric, self.module)
        self._look()
        try:
            score = validation_score(self.module, self.val_split, self.config.input_size, self.choices, self.fabric)
        except FloatingPointError as error:
            raise self._broken(str(error), self.step) from None
        counts = self.start.pruning is None or self.start.pruning.settled(self.step)
        row = self.selected.take(epoch, self.losses.mean(), score, state_of(self.module), counts)
        self.losses.clear()
        self.each_epoch(row)

    def _broken(self, what: str, step: int) -> ClewError:
        """The error of a training that yields no numbers; the last good weights are kept beside the checkpoint."""
        text = (
            f"{what} at step {step} of {self.steps}: try a lower --lr than {self.settings.lr:g}, or --precision fp32."
        )
        epoch, state = self.selected.good
        if self.checkpoint is None or not epoch:
            return ClewError(text)
        kept = self.checkpoint.last_good
        if self.fabric.is_global_zero:
            save_state(kept, state)
        return ClewError(f"{text} The weights after epoch {epoch} are kept in {kept}, where --from can begin.")

    def maybe_save(self) -> None:
        """Writes the checkpoint when the last one is old; between the steps of an epoch, or after its validation."""
        if self.checkpoint is None or not self.fabric.is_global_zero:
            return
        if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
            self._look()
            self.save(self.checkpoint)
            self.saved = time.monotonic()

    def save(self, checkpoint: Checkpoint) -> None:
        """Writes all that the training needs to go on; of a finished one, what it leaves."""
        parts = {**self.selected.parts(), **self.settled.parts()}
        if self.start.pruning is not None:
            parts["mask"] = self.optimiser.mask
        if not self.finished:
            parts |= {"now": state_of(self.module), "adam": self.optimiser.tensors()}
        facts = {"step": self.step, "losses": self.losses.values, "pictures": self.pictures}
        checkpoint.write(parts, {**facts, **self.selected.facts(), "looks": self.settled.looks})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Takes up what `save` wrote."""
        parts, facts = checkpoint.read()
        self.selected.restore(parts, facts)
        self.settled.restore(parts, facts.get("looks", []))
        self.step, self.pictures = int(facts["step"]), int(facts["pictures"])
        self.losses.values = [float(value) for value in facts["losses"]]
        if "mask" in parts:
            self.optimiser.hold(parts["mask"])
        if not self.finished:
            self.module.load_state_dict(parts["now"])
            self.optimiser.take_up(parts["adam"])
        self.report(self.step - self.start.step, "resumed")

    def identity(self) -> str:
        """What makes a checkpoint this training's."""
        facts = [self.config.as_dict(), self.settings.as_dict(), self.choices.as_dict(), self.seed]
        pruning = sorted(self.start.pruning.targets.items()) if self.start.pruning is not None else None
        how = self.start.settling
        ends = [[how.target, how.after, how.every, how.threshold, how.memory]] if how is not None else []
        words = json.dumps([*facts, self.start.step, self.start.flat, pruning, *ends], sort_keys=True)
        return fingerprint(words, (self.start.state, self.start.mask), (self.train_split, self.val_split))


def state_of(module: nn.Module) -> State:
    """A copy of a network's weights and buffers, contiguous, on the CPU."""
    return {
        name: t.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, t in module.state_dict().items()
    }
