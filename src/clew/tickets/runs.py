"""What a search trains: runs, what they start from, and the places in the tables that they fill."""

from __future__ import annotations

from dataclasses import dataclass

from clew.base.errors import ClewError

DENSE = "dense"


@dataclass(frozen=True)
class Run:
    """One training.

    `mask_from`: the run whose weights (or mask, for a control) decide the mask, "" for none; `weights_from`: the
    run whose weights it goes on with, "" for the rewind point. `begins`: with the weights of the rewind point
    (rewound), with new ones (fresh), or with those of the ticket brought along (trained). `origin`: the method whose
    ticket of another ladder it brings along, "" for none. `trains`: False where it is only scored. `finds`: it trains
    for a mask alone, and leaves no ticket; `found_by`: the run of that kind whose mask it takes, "" for none.
    """

    id: str
    method: str
    seed: int
    level: float = 0.0
    controls: str = ""
    mask_from: str = ""
    weights_from: str = ""
    begins: str = "rewound"
    origin: str = ""
    trains: bool = True
    finds: bool = False
    found_by: str = ""

    @property
    def after(self) -> tuple[str, ...]:
        """The runs that must be finished before."""
        first = "" if self.method == DENSE else dense_id(self.seed)
        needed = (first, self.mask_from, self.weights_from, self.found_by)
        return tuple(dict.fromkeys(name for name in needed if name))


@dataclass(frozen=True)
class Entry:
    """One place in the tables: a method at a level for a seed, and the run that fills it.

    Two entries may share a run: IMP's first level is one-shot's ticket at that target.
    """

    method: str
    seed: int
    level: float
    controls: str
    run: str


def dense_id(seed: int, more: int = 0) -> str:
    """The dense run of a seed; `more`: trained on for so many budgets."""
    return f"dense-s{seed}" + (f"-plus{more}" if more else "")


def level_name(level: float) -> str:
    """A level as it stands in file names: 0.8 -> 80, 0.832 -> 83.2."""
    return f"{100 * level:.4f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Rewind:
    """Where the survivors go back to before they train: none, init, step:K, or the learning rate alone (lr).

    `lr`: the weights go on, the schedule of the learning rate begins again (Renda et al. 2020).
    """

    kind: str
    step: int = 0

    @classmethod
    def parse(cls, text: str) -> Rewind:
        """From `none`, `init`, `step:K` or `lr`; raises ClewError for anything else."""
        kind, colon, step = text.partition(":")
        if kind in ("none", "init", "lr") and not colon:
            return cls(kind)
        if kind == "step" and step.isascii() and step.isdigit() and int(step) > 0:
            return cls(kind, int(step))
        raise ClewError(f"unknown rewind '{text}'. Known: none, init, step:K (K = 1, 2, ... steps), lr.")

    def __str__(self) -> str:
        return f"step:{self.step}" if self.kind == "step" else self.kind

    @property
    def goes_on(self) -> bool:
        """Whether the weights go on from where they are."""
        return self.kind in ("none", "lr")

    @property
    def flat(self) -> bool:
        """Whether a training that goes on keeps the schedule's last rate."""
        return self.kind == "none"
