"""What a search is asked for: validated before any work, stored in ladder.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError, unknown_name
from clew.detectors.base import Config
from clew.tickets.importance import SCORES
from clew.tickets.masks import SCOPES
from clew.tickets.methods import methods
from clew.tickets.runs import Rewind
from clew.training.choices import Choices
from clew.training.settings import TrainSettings

LEVELS = (0.2, 0.4, 0.6, 0.8)
MARGIN = 0.02
FPR = 0.05
EXTENDABLE = (
    "methods",
    "seeds",
    "margin",
    "origin",
    "moved_levels",
)  # a ladder may grow in these; all else makes another ladder


@dataclass(frozen=True)
class SearchSettings:
    """One search: what is trained, how it is pruned, for which seeds.

    `levels` are target sparsities in (0, 1), rising; `score` what the methods that look at weights rank them by;
    `margin` in AUC; `start` says which given weights it starts from ("" for fresh ones, else their SHA-256); `classes`
    real and the manipulation methods that are told apart, none where fakes are one class; `fakes` the methods whose
    fakes are trained, selected and tested on (none: all); `origin` the ladder whose tickets are brought along (its
    data's names, hashes, protocols and `fakes`, and a hash of what it cannot grow in), empty for none, at
    `moved_levels` (none: at all); `fpr` the false positive rate of the tickets' operating point.
    """

    detector: Config
    methods: tuple[str, ...] = ("imp", "one-shot", "random")
    scope: str = "global"
    score: str = "magnitude"
    rewind: str = "init"
    levels: tuple[float, ...] = LEVELS
    seeds: tuple[int, ...] = (0, 1, 2)
    margin: float = MARGIN
    start: str = ""
    classes: tuple[str, ...] = ()
    fakes: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)
    moved_levels: tuple[float, ...] = ()
    fpr: float = FPR
    training: TrainSettings = field(default_factory=TrainSettings)
    choices: Choices = field(default_factory=Choices)

    def __post_init__(self) -> None:
        for name in self.methods:
            methods.get(name)
        for name in self.methods:
            if methods.get(name).moves and not self.origin:
                raise ClewError(f"--method {name} needs tickets of another ladder: clew tickets transfer.")
        if self.methods and all(methods.get(name).control for name in self.methods):
            raise ClewError(
                f"--method {','.join(self.methods)}: a control needs a method that it controls, such as imp."
            )
        if len(set(self.methods)) < len(self.methods):
            raise ClewError(f"--method {','.join(self.methods)}: a method is named twice.")
        if self.scope not in SCOPES:
            raise unknown_name("scope", self.scope, SCOPES)
        if self.score not in SCORES:
            raise unknown_name("--score", self.score, SCORES)
        if Rewind.parse(self.rewind).goes_on:
            for name in self.methods:
                if methods.get(name).needs_rewind:
                    raise ClewError(
                        f"--method {name} needs weights that are rewound, and with --rewind {self.rewind} they go on: "
                        "--rewind init or step:K."
                    )
        if not self.levels or not all(0 < level < 1 for level in self.levels):
            raise ClewError(f"--sparsity {_list(self.levels)}: expected numbers between 0 and 1, such as 0.2,0.4,0.8.")
        if any(b <= a for a, b in zip(self.levels, self.levels[1:], strict=False)):
            raise ClewError(f"--sparsity {_list(self.levels)}: the levels must rise.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ClewError("--seeds: expected at least one seed, each once.")
        if not 0 < self.fpr < 0.5:
            raise ClewError(f"--fpr {self.fpr}: expected a false positive rate between 0 and 0.5.")
        if self.classes and self.training.blend:
            raise ClewError("--classes method and --blend exclude each other: blends are of one method.")
        self._check_fakes()
        if self.classes and self.detector.classes != len(self.classes):
            raise ClewError(
                f"the detector has {self.detector.classes} classes, the data {len(self.classes)}: "
                f"{', '.join(self.classes)}."
            )
        if self.training.batch_size % self.choices.devices:
            raise ClewError(
                f"--batch-size {self.training.batch_size}: expected a multiple of --devices {self.choices.devices}."
            )
        if not 0 < self.margin < 0.5:
            raise ClewError(f"--margin {self.margin}: expected an AUC difference between 0 and 0.5.")

    def _check_fakes(self) -> None:
        asked = ",".join(self.fakes)
        if len(set(self.fakes)) < len(self.fakes) or "" in self.fakes:
            raise ClewError(f"--fakes {asked}: expected names of manipulation methods, each once.")
        if self.fakes and self.training.blend:
            raise ClewError("--fakes and --blend exclude each other: blends are trained on, not a method's own fakes.")
        if self.fakes and not set(self.classes[1:]) <= set(self.fakes):
            raise ClewError(f"--fakes {asked}: the classes are other methods: {', '.join(self.classes[1:])}.")

    def as_dict(self) -> dict[str, Any]:
        """The settings as they stand in ladder.json."""
        found = {**asdict(self), "detector": self.detector.as_dict()}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

    @classmethod
    def read(cls, found: dict[str, Any], ladder: Path) -> SearchSettings:
        """The settings of a ladder, whichever version wrote them; raises ClewError when they are not whole."""
        try:
            return cls.from_dict(found)
        except (TypeError, KeyError) as error:
            raise ClewError(f"{ladder}: its settings cannot be read ({error}): search again.") from None

    @property
    def names(self) -> tuple[str, ...]:
        """What the network's K outputs stand for."""
        return self.classes or ("real", "fake")

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> SearchSettings:
        """The settings that `as_dict` gave; raises ClewError, TypeError or KeyError when they are not whole."""
        return cls(
            **{
                **found,
                "detector": Config(**found["detector"]),
                "training": TrainSettings(**found["training"]),
                "choices": Choices(**found["choices"]),
                **{key: tuple(found[key]) for key in ("methods", "levels", "seeds")},
                **{key: tuple(found.get(key, ())) for key in ("classes", "fakes", "moved_levels")},
            }
        )


def rounds_to_levels(rounds: int, fraction: float) -> tuple[float, ...]:
    """Sparsities of `rounds` prunings of `fraction` of what remains: 1 - (1 - fraction)^r."""
    if not 1 <= rounds <= 100 or not 0 < fraction < 1:
        raise ClewError(
            f"--rounds {rounds} --fraction {fraction}: expected 1 to 100 rounds, a fraction within 0 and 1."
        )
    return tuple(round(1 - (1 - fraction) ** r, 6) for r in range(1, rounds + 1))


def _list(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)
