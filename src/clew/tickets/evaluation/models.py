"""What is evaluated: the tickets of several seeds that a run, a ladder or a file stands for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from clew.base.errors import ClewError
from clew.tickets.ladder import Ladder, open_ladder
from clew.tickets.runs import DENSE
from clew.tickets.ticket import Ticket, load_ticket
from clew.training.choices import Choices

MOST_THREADS = 1024


@dataclass(frozen=True)
class Member:
    """One ticket of a model: its file, what the file says of itself, and the seed it was trained with."""

    path: Path
    seed: int
    header: dict[str, Any] = field(repr=False)

    @property
    def seal(self) -> str:
        """The checksum of the ticket: other content, another seal."""
        return str(self.header["seal"])

    @property
    def choices(self) -> Choices:
        """What the ticket was made with, so that the same bits come out; plain fp32 where it cannot be had here."""
        return choices_of(self.header)

    def ticket(self) -> Ticket:
        """The ticket with its tensors."""
        return load_ticket(self.path)


@dataclass(frozen=True)
class Model:
    """Tickets of one detector that differ by their seed alone: S members, in the order of their seeds."""

    name: str
    method: str
    level: float
    members: tuple[Member, ...]

    @property
    def header(self) -> dict[str, Any]:
        """The header of the first member, for what all have in common."""
        return self.members[0].header

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds (S,)."""
        return tuple(member.seed for member in self.members)

    @property
    def detector(self) -> str:
        """The name of the network."""
        return str(self.header["detector"]["name"])

    @property
    def input_size(self) -> int:
        """Height and width of the network's input, in pixels."""
        return int(self.header["detector"]["input_size"])

    @property
    def classes(self) -> list[str]:
        """The names of the K classes, the first one of the reals."""
        return classes_of(self.header)

    @property
    def data(self) -> list[dict[str, str]]:
        """Name, hash and protocol of each store that it was trained on, as far as they are told."""
        return [dict(one) for one in self.header.get("data") or [] if isinstance(one, dict)]


def choices_of(header: dict[str, Any]) -> Choices:
    """Precision, layout, threads and device of a header, on one device and not compiled: for scoring."""
    try:
        found = Choices(**header["choices"])
    except (KeyError, TypeError, ClewError):
        return Choices()
    if found.threads > MOST_THREADS:  # torch would take memory for each of them
        return replace(found, threads=1, device="cpu", devices=1, compile=False)
    if found.device != "cpu" and not torch.cuda.is_available():
        return Choices(threads=found.threads)
    return replace(found, devices=1, compile=False)


def classes_of(header: dict[str, Any]) -> list[str]:
    """The class names (K,) that a header tells, or plain ones."""
    names = header.get("classes")
    if names:
        return [str(name) for name in names]
    count = max(2, int(header["detector"].get("classes", 2)))
    return ["real", "fake"] if count == 2 else ["real", *(f"class {at}" for at in range(1, count))]


def is_folder(path: Path) -> bool:
    """Whether a path stands for a run or a ladder; one that is not there does, unless it is named like a ticket."""
    return path.is_dir() or not (path.exists() or path.suffix == ".safetensors")


def choose_model(path: Path | str, method: str = "", level: float | None = None) -> Model:
    """The model that a run of `clew train`, a ladder or a ticket file stands for.

    `method` and `level` name an entry of a ladder (by default its dense nets); every seed of it is taken. Raises
    ClewError that lists what there is when there is no such entry.
    """
    path = Path(path)
    if is_folder(path):
        return _of_ladder(open_ladder(path), method or DENSE, level)
    if method or level is not None:
        raise ClewError(f"{path} is one ticket: --method and --level choose among those of a ladder; leave them out.")
    member = member_of(path)
    search = member.header["search"] if isinstance(member.header["search"], dict) else {}
    return Model(path.stem, str(search.get("method", "")), float(search.get("level") or 0.0), (member,))


def all_members(path: Path | str, method: str = "", level: float | None = None) -> list[Member]:
    """The tickets of a model, or all of a ladder's where neither `method` nor `level` is named; each file once."""
    path = Path(path)
    if method or level is not None or not is_folder(path):
        return list(choose_model(path, method, level).members)
    ladder = open_ladder(path)
    files = dict.fromkeys(entry["ticket"] for entry in ladder.facts["entries"])
    return [member_of(ladder.path / name) for name in files]


def _of_ladder(ladder: Ladder, method: str, level: float | None) -> Model:
    fitting = [entry for entry in ladder.facts["entries"] if entry_name(entry) == method and _at(entry, level)]
    if method == DENSE and level is None:
        fitting = [entry for entry in fitting if entry["level"] == 0]
    levels = sorted({entry["level"] for entry in fitting})
    if len(levels) != 1:
        raise ClewError(f"{ladder.path} has {_what(method, level, levels)}. There are: {known_entries(ladder)}.")
    fitting.sort(key=lambda entry: int(entry["seed"]))
    members = tuple(member_of(ladder.path / entry["ticket"], int(entry["seed"])) for entry in fitting)
    return Model(ladder.path.resolve().name, method, float(levels[0]), members)


def entry_name(entry: dict[str, Any]) -> str:
    """How an entry is asked for: imp, or random-of-imp for a control."""
    return f"{entry['method']}-of-{entry['controls']}" if entry["controls"] else str(entry["method"])


def _at(entry: dict[str, Any], level: float | None) -> bool:
    return level is None or abs(entry["level"] - level) < 1e-6


def _what(method: str, level: float | None, levels: list[float]) -> str:
    if levels:
        return f"{method} tickets at several levels: name one by --level"
    return f"no {method} ticket" + ("" if level is None else f" at level {level:g}")


def known_entries(ladder: Ladder) -> str:
    known: dict[str, set[float]] = {}
    for entry in ladder.facts["entries"]:
        known.setdefault(entry_name(entry), set()).add(entry["level"])
    return "; ".join(f"{name} {', '.join(f'{level:g}' for level in sorted(known[name]))}" for name in sorted(known))


def member_of(path: Path, seed: int | None = None) -> Member:
    header = load_ticket(path).header
    search = header["search"] if isinstance(header["search"], dict) else {}
    return Member(path, int(search.get("seed") or 0) if seed is None else seed, header)
