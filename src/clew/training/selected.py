"""What a training has to show so far: the best epoch on validation, the last good one, a row of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clew.training.selection import Score
from clew.training.weights import State

Row = dict[str, float]


@dataclass
class Selected:
    """The history of a training, its selected weights, and those that the last epoch ended with."""

    select: bool  # False: the last epoch is the best
    good: tuple[int, State]  # the last epoch whose loss and outputs were numbers, and its weights
    best: State = field(default_factory=dict)
    best_epoch: int = 0
    best_score: Score = (-1.0, float("-inf"))
    history: list[Row] = field(default_factory=list)

    def take(self, epoch: int, loss: float, score: Score, state: State, counts: bool = True) -> Row:
        """Takes the outcome of an epoch: its mean loss, its validation score, the weights after it.

        An epoch that does not count, because the network is still being pruned, is not the best one.
        """
        row = {"epoch": epoch, "loss": loss, "val_auc": score[0], "val_loss": -score[1]}
        self.history.append(row)
        self.good = (epoch, state)
        if counts and (not self.select or score > self.best_score or not self.best):
            self.best, self.best_score, self.best_epoch = state, score, epoch
        return row

    def waited(self, epochs: int) -> int:
        """How many of so many epochs came after the best one; none where there is no best one yet."""
        return epochs - self.best_epoch if self.select and self.best else 0

    def parts(self) -> dict[str, State]:
        """The weights as named groups for a checkpoint."""
        apart = self.good[0] not in (0, self.best_epoch)
        return {"best": self.best, "good": self.good[1] if apart else {}}

    def facts(self) -> dict[str, Any]:
        """All but the weights, for JSON."""
        return {
            "best_epoch": self.best_epoch,
            "best_score": list(self.best_score),
            "good": self.good[0],
            "history": self.history,
        }

    def restore(self, parts: dict[str, State], facts: dict[str, Any]) -> None:
        """Takes up what `parts` and `facts` gave."""
        self.best = parts.get("best", {})
        self.good = (int(facts["good"]), parts.get("good", self.best))
        self.history, self.best_epoch = facts["history"], int(facts["best_epoch"])
        self.best_score = (float(facts["best_score"][0]), float(facts["best_score"][1]))
