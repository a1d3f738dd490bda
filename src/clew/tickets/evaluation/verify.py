"""Whether a ticket keeps what it promises: figures measured again on the data that it names, counts, classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError
from clew.base.progress import SILENT, Progress, Task
from clew.datasets.store import CropStore, open_store
from clew.tickets import masks
from clew.tickets.evaluation.models import Member, all_members, classes_of
from clew.tickets.evaluation.samples import SPLITS
from clew.tickets.evaluation.scoring import check_finite, placed
from clew.tickets.one_run import ticket_metrics
from clew.training.blended import load_part
from clew.training.choices import thread_count
from clew.training.data import Samples
from clew.training.score import logits_of

TOLERANCE = 0.002
COUNTS = ("sparsity", "remaining", "prunable")


@dataclass(frozen=True)
class Check:
    """One promise: what a ticket's header says, what was found, and whether the gap is within the tolerance.

    `found` is None, and `kept` too, for a figure that is not known how to be measured again.
    """

    ticket: str
    figure: str  # such as "test auc"
    promised: float
    found: float | None
    tolerance: float

    @property
    def gap(self) -> float | None:
        """Found minus promised."""
        return None if self.found is None else self.found - self.promised

    @property
    def kept(self) -> bool | None:
        """Whether the promise is kept."""
        return None if self.gap is None else abs(self.gap) <= self.tolerance + 1e-12

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "gap": self.gap, "kept": self.kept}

    def text(self) -> str:
        """In a line: promised, found, gap."""
        if self.found is None or self.gap is None:
            return f"{self.ticket}: {self.figure} promised {self.promised:g}, not checked"
        return (
            f"{self.ticket}: {self.figure} promised {self.promised:.6g}, found {self.found:.6g}, "
            f"gap {self.gap:+.6f} (tolerance {self.tolerance:.4g})"
        )


def verify(
    model: Path | str,
    stores: Sequence[Path | str],
    *,
    method: str = "",
    level: float | None = None,
    tolerance: float = TOLERANCE,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Measures again what the tickets of a run, ladder or file promise, on the stores that they name.

    A ladder without `method` and `level` is verified whole. AUC may differ by `tolerance`, accuracy by that and one
    video; sparsity and counts may not differ. {"model", "tolerance", "tickets", "passed", "checks": [{"ticket",
    "figure","promised","found","gap","tolerance","kept"}]}. Raises ClewError when a ticket promises nothing, and when
    the stores are not those that it was measured on.
    """
    if not 0 <= tolerance < 0.5:
        raise ClewError(f"--tolerance {tolerance}: expected an AUC difference from 0 to 0.5.")
    members = all_members(model, method, level)
    opened = [open_store(path) for path in stores]
    plans = [(member, _promises(member), _stores_of(member, opened)) for member in members]
    checks: list[Check] = []
    loaded: dict[str, Samples] = {}
    with progress.task("verifying", sum(len(promises) for _, promises, _ in plans)) as task:
        for member, promises, own in plans:
            checks += _checked(member, promises, own, tolerance, loaded, task)
    return {
        "model": str(model),
        "tolerance": tolerance,
        "tickets": len(members),
        "passed": all(check.kept is not False for check in checks),
        "checks": [check.as_dict() for check in checks],
        "lines": [check.text() for check in checks],
    }


def _promises(member: Member) -> dict[str, dict[str, float]]:
    """By split the numbers that a ticket promises; raises ClewError when there are none."""
    splits = member.header["metrics"] if isinstance(member.header["metrics"], dict) else {}
    found = {str(split): dict(_numbers(figures)) for split, figures in splits.items() if isinstance(figures, dict)}
    strange = sorted(set(found) - set(SPLITS))
    if strange:
        raise ClewError(f"{member.path} promises figures on a split '{strange[0]}'. Known: {', '.join(SPLITS)}.")
    if not any(found.values()):
        raise ClewError(
            f"{member.path} promises no figures (imported weights were not measured here): "
            "leave out --verify to measure it."
        )
    return {split: figures for split, figures in found.items() if figures}


def _numbers(figures: dict[str, Any]) -> Iterator[tuple[str, float]]:
    return (
        (str(name), float(value))
        for name, value in figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    )


def _stores_of(member: Member, stores: Sequence[CropStore]) -> list[CropStore]:
    """The stores that a ticket was measured on, in its order; raises ClewError for one that is not at hand."""
    by_hash = {store.hash: store for store in stores}
    data = member.header.get("data") or []
    if not data:
        raise ClewError(f"{member.path} does not say which data its figures are from: they cannot be verified.")
    for one in data:
        if one["hash"] not in by_hash:
            given = ", ".join(f"{store.name} ({store.hash[:12]})" for store in stores)
            raise ClewError(
                f"{member.path} promises its figures on the store {one['name']} with the hash {one['hash'][:12]}; "
                f"given is {given}: name that store, or leave out --verify to measure on another."
            )
    return [by_hash[one["hash"]] for one in data]


def _checked(
    member: Member,
    promises: dict[str, dict[str, float]],
    stores: Sequence[CropStore],
    tolerance: float,
    loaded: dict[str, Samples],
    task: Task,
) -> list[Check]:
    """The checks of one ticket; `loaded` keeps the samples for tickets of the same data."""
    name, ticket, choices = member.path.name, member.ticket(), member.choices
    net = ticket.detector()
    checks = [*_counts(member, ticket.mask)]
    names = classes_of(member.header)
    for split, figures in promises.items():
        samples = _samples(member, stores, split, names, loaded)
        with thread_count(choices.threads):
            logits = logits_of(placed(net, choices), samples, ticket.config.input_size, choices)
        check_finite(member, logits)
        if logits.shape[1] != len(names):
            raise ClewError(f"{member.path}: its network tells {logits.shape[1]} classes, its header {len(names)}.")
        found, rows = ticket_metrics(samples, logits), _videos(samples)
        checks += [_figure(name, split, key, value, found, rows, tolerance) for key, value in figures.items()]
        task.advance(1, name)
    return checks


def _counts(member: Member, mask: masks.Mask) -> list[Check]:
    """Sparsity and counts of weights, counted in the mask: exact."""
    promised = member.header["sparsity"] if isinstance(member.header["sparsity"], dict) else {}
    found = {
        "sparsity": masks.sparsity(mask),
        "remaining": masks.remaining(mask),
        "prunable": masks.prunable_count(mask),
    }
    return [Check(member.path.name, key, promised[key], found[key], 0.0) for key in COUNTS if key in promised]


def _samples(
    member: Member, stores: Sequence[CropStore], split: str, names: Sequence[str], loaded: dict[str, Samples]
) -> Samples:
    training = member.header.get("training")
    blend = bool(training.get("blend")) if isinstance(training, dict) else False
    classes = tuple(names) if len(names) > 2 else ()
    fakes = _fakes(member)
    key = repr((split, blend, classes, fakes, [store.hash for store in stores]))
    if key not in loaded:
        loaded[key] = load_part(stores, split, blend, classes, fakes)
    return loaded[key]


def _fakes(member: Member) -> tuple[str, ...]:
    """The manipulation methods that a ticket was trained and measured on alone; none named: all."""
    found = member.header["search"].get("fakes") or []
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ClewError(f"{member.path}: its header does not tell which fakes it was measured on.")
    return tuple(found)


def _videos(samples: Samples) -> int:
    """How many videos there are, a picture without one counting as one."""
    names = samples.rows["video"].to_pylist()
    return len({name for name in names if name}) + sum(not name for name in names)


def _figure(
    ticket: str, split: str, name: str, promised: float, found: dict[str, float], rows: int, tolerance: float
) -> Check:
    """`found` the figures of the split by name; an accuracy over `rows` videos may differ by one of them more."""
    slack = 1 / rows if "accuracy" in name else 0.0
    return Check(ticket, f"{split} {name}", promised, found.get(name), tolerance + slack)
