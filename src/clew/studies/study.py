"""What a study is: a grid of searches, validated before any work."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError, unknown_name
from clew.detectors.build import is_outside
from clew.studies.yaml_file import Keys, wrong
from clew.tickets.find import CLASSES
from clew.tickets.importance import SCORES
from clew.tickets.masks import SCOPES
from clew.tickets.methods import methods
from clew.tickets.methods.moved import OWNERS, WEIGHTS
from clew.tickets.runs import Rewind
from clew.tickets.settings import FPR, LEVELS, MARGIN
from clew.training.choices import Wishes

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Dataset:
    """Crop stores that are one dataset of a study; `fakes`: only these manipulation methods, none: all."""

    name: str
    stores: tuple[Path, ...]
    fakes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _named("dataset", self.name)
        if not self.stores:
            raise ClewError("expected stores: the folder of a crop store or a list of them.")


@dataclass(frozen=True)
class Network:
    """A detector of a study: which, its input size (None: its own), its options, what differs in its training."""

    name: str
    detector: str
    size: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    start: Path | None = None

    def __post_init__(self) -> None:
        _named("detector", self.name)
        for one in (self.detector, *(value for value in self.options.values() if isinstance(value, str))):
            if is_outside(one):
                raise ClewError(
                    f"a study imports no code ({one}); install it with an entry point 'clew.detectors' and give its "
                    "name."
                )


@dataclass(frozen=True)
class Transfer:
    """The tickets of `source` trained on `target`: at `levels` (none: all), with the weights that WEIGHTS name."""

    source: str
    target: str
    levels: tuple[float, ...] = ()
    weights: tuple[str, ...] = WEIGHTS

    def __post_init__(self) -> None:
        if self.source == self.target:
            raise ClewError(f"from {self.source} to itself; 'to' must be another dataset.")
        for kind in self.weights:
            if kind not in WEIGHTS:
                raise unknown_name("weights", kind, WEIGHTS)


@dataclass(frozen=True)
class Study:
    """A grid: every detector on every dataset, with every scope, rewind and score; all methods and seeds in each.

    `training` are the settings that all detectors share; `wishes` how precision, layout and threads are chosen;
    `places` says where each key stands in the study's file. Raises ClewError that names the key for what cannot be.
    """

    name: str
    datasets: tuple[Dataset, ...]
    detectors: tuple[Network, ...]
    about: str = ""
    methods: tuple[str, ...] = ("imp", "one-shot", "random")
    scopes: tuple[str, ...] = ("global",)
    rewinds: tuple[str, ...] = ("init",)
    scores: tuple[str, ...] = ("magnitude",)
    levels: tuple[float, ...] = LEVELS
    seeds: int = 3
    first_seed: int = 0
    margin: float = MARGIN
    fpr: float = FPR
    classes: str = "binary"
    training: Mapping[str, Any] = field(default_factory=dict)
    transfers: tuple[Transfer, ...] = ()
    wishes: Wishes = field(default_factory=lambda: Wishes(threads=1))
    places: Mapping[Keys, str] = field(default_factory=dict, compare=False, repr=False)  # of its file: keys -> line

    def __post_init__(self) -> None:
        for key, found in (("datasets", self.datasets), ("detectors", self.detectors)):
            self._each_once(key, [one.name for one in found])
        for key, chosen, known in (
            ("methods", self.methods, tuple(name for name in methods if not methods.get(name).moves)),
            ("scopes", self.scopes, SCOPES),
            ("scores", self.scores, tuple(SCORES)),
            ("classes", (self.classes,), CLASSES),
        ):
            self._each_once(key, chosen)
            for one in chosen:
                if one in methods and methods.get(one).moves:
                    raise self.wrong((key,), f"{one} comes with 'transfers'; leave it out here.")
                if one not in known:
                    raise self.wrong(
                        (key,), str(unknown_name(key.removesuffix("s") if key != "classes" else key, one, known))
                    )
        if all(methods.get(name).control for name in self.methods):
            raise self.wrong(("methods",), "a control needs a method that it controls, such as imp.")
        for one in self.rewinds:
            self._told(("rewinds",), Rewind.parse, one)
        self._each_once("rewinds", [str(Rewind.parse(one)) for one in self.rewinds])
        for one in self.rewinds:
            goes_on = Rewind.parse(one).goes_on
            left = [name for name in self.methods if not (goes_on and methods.get(name).needs_rewind)]
            if all(methods.get(name).control for name in left):
                raise self.wrong(
                    ("rewinds",),
                    f"with {one} weights go on, and {', '.join(self.methods)} need weights that are rewound: none is "
                    "left to judge.",
                )
        if not 1 <= self.seeds <= 1000:
            raise self.wrong(("seeds",), f"{self.seeds}; expected 1 to 1000.")
        self._check_levels()
        self._check_transfers()

    def wrong(self, keys: tuple[str, ...], text: str) -> ClewError:
        """The error that something is wrong with the part that `keys` lead to, with its line where there is a file."""
        return ClewError(wrong(keys, text, dict(self.places)))

    def _told(self, keys: tuple[str, ...], check: Callable[[str], Any], value: str) -> None:
        try:
            check(value)
        except ClewError as error:
            raise self.wrong(keys, str(error)) from None

    def _each_once(self, key: str, names: Sequence[str]) -> None:
        if not names:
            raise self.wrong((key,), "expected at least one.")
        for name in names:
            if list(names).count(name) > 1:
                raise self.wrong((key,), f"{name} is there twice.")

    def _check_levels(self) -> None:
        if not self.levels or not all(0 < level < 1 for level in self.levels):
            raise self.wrong(("sparsity",), "expected numbers between 0 and 1, such as [0.2, 0.4, 0.8].")
        if list(self.levels) != sorted(set(self.levels)):
            raise self.wrong(("sparsity",), f"the levels must rise; found {_list(self.levels)}.")

    def _check_transfers(self) -> None:
        if not self.transfers:
            return
        key, known = ("transfers",), [one.name for one in self.datasets]
        if all(Rewind.parse(one).goes_on for one in self.rewinds):
            raise self.wrong(key, f"they need tickets that are rewound; rewinds are {', '.join(self.rewinds)}.")
        if self.classes != "binary":
            raise self.wrong(key, "only between detectors of two classes (classes: binary).")
        if not set(self.methods) & set(OWNERS):
            raise self.wrong(key, f"they need tickets of {' or '.join(OWNERS)}; methods has none.")
        self._each_once("transfers", [f"{one.source} to {one.target}" for one in self.transfers])
        for transfer in self.transfers:
            for name in (transfer.source, transfer.target):
                if name not in known:
                    raise self.wrong(key, str(unknown_name("dataset", name, known)))
            for level in transfer.levels:
                if level not in self.levels:
                    raise self.wrong(key, f"{level:g} is none of the study's levels ({_list(self.levels)}).")

    def as_dict(self) -> dict[str, Any]:
        """The study as it stands in JSON."""
        found = asdict(replace(self, places={}))
        return {key: _plain(value) for key, value in found.items() if key != "places"}


def _named(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise ClewError(f"expected the name of a {kind}: letters, digits and . _ + - (it names a folder).")


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
