"""The training loop: masked weights stay exactly zero, the best epoch on validation is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.detectors.base import Config
from clew.detectors.build import network
from clew.training import metrics
from clew.training.augmentations import Mix, parse_augmentation
from clew.training.blended import blend_batch
from clew.training.choices import Choices
from clew.training.data import Samples, batches, epoch_order, steps_per_epoch
from clew.training.schedule import SCHEDULES
from clew.training.score import fake_probability, logits_of
from clew.training.settings import TrainSettings
from clew.training.weights import State, load_state, save_state

Report = Callable[[float, str], None]
CHECKPOINT_SECONDS = 30.0


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
    history: list[dict[str, float]]
    best_epoch: int
    pictures: int


def total_steps(settings: TrainSettings, samples: int) -> int:
    """The budget of one training in steps."""
    return settings.epochs * steps_per_epoch(samples, settings.batch_size)


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
) -> Trained:
    """Trains a network from `start`; the order and augmentation of every step follow from `seed` alone.

    `at_step` (K, save): the state before step K is handed to `save`. `checkpoint`: a file from which a killed
    training goes on, bit for bit. Raises ClewError when the loss is no longer a number.
    """
    loop = _Loop(config, settings, choices, start, train_split, val_split, seed, at_step, report)
    if checkpoint is not None and checkpoint.exists():
        loop.restore(checkpoint)
    saved = time.monotonic()
    while not loop.finished:
        loop.epoch()
        if checkpoint is not None and not loop.finished and time.monotonic() - saved > CHECKPOINT_SECONDS:
            loop.save(checkpoint)
            saved = time.monotonic()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Trained(loop.best, loop.history, loop.best_epoch, loop.pictures)


class MaskedOptimiser:
    """An optimiser on a network whose pruned weights are held at exactly zero, whatever momentum or decay say."""

    def __init__(self, optimiser: torch.optim.Optimizer, module: nn.Module, mask: dict[str, Tensor]) -> None:
        weights = dict(module.named_parameters())
        self.optimiser = optimiser
        self.pruned = [(weights[name], ~kept) for name, kept in mask.items() if not bool(kept.all())]
        self.zero()

    def zero(self) -> None:
        """Sets every pruned weight to zero."""
        with torch.no_grad():
            for weight, pruned in self.pruned:
                weight.masked_fill_(pruned, 0.0)

    def step(self, rate: float) -> None:
        """One step at a learning rate; pruned weights get no gradient and end at zero."""
        for weight, pruned in self.pruned:
            if weight.grad is not None:
                weight.grad.masked_fill_(pruned, 0.0)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.zero()


class _Loop:
    """The state of one training between two epochs."""

    def __init__(
        self,
        config: Config,
        settings: TrainSettings,
        choices: Choices,
        start: Start,
        train_split: Samples,
        val_split: Samples,
        seed: int,
        at_step: tuple[int, Callable[[State], None]] | None,
        report: Report,
    ) -> None:
        self.config, self.settings, self.choices, self.start = config, settings, choices, start
        self.train_split, self.val_split, self.seed = train_split, val_split, seed
        self.at_step, self.report = at_step, report
        self.augmentation = parse_augmentation(settings.augment)
        self.keys = train_split.keys(settings.balance)
        self.module = network(config)
        self.module.load_state_dict(start.state)
        self.module = choices.place(self.module).train()
        self.per_epoch = steps_per_epoch(len(train_split), settings.batch_size)
        self.steps = total_steps(settings, len(train_split))
        self.step = start.step
        if not 0 <= start.step < self.steps:
            raise ClewError(
                f"step {start.step} is not within the training's {self.steps} steps: rewind to an earlier one."
            )
        adam = torch.optim.Adam(self.module.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
        self.optimiser = MaskedOptimiser(adam, self.module, start.mask)
        self.best: State = {}
        self.best_score = (-1.0, -np.inf)
        self.best_epoch = 0
        self.history: list[dict[str, float]] = []
        self.pictures = 0

    @property
    def finished(self) -> bool:
        epochs_done = self.step // self.per_epoch
        waited = epochs_done - self.best_epoch
        return self.step >= self.steps or (
            self.settings.select and bool(self.best) and waited >= self.settings.patience
        )

    def epoch(self) -> None:
        """The rest of the current epoch, then validation."""
        number = self.step // self.per_epoch
        balance = self.settings.balance != "none" and not self.settings.blend
        order = epoch_order(self.train_split.labels, self.seed, number, balance, self.keys)
        losses = []
        for index, positions in enumerate(batches(order, self.settings.batch_size)):
            if number * self.per_epoch + index >= self.step:
                losses.append(self._one_step(positions))
        self._validate(number + 1, float(np.mean(losses)))

    def _one_step(self, positions: np.ndarray[Any, Any]) -> float:
        if self.at_step is not None and self.at_step[0] == self.step:
            self.at_step[1](state_of(self.module))
        key = stable_seed("step", self.seed, self.step)
        crops = self.train_split.crops(positions, self.config.input_size)
        rng = np.random.default_rng(key)
        labels = self.train_split.labels[positions]
        if self.settings.blend:
            crops, labels = blend_batch(crops, labels, rng)
        crops = self.augmentation(crops, rng)
        mix = self.augmentation.mix(len(crops), rng)
        with torch.random.fork_rng(devices=[]):  # dropout draws from a generator of its own step
            torch.manual_seed(key)
            with self.choices.autocast():
                logits = self.module(_mixed(self.choices.batch(torch.from_numpy(crops)), mix))
            loss = nn.functional.cross_entropy(logits.float(), _targets(labels, mix, logits.shape[1]))
            self.module.zero_grad(set_to_none=True)
            loss.backward()
        self.optimiser.step(self.rate())
        value = loss.item()
        if not np.isfinite(value):
            raise ClewError(
                f"the training loss became {value} at step {self.step} of {self.steps}: try a lower --lr than "
                f"{self.settings.lr:g}, or --precision fp32."
            )
        self.step += 1
        self.pictures += len(positions)
        self.report(1, f"epoch {self.step // self.per_epoch + 1}")
        return value

    def rate(self) -> float:
        """The learning rate of the step to come."""
        step = self.steps if self.start.flat else self.step
        return self.settings.lr * SCHEDULES[self.settings.schedule](step, self.steps)

    def _validate(self, epoch: int, loss: float) -> None:
        score = validation_score(self.module, self.val_split, self.config.input_size, self.choices)
        self.history.append({"epoch": epoch, "loss": loss, "val_auc": score[0], "val_loss": -score[1]})
        if not self.settings.select or score > self.best_score or not self.best:
            self.best, self.best_score, self.best_epoch = state_of(self.module), score, epoch

    def save(self, path: Path) -> None:
        """Writes all that the training needs to go on."""
        adam = self.optimiser.optimiser.state_dict()["state"]
        tensors = {f"now/{k}": v for k, v in state_of(self.module).items()}
        tensors |= {f"best/{k}": v for k, v in self.best.items()}
        tensors |= {f"adam/{i}/{k}": v for i, entry in adam.items() for k, v in entry.items()}
        facts = {
            "step": self.step,
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_score": list(self.best_score),
            "pictures": self.pictures,
        }
        save_state(path, tensors, facts)

    def restore(self, path: Path) -> None:
        """Takes up what `save` wrote."""
        tensors, facts = load_state(path)
        self.module.load_state_dict(_below(tensors, "now/"))
        self.best = _below(tensors, "best/")
        adam: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(tensors, "adam/").items():
            index, _, key = name.partition("/")
            adam.setdefault(int(index), {})[key] = tensor
        whole = self.optimiser.optimiser.state_dict()
        self.optimiser.optimiser.load_state_dict({**whole, "state": adam})
        self.step, self.pictures = int(facts["step"]), int(facts["pictures"])
        self.history, self.best_epoch = facts["history"], int(facts["best_epoch"])
        self.best_score = (float(facts["best_score"][0]), float(facts["best_score"][1]))
        self.report(self.step - self.start.step, "resumed")


def _mixed(images: Tensor, mix: Mix | None) -> Tensor:
    """Images (B, 3, H, W), each blended with its partner where the batch is mixed."""
    if mix is None:
        return images
    weight = torch.from_numpy(mix.weight)[:, None, None, None]
    return images * weight + images[torch.from_numpy(mix.partner)] * (1 - weight)


def _targets(labels: NDArray[np.int64], mix: Mix | None, classes: int) -> Tensor:
    """What the loss compares with: labels (B,), or soft labels (B, K) where the batch is mixed."""
    return torch.from_numpy(labels if mix is None else mix.targets(labels, classes))


def _below(tensors: State, prefix: str) -> State:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def state_of(module: nn.Module) -> State:
    """A copy of a network's weights and buffers, contiguous."""
    return {name: t.detach().clone(memory_format=torch.contiguous_format) for name, t in module.state_dict().items()}


def validation_score(module: nn.Module, split: Samples, input_size: int, choices: Choices) -> tuple[float, float]:
    """What epochs are compared by: AUC per video (per picture where there is none), then minus the loss."""
    logits = logits_of(module, split, input_size, choices)
    if not np.isfinite(logits).all():
        raise ClewError("the network's outputs are no longer numbers: try a lower --lr, or --precision fp32.")
    loss = nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(split.labels))
    fake = fake_probability(logits)
    names, clusters = (split.rows[column].to_pylist() for column in ("video", "cluster"))
    videos = metrics.per_video(split.labels, fake, names, clusters)
    return metrics.auc(videos.labels, videos.scores), -float(loss)
