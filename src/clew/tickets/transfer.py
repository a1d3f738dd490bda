"""Tickets found on one dataset, trained on another, and judged there against what is found there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clew.base.errors import ClewError, unknown_name
from clew.base.hashing import hash_file
from clew.base.jobs import Executor
from clew.base.progress import SILENT, Progress
from clew.datasets.store import CropStore, open_store
from clew.tickets.given import given_file
from clew.tickets.ladder import Ladder, open_ladder
from clew.tickets.methods.moved import OWNERS, WEIGHTS, moved_name
from clew.tickets.origin import joined, origin_name, origin_of, origin_warnings, place_name
from clew.tickets.runs import Rewind
from clew.tickets.search import search
from clew.tickets.settings import SearchSettings
from clew.training.fakes import known_fakes


def transfer_tickets(
    ladder: Path | str,
    stores: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    weights: Sequence[str] = WEIGHTS,
    levels: Sequence[float] = (),
    seeds: Sequence[int] = (),
    fakes: Sequence[str] | None = None,
    start: Path | str | None = None,
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Ladder:
    """Brings the tickets of `ladder` to other crop stores, and returns the ladder written to `out`.

    There the same search is done (dense nets, own tickets, random controls), and each ticket brought along is trained
    with `weights`: rewound (those of the rewind point there), trained (as there), fresh; and scored as it is
    (zero-shot). `levels` and `seeds` choose among the ladder's, none: all. `fakes`: the manipulation methods it is
    trained and tested on here, none named: all; None: the ladder's own where the stores have them, else all. `start`:
    the weights that the ladder was begun with, where it was. An `out` that holds the same search already is taken
    further. Raises ClewError for a ladder that is not rewound, or of several classes, for the ladder's own data, and
    as `search` does. Crops made in another way than the ladder's are told through `progress`, and recorded.
    """
    source = open_ladder(Path(ladder))
    paths = [Path(stores)] if isinstance(stores, str | Path) else [Path(store) for store in stores]
    settings = SearchSettings.read(source.settings, source.path)
    _check(source, settings, weights, levels, seeds)
    given = _start(source, settings, start)
    opened = [open_store(path) for path in paths]
    kept = _fakes(settings, opened) if fakes is None else tuple(sorted(set(fakes)))
    _check_elsewhere(source, settings, opened, kept)
    owners = [name for name in settings.methods if name in OWNERS]
    moved = [moved_name(owner, kind) for owner in owners for kind in weights]
    asked = replace(
        settings,
        methods=tuple(sorted({*owners, *moved, "random", "zero-shot"})),
        seeds=tuple(seeds) or settings.seeds,
        fakes=kept,
        origin=origin_of(source),
        moved_levels=tuple(levels),
    )
    _tell(asked, opened, progress)
    reason = f"those of {source.path.name}"
    return search(
        paths,
        asked,
        Path(out),
        weights=given,
        origin=source.path,
        executor=executor,
        progress=progress,
        reason=reason,
    )


def _fakes(settings: SearchSettings, stores: Sequence[CropStore]) -> tuple[str, ...]:
    """The ladder's own methods where the stores have all of them, else none: all."""
    return settings.fakes if set(settings.fakes) <= set(known_fakes(stores)) else ()


def _start(source: Ladder, settings: SearchSettings, start: Path | str | None) -> Path | None:
    """The file of given weights, which must be the one that the ladder was begun with: its dense nets start there."""
    if start is None:
        if settings.start:
            raise ClewError(
                f"{source.path} began with given weights (SHA-256 {settings.start[:16]}...): name their file, --from."
            )
        return None
    found = given_file(Path(start))
    if hash_file(found) != settings.start:
        what = f"weights of SHA-256 {settings.start[:16]}..." if settings.start else "fresh weights"
        raise ClewError(f"--from {start}: {source.path} began with {what}, not with these.")
    return found


def _check_elsewhere(
    source: Ladder, settings: SearchSettings, stores: Sequence[CropStore], fakes: tuple[str, ...]
) -> None:
    """Raises ClewError when the tickets would be trained where they were found."""
    here = sorted(store.hash for store in stores)
    if here == sorted(one["hash"] for one in source.facts["data"]) and fakes == settings.fakes:
        name = place_name(joined(source.facts["data"], "name"), fakes)
        raise ClewError(
            f"{source.path}: its tickets were found on {name} itself: name another store, or other --fakes."
        )


def _tell(asked: SearchSettings, stores: Sequence[CropStore], progress: Progress) -> None:
    """What is brought where; and that crops differ, where they do."""
    here = place_name("+".join(store.name for store in stores), asked.fakes)
    progress.say(f"tickets of {origin_name(asked.origin)}, trained on {here}")
    for text in origin_warnings(asked.origin, [{"name": s.name, "protocol": s.protocol} for s in stores]):
        progress.say(f"warning: {text}")


def _check(
    source: Ladder, settings: SearchSettings, weights: Sequence[str], levels: Sequence[float], seeds: Sequence[int]
) -> None:
    """Raises ClewError for what cannot be brought along."""
    where = str(source.path)
    for kind in weights:
        if kind not in WEIGHTS:
            raise unknown_name("--weights", kind, WEIGHTS)
    if Rewind.parse(settings.rewind).goes_on:
        rewind = settings.rewind
        raise ClewError(f"{where}: its tickets are not rewound ({rewind}): search with --rewind init or step:K.")
    if settings.classes:
        raise ClewError(f"{where}: its tickets tell methods apart, which other data does not share.")
    if settings.origin:
        there = origin_name(settings.origin)
        raise ClewError(f"{where}: it holds tickets of {there} itself: give the ladder of there.")
    if not set(settings.methods) & set(OWNERS):
        raise ClewError(f"{where}: it holds no tickets of {' or '.join(OWNERS)}.")
    for name, asked, known in (("level", levels, settings.levels), ("seed", seeds, settings.seeds)):
        for one in asked:
            if one not in known:
                raise ClewError(f"{where} has no {name} {one:g}. It has: {', '.join(f'{k:g}' for k in known)}.")
