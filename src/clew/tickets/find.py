"""`clew.find_tickets`: the search with its automatic choices made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clew.base.errors import ClewError, unknown_name
from clew.base.executors import usable_cores
from clew.base.jobs import Executor
from clew.base.progress import SILENT, Progress
from clew.datasets.store import open_store
from clew.detectors.build import resolve
from clew.tickets.given import given_file, given_note
from clew.tickets.ladder import LADDER, Ladder, read_facts
from clew.tickets.methods import methods as known_methods
from clew.tickets.origin import origin_name
from clew.tickets.search import check, search
from clew.tickets.settings import FPR, LEVELS, MARGIN, SearchSettings
from clew.training.board import check_board
from clew.training.choices import Choices, Wishes, choose
from clew.training.data import method_classes
from clew.training.settings import TrainSettings

CLASSES = ("binary", "method")


def find_tickets(
    stores: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    detector: str = "cnn5",
    input_size: int | None = None,
    options: Mapping[str, Any] | None = None,
    classes: str = "binary",
    fakes: Sequence[str] = (),
    methods: Sequence[str] = ("imp", "one-shot", "random"),
    scope: str = "global",
    score: str = "magnitude",
    rewind: str = "init",
    levels: Sequence[float] = LEVELS,
    seeds: int = 3,
    first_seed: int = 0,
    margin: float = MARGIN,
    fpr: float = FPR,
    start: Path | str | None = None,
    training: TrainSettings | None = None,
    precision: str = "auto",
    memory_format: str = "auto",
    threads: int = 0,
    device: str = "auto",
    devices: int = 1,
    compile: str = "auto",
    tensorboard: Path | str | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Ladder:
    """Searches for tickets of a detector on crop stores, and returns the ladder written to `out`.

    `levels` are target sparsities; `scope` global or local; `score` magnitude or magnitude-per-mac; `rewind` none,
    init, step:K or lr; `start` weights to begin with and to rewind to;
    `input_size` in pixels (None: the detector's own) and `options` (its keywords) as for `build`; `classes` binary,
    or method: real and each manipulation method; `fakes` the manipulation methods whose fakes are trained, selected
    and tested on (none named: all); `margin` in AUC; `fpr` the false positive rate of the operating
    point. `precision` fp32, bf16 or auto, `memory_format` contiguous, channels-last or auto, `device` cpu, cuda or
    auto, `devices` how many train together (DDP), `compile` on, off or auto, and `threads` of each training (0: one,
    or all cores where no two trainings can run at once) are settled once and kept in the ladder. `tensorboard`: a
    folder for its files. Raises ClewError before any training for whatever cannot work. Trainings run in processes of
    their own.
    """
    paths = [Path(stores)] if isinstance(stores, str | Path) else [Path(store) for store in stores]
    out, training = Path(out), training or TrainSettings()
    if tensorboard is not None:
        check_board(Path(tensorboard))
    fakes = tuple(sorted(set(fakes)))
    names = _classes(classes, paths, fakes)
    config = resolve(detector, input_size, len(names) or 2, options)
    asked = SearchSettings(
        detector=config,
        methods=tuple(sorted(methods)),
        scope=scope,
        score=score,
        rewind=rewind,
        levels=tuple(float(level) for level in levels),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        margin=margin,
        classes=names,
        fakes=fakes,
        fpr=fpr,
        training=training,
    )
    weights = given_file(Path(start)) if start is not None else None
    kept = _kept_choices(out)
    wishes = Wishes(precision, memory_format, threads, device, devices, compile)
    grown, _, old = check(paths, replace(asked, choices=kept or Choices(devices=devices)), out, weights)
    _check_moved(out, grown, old)
    if not threads:
        cores = max(1, usable_cores() // devices)
        threads = kept.threads if kept else cores if _one_by_one(asked.methods, seeds) else 1
        wishes = replace(wishes, threads=threads)
    if kept is not None and wishes.met_by(kept):
        choices, reason = kept, "kept from when this ladder was begun"
    else:
        choices, reason = choose(config, training.batch_size, wishes)
    progress.say(f"{_in_words(choices)} ({reason})")
    if weights is not None and (note := given_note(weights, config)):
        progress.say(note)
    return search(
        paths,
        replace(asked, choices=choices),
        out,
        weights=weights,
        board=Path(tensorboard) if tensorboard is not None else None,
        executor=executor,
        progress=progress,
        reason=reason,
    )


def _one_by_one(names: Sequence[str], seeds: int) -> bool:
    """Whether each training of a search waits for the one before it, so that all cores are its own."""
    return seeds == 1 and (not names or (len(names) == 1 and known_methods.get(names[0]).chained))


def _classes(classes: str, paths: Sequence[Path], fakes: Sequence[str]) -> tuple[str, ...]:
    """The names of the classes to be told apart: none where fakes are one class."""
    if classes not in CLASSES:
        raise unknown_name("--classes", classes, CLASSES)
    return method_classes([open_store(path) for path in paths], fakes) if classes == "method" else ()


def _check_moved(out: Path, grown: SearchSettings, old: Mapping[str, Any]) -> None:
    """Raises ClewError where tickets of another ladder would have to be trained, which is not at hand here."""
    lacking = not old.get("complete") or set(grown.seeds) - set(old["settings"]["seeds"])
    if grown.origin and lacking:
        there = origin_name(grown.origin)
        raise ClewError(f"{out} holds tickets of another ladder ({there}): go on with 'clew tickets transfer'.")


def _in_words(choices: Choices) -> str:
    where = {"cpu": f"{choices.threads} threads" if choices.threads > 1 else "1 thread", "cuda": "GPU"}[choices.device]
    many = f", {choices.devices} processes" if choices.devices > 1 else ""
    compiled = ", compiled" if choices.compile else ""
    return f"precision and layout: {choices.precision} {choices.memory_format}, {where}{many}{compiled}"


def _kept_choices(out: Path) -> Choices | None:
    """What was settled when the ladder was begun."""
    if not (out / LADDER).exists():
        return None
    try:
        return Choices(**read_facts(out)["settings"]["choices"])
    except TypeError as error:
        raise ClewError(f"{out / LADDER}: its choices cannot be read ({error}): choose another --out.") from None
