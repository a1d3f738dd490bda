"""`clew.find_tickets`: the search with its automatic choices made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clew.base.errors import ClewError
from clew.base.executors import usable_cores
from clew.base.jobs import Executor
from clew.base.progress import SILENT, Progress
from clew.detectors.build import resolve
from clew.tickets.given import given_file
from clew.tickets.ladder import LADDER, Ladder, read_facts
from clew.tickets.search import check, search
from clew.tickets.settings import LEVELS, MARGIN, SearchSettings
from clew.training.choices import Choices, choose
from clew.training.settings import TrainSettings


def find_tickets(
    stores: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    detector: str = "cnn5",
    input_size: int | None = None,
    methods: Sequence[str] = ("imp", "one-shot", "random"),
    scope: str = "global",
    rewind: str = "init",
    levels: Sequence[float] = LEVELS,
    seeds: int = 3,
    first_seed: int = 0,
    margin: float = MARGIN,
    start: Path | str | None = None,
    training: TrainSettings | None = None,
    precision: str = "auto",
    memory_format: str = "auto",
    threads: int = 0,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Ladder:
    """Searches for tickets of a detector on crop stores, and returns the ladder written to `out`.

    `levels` are target sparsities; `rewind` none, init or step:K; `start` weights to begin with and to rewind to;
    `input_size` in pixels (None: the detector's own); `margin` in AUC. `precision` fp32, bf16 or auto,
    `memory_format` contiguous, channels-last or auto, and `threads` of each training (0: one, or all cores where
    there is one training only) are settled once and kept in the ladder. Raises ClewError before any training for
    whatever cannot work. Trainings run in processes of their own.
    """
    paths = [Path(stores)] if isinstance(stores, str | Path) else [Path(store) for store in stores]
    out, training = Path(out), training or TrainSettings()
    config = resolve(detector, input_size)
    asked = SearchSettings(
        detector=config,
        methods=tuple(sorted(methods)),
        scope=scope,
        rewind=rewind,
        levels=tuple(float(level) for level in levels),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        margin=margin,
        training=training,
    )
    weights = given_file(Path(start)) if start is not None else None
    kept = _kept_choices(out)
    check(paths, replace(asked, choices=kept or asked.choices), out, weights)
    if not threads:
        threads = kept.threads if kept is not None else 1 if seeds > 1 or methods else usable_cores()
    if kept is not None and _fits(kept, precision, memory_format, threads):
        choices, reason = kept, "kept from when this ladder was begun"
    else:
        choices, reason = choose(config, training.batch_size, threads, precision, memory_format)
    progress.say(f"precision and layout: {choices.precision} {choices.memory_format} ({reason})")
    return search(
        paths,
        replace(asked, choices=choices),
        out,
        weights=weights,
        executor=executor,
        progress=progress,
        reason=reason,
    )


def _kept_choices(out: Path) -> Choices | None:
    """What was settled when the ladder was begun."""
    if not (out / LADDER).exists():
        return None
    try:
        return Choices(**read_facts(out)["settings"]["choices"])
    except TypeError as error:
        raise ClewError(f"{out / LADDER}: its choices cannot be read ({error}): choose another --out.") from None


def _fits(choices: Choices, precision: str, memory_format: str, threads: int) -> bool:
    return (
        precision in ("auto", choices.precision)
        and memory_format in ("auto", choices.memory_format)
        and threads == choices.threads
    )
