"""The training loop: masked weights stay exactly zero, the best epoch on validation is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.detectors.base import Config, objective_of
from clew.detectors.build import network
from clew.training.choices import Choices
from clew.training.data import Samples, batches, epoch_order, steps_per_epoch
from clew.training.fabric import Objective, agree, make_fabric, mean_over
from clew.training.feeds import Feed, make_feed
from clew.training.masked import MaskedOptimiser
from clew.training.schedule import SCHEDULES
from clew.training.selection import Score, validation_score
from clew.training.settings import TrainSettings
from clew.training.weights import State, load_state, save_state

Report = Callable[[float, str], None]
Row = dict[str, float]
CHECKPOINT_SECONDS = 30.0
LOOK = {"cpu": 1, "cuda": 50}  # steps between two looks at the loss: each makes a GPU wait


@dataclass(frozen=True)
class Start:
    """Where a training begins: weights and buffers, the step of the schedule, the pruning mask.

    `flat` runs the whole training at the schedule's last rate: fine-tuning (Renda et al. 2020, section 3).
    """

    state: State
    step: int = 0
    mask: dict[str, Tensor] = field(default_factory=dict)  # prunable tensor name -> bool of its shape
    flat: bool = False


@dataclass(frozen=True)
class Trained:
    """What a training left: the selected weights and buffers, and a row of history for each epoch."""

    state: State
    history: list[Row]
    best_epoch: int
    pictures: int


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
    at_step: tuple[int, Callable[[State], None]] | None = None,
    checkpoint: Path | None = None,
    report: Report = lambda steps, note: None,
    each_epoch: Callable[[Row], None] = lambda row: None,
    fabric: Fabric | None = None,
) -> Trained:
    """Trains a network from `start`; the order and augmentation of every step follow from `seed` alone.

    `at_step` (K, save): the state before step K is handed to `save`. `checkpoint`: a file from which a killed
    training goes on, bit for bit, from within an epoch too; when the loss is no longer a number, the weights after
    the last good epoch are left beside it. `each_epoch` is handed every row of the history. `fabric`: of this
    process, where several train together; each takes its share of every batch. Raises ClewError when the loss is
    no longer a number.
    """
    fabric = fabric or make_fabric(choices)
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):  # each step draws dropout from a seed of its own
        loop = _Loop(config, settings, choices, start, train_split, val_split, seed, fabric)
        loop.at_step, loop.report, loop.each_epoch, loop.checkpoint = at_step, report, each_epoch, checkpoint
        if checkpoint is not None and checkpoint.exists():
            loop.restore(checkpoint)
        with closing(loop.feed):
            while not loop.finished:
                loop.epoch()
                if not loop.finished:
                    loop.maybe_save()
    if checkpoint is not None and fabric.is_global_zero:
        checkpoint.unlink(missing_ok=True)
    return Trained(loop.best, loop.history, loop.best_epoch, loop.pictures)


class _Loop:
    """The state of one training between two steps."""

    at_step: tuple[int, Callable[[State], None]] | None = None
    report: Report
    each_epoch: Callable[[Row], None]
    checkpoint: Path | None = None

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
        self.module = network(config)
        self.module.load_state_dict(start.state)
        self.module = choices.place(self.module).train()
        self.objective: Any = self._set_up()
        self.feed: Feed = make_feed(train_split, settings, choices, config.input_size, config.outputs, fabric.device)
        self.per_epoch = steps_per_epoch(len(train_split), settings.step_size)
        self.steps = total_steps(settings, len(train_split))
        self.step = start.step
        if not 0 <= start.step < self.steps:
            raise ClewError(
                f"step {start.step} is not within the training's {self.steps} steps: rewind to an earlier one."
            )
        adam = torch.optim.Adam(
            self.module.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
        )
        self.optimiser = MaskedOptimiser(adam, self.module, start.mask)
        self.losses = _Losses(LOOK.get(fabric.device.type, 1))
        self.best: State = {}
        self.good: tuple[int, State] = (0, start.state)  # an epoch's number and the weights that it ended with
        self.best_score: Score = (-1.0, -np.inf)
        self.best_epoch = 0
        self.history: list[Row] = []
        self.pictures = 0
        self.saved = time.monotonic()

    def _set_up(self) -> Any:
        """The objective, on its device and in its precision; compiled where that was chosen."""
        objective: nn.Module = Objective(self.module, objective_of)
        if self.choices.compile:
            objective = torch.compile(objective)  # type: ignore[assignment]
        return self.fabric.setup_module(objective)

    @property
    def finished(self) -> bool:
        """Whether the budget is used up, or nothing better has come for `patience` epochs."""
        epochs_done = self.step // self.per_epoch
        waited = epochs_done - self.best_epoch
        return self.step >= self.steps or (
            self.settings.select and bool(self.best) and waited >= self.settings.patience
        )

    def epoch(self) -> None:
        """The rest of the current epoch, then validation."""
        number = self.step // self.per_epoch
        balance = self.settings.balance != "none" and not self.settings.blend
        order = epoch_order(self.train_split.targets, self.seed, number, balance, self.keys)
        left = list(batches(order, self.settings.step_size))[self.step - number * self.per_epoch :]
        self.feed.expect([self._own(part) for positions in left for part in self._parts(positions)])
        for positions in left:
            self._one_step(positions)
            if self.step % self.per_epoch:
                self.maybe_save()
        self._validate(number + 1)

    def _one_step(self, positions: NDArray[np.int64]) -> None:
        if self.at_step is not None and self.at_step[0] == self.step and self.fabric.is_global_zero:
            self.at_step[1](state_of(self.module))
        self.module.zero_grad(set_to_none=True)
        parts = self._parts(positions)
        losses = [self._gradient(part, number, len(positions)) for number, part in enumerate(parts)]
        if not self.losses.add(mean_over(self.fabric, torch.stack(losses).sum())):
            raise self._broken(f"the training loss became {self.losses.last}")
        self.optimiser.step(self.rate())
        self.step += 1
        self.pictures += len(positions)
        self.report(1, f"epoch {self.step // self.per_epoch + 1}")

    def _parts(self, positions: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The batches of one step."""
        return np.array_split(positions, self.settings.accumulate)

    def _own(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's share of a batch."""
        return np.array_split(positions, self.fabric.world_size)[self.fabric.global_rank]

    def _gradient(self, positions: NDArray[np.int64], number: int, whole: int) -> Tensor:
        """Adds the gradient of one part of a step, and returns its share of the step's loss."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        place = number * world + rank
        key = stable_seed("step", self.seed, self.step, *([place] if place else []))
        images, targets = self.feed.batch(self._own(positions), key)
        torch.manual_seed(key)
        last = number + 1 == self.settings.accumulate
        with nullcontext() if last or world == 1 else self.fabric.no_backward_sync(self.objective):
            loss = self.objective(images, targets)
            if self.settings.accumulate > 1:
                loss = loss * (len(positions) / whole)
            self.fabric.backward(loss)
        return loss.detach()

    def rate(self) -> float:
        """The learning rate of the step to come."""
        step = self.steps if self.start.flat else self.step
        return self.settings.lr * SCHEDULES[self.settings.schedule](step, self.steps)

    def _validate(self, epoch: int) -> None:
        agree(self.fabric, self.module)
        if not self.losses.look():
            raise self._broken(f"the training loss became {self.losses.last}")
        try:
            score = validation_score(self.module, self.val_split, self.config.input_size, self.choices, self.fabric)
        except FloatingPointError as error:
            raise self._broken(str(error)) from None
        row = {"epoch": epoch, "loss": self.losses.mean(), "val_auc": score[0], "val_loss": -score[1]}
        self.losses.clear()
        self.history.append(row)
        self.good = (epoch, state_of(self.module))
        if not self.settings.select or score > self.best_score or not self.best:
            self.best, self.best_score, self.best_epoch = self.good[1], score, epoch
        self.each_epoch(row)

    def _broken(self, what: str) -> ClewError:
        """The error of a training that yields no numbers; the last good weights are kept beside the checkpoint."""
        text = (
            f"{what} at step {self.step} of {self.steps}: try a lower --lr than {self.settings.lr:g}, "
            "or --precision fp32."
        )
        epoch, state = self.good
        if self.checkpoint is None or not epoch:
            return ClewError(text)
        kept = self.checkpoint.with_suffix(".last-good.safetensors")
        if self.fabric.is_global_zero:
            save_state(kept, state)
        return ClewError(f"{text} The weights after epoch {epoch} are kept in {kept}, where --from can begin.")

    def maybe_save(self) -> None:
        """Writes the checkpoint when the last one is old; between the steps of an epoch, or after its validation."""
        if self.checkpoint is None or not self.fabric.is_global_zero:
            return
        if time.monotonic() - self.saved > CHECKPOINT_SECONDS and self.losses.look():
            self.save(self.checkpoint)
            self.saved = time.monotonic()

    def save(self, path: Path) -> None:
        """Writes all that the training needs to go on."""
        tensors = {f"now/{k}": v for k, v in state_of(self.module).items()}
        tensors |= {f"best/{k}": v for k, v in self.best.items()}
        tensors |= {f"good/{k}": v for k, v in self.good[1].items() if self.good[0] != self.best_epoch}
        tensors |= {f"adam/{k}": v for k, v in self.optimiser.tensors().items()}
        facts = {
            "step": self.step,
            "losses": self.losses.values,
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_score": list(self.best_score),
            "good": self.good[0],
            "pictures": self.pictures,
        }
        save_state(path, tensors, facts)

    def restore(self, path: Path) -> None:
        """Takes up what `save` wrote."""
        tensors, facts = load_state(path)
        self.module.load_state_dict(_below(tensors, "now/"))
        self.best = _below(tensors, "best/")
        self.good = (int(facts["good"]), _below(tensors, "good/") or self.best)
        self.optimiser.take_up(_below(tensors, "adam/"))
        self.step, self.pictures = int(facts["step"]), int(facts["pictures"])
        self.history, self.best_epoch = facts["history"], int(facts["best_epoch"])
        self.best_score = (float(facts["best_score"][0]), float(facts["best_score"][1]))
        self.losses.values = [float(value) for value in facts["losses"]]
        self.report(self.step - self.start.step, "resumed")


class _Losses:
    """The losses of an epoch's steps; on a GPU they are looked at now and then, so that it need not wait."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.values: list[float] = []
        self.waiting: list[Tensor] = []
        self.last = 0.0

    def add(self, loss: Tensor) -> bool:
        """Takes a step's loss; False when one of those looked at is no number."""
        self.waiting.append(loss)
        return len(self.waiting) < self.every or self.look()

    def look(self) -> bool:
        """Looks at all; False when one is no number."""
        if self.waiting:
            found = torch.stack(self.waiting).tolist()
            self.values += found
            self.waiting.clear()
            broken = [value for value in found if not np.isfinite(value)]
            self.last = broken[0] if broken else found[-1]
            return not broken
        return True

    def mean(self) -> float:
        """The mean of what was looked at."""
        return float(np.mean(self.values))

    def clear(self) -> None:
        """Begins another epoch."""
        self.values = []


def _below(tensors: State, prefix: str) -> State:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def state_of(module: nn.Module) -> State:
    """A copy of a network's weights and buffers, contiguous, on the CPU."""
    return {
        name: t.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, t in module.state_dict().items()
    }
