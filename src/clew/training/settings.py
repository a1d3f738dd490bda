"""How a network is trained: validated where it is built, stored with what it made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from clew.base.errors import ClewError, unknown_name
from clew.training.augmentations import parse_augmentation
from clew.training.schedule import SCHEDULES

BALANCES = ("class", "source", "method", "video", "none")


@dataclass(frozen=True)
class TrainSettings:
    """One training: Adam, at most `epochs`, stopped after `patience` epochs without a better validation AUC.

    `lr` is the highest learning rate; `schedule` constant, cosine or linear (both warm up, then go down to 2 %), or
    step (a tenth after half of the steps, a hundredth after three quarters); `accumulate` batches make one step;
    `augment` none, standard, or a list such as flip,jpeg:0.2 (clew.training.augmentations);
    `select` False keeps the last epoch instead of the best on validation.
    """

    epochs: int = 20
    batch_size: int = 32
    lr: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "cosine"
    patience: int = 10
    augment: str = "standard"
    balance: str = "class"
    select: bool = True
    blend: bool = False
    accumulate: int = 1

    @property
    def step_size(self) -> int:
        """Pictures that make one step."""
        return self.batch_size * self.accumulate

    def __post_init__(self) -> None:
        _within("--epochs", self.epochs, 1, 100_000)
        _within("--batch-size", self.batch_size, 2, 65_536)
        _within("--accumulate", self.accumulate, 1, 65_536)
        _within("--lr", self.lr, 1e-9, 100)
        _within("--weight-decay", self.weight_decay, 0, 10)
        _within("--patience", self.patience, 1, 100_000)
        if self.schedule not in SCHEDULES:
            raise unknown_name("schedule", self.schedule, SCHEDULES)
        parse_augmentation(self.augment)
        if self.balance not in BALANCES:
            raise unknown_name("balance", self.balance, BALANCES)

    def as_dict(self) -> dict[str, Any]:
        """The settings as they stand in JSON."""
        return asdict(self)


def _within(flag: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ClewError(f"{flag} {value}: expected {low:g} to {high:g}.")
