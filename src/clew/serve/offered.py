"""The tickets that a server offers: a default one, and the levels of a ladder; read without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.files import read_json
from clew.tickets.file import read_sealed

LADDER = "ladder.json"
_DENSE, _FIRST = "dense", "imp"  # the methods of a ladder's dense nets, and the one that is shown where it is there


@dataclass(frozen=True)
class Offered:
    """A ticket: `level` the sparsity asked for when it was searched; `sparsity` and `macs_sparsity` what it has.

    `default` one of them is; `ladder` whether it is a step of the ladder; `auc` on the test split it was measured on.
    """

    name: str
    path: Path
    default: bool
    ladder: bool
    level: float
    method: str
    sparsity: float
    macs_sparsity: float | None
    bytes: int
    detector: str
    input_size: int
    protocol: str
    hash: str
    auc: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; where it lies is nobody's business."""
        found = asdict(self)
        del found["path"]
        return found


class Offer(Mapping[str, Offered]):
    """All tickets by name, the default one first, then the ladder from dense to sparse."""

    def __init__(self, tickets: Sequence[Offered]) -> None:
        self._tickets = {one.name: one for one in tickets}

    def __getitem__(self, name: str) -> Offered:
        return self._tickets[name]

    def __iter__(self) -> Any:
        return iter(self._tickets)

    def __len__(self) -> int:
        return len(self._tickets)

    @property
    def default(self) -> Offered:
        """The one that scans where none is named."""
        return next(iter(self._tickets.values()))

    @property
    def steps(self) -> list[Offered]:
        """The ladder, from dense to sparse."""
        return sorted((one for one in self.values() if one.ladder), key=lambda one: one.level)

    def at(self, level: float) -> Offered | None:
        """The ladder's ticket at a level, None where it has none."""
        return next((one for one in self.steps if abs(one.level - level) < 1e-6), None)


def offer(ticket: Path | None, ladder: Path | None) -> Offer:
    """The tickets of a server: `ticket`, or else the sparsest of the ladder, is the default one.

    Raises ClewError where there is none, and for what is no ticket or ladder.
    """
    steps = [] if ladder is None else _steps(ladder)
    first = [] if ticket is None else [_offered(ticket, default=True, ladder=False)]
    if not first and not steps:
        raise ClewError("there is no ticket to scan with: name one with --ticket or a ladder with --ladder.")
    if not first:
        steps[-1] = _as_default(steps[-1])
    taken = {one.name for one in first}
    return Offer([*first, *sorted(_named_apart(steps, taken), key=lambda one: not one.default)])


def _as_default(one: Offered) -> Offered:
    return Offered(**{**one.__dict__, "default": True})


def _named_apart(steps: list[Offered], taken: set[str]) -> list[Offered]:
    return [Offered(**{**one.__dict__, "name": f"{one.name} (ladder)"}) if one.name in taken else one for one in steps]


def _steps(folder: Path) -> list[Offered]:
    """A ticket for each level of a ladder, dense first: of one method and the lowest seed."""
    paths = _told(folder) if (folder / LADDER).exists() else sorted(folder.glob("*.safetensors"))
    steps = sorted((_offered(path, False, True) for path in paths), key=lambda one: (one.level, one.sparsity))
    if not steps:
        raise ClewError(f"{folder} holds no tickets: expected a ladder of 'clew tickets find', or a folder of tickets.")
    return list({one.level: one for one in reversed(steps)}.values())[::-1]


def _told(folder: Path) -> list[Path]:
    """The tickets that ladder.json names."""
    facts = read_json(folder / LADDER)
    try:
        entries = [entry for entry in facts["entries"] if not entry["controls"]]
        methods = list(dict.fromkeys(str(entry["method"]) for entry in entries if entry["method"] != _DENSE))
        method = _FIRST if _FIRST in methods else next(iter(methods), _DENSE)
        seed = min(int(entry["seed"]) for entry in entries)
        chosen = [e for e in entries if e["method"] in (_DENSE, method) and e["seed"] == seed]
        return [_within(folder, str(entry["ticket"])) for entry in chosen]
    except (KeyError, TypeError, ValueError):
        raise ClewError(f"{folder / LADDER} is not the description of a ladder: choose another folder.") from None


def _within(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ClewError(f"{folder / LADDER} names a ticket outside of its folder: {name[:200]}.")
    return path


def _offered(path: Path, default: bool, ladder: bool) -> Offered:
    header = read_sealed(path)
    search, sparsity, metrics = header["search"], header["sparsity"], header["metrics"]
    share = float(sparsity.get("sparsity", 0.0))
    return Offered(
        name=path.stem,
        path=path,
        default=default,
        ladder=ladder,
        level=float(search.get("level") or 0.0),
        method=str(search.get("method") or ""),
        sparsity=share,
        macs_sparsity=sparsity.get("macs_sparsity"),
        bytes=path.stat().st_size,
        detector=str(header["detector"]["name"]),
        input_size=int(header["detector"]["input_size"]),
        protocol=str(header["protocol"]),
        hash=str(header["seal"]),
        auc=metrics.get("test", {}).get("auc"),
    )
