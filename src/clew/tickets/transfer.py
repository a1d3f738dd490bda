"""Tickets found on one dataset, trained on another, and judged there against what is found there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clew.base.errors import ClewError, unknown_name
from clew.base.hashing import hash_file
from clew.base.jobs import Executor
from clew.base.progress import SILENT, Progress
from clew.tickets.ladder import LADDER, Ladder, open_ladder
from clew.tickets.methods.moved import OWNERS, WEIGHTS, moved_name
from clew.tickets.runs import Rewind
from clew.tickets.search import search
from clew.tickets.settings import SearchSettings


def transfer_tickets(
    ladder: Path | str,
    stores: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    weights: Sequence[str] = WEIGHTS,
    levels: Sequence[float] = (),
    seeds: Sequence[int] = (),
    executor: Executor | None = None,
    progress: Progress = SILENT,
) -> Ladder:
    """Brings the tickets of `ladder` to other crop stores, and returns the ladder written to `out`.

    There the same search is done (dense nets, own tickets, random controls), and each ticket brought along is trained
    with `weights`: rewound (those of the rewind point there), trained (as there), fresh; and scored as it is
    (zero-shot). `levels` and `seeds` choose among the ladder's, none: all. An `out` that holds the same search already
    is taken further. Raises ClewError for a ladder that is not rewound, or of several classes, and as `search` does.
    """
    source = open_ladder(Path(ladder))
    paths = [Path(stores)] if isinstance(stores, str | Path) else [Path(store) for store in stores]
    settings = SearchSettings.from_dict(source.settings)
    _check(source, settings, weights, levels, seeds)
    owners = [name for name in settings.methods if name in OWNERS]
    moved = [moved_name(owner, kind) for owner in owners for kind in weights]
    asked = replace(
        settings,
        methods=tuple(sorted({*owners, *moved, "random", "zero-shot"})),
        seeds=tuple(seeds) or settings.seeds,
        origin=_origin(source),
        moved_levels=tuple(levels),
    )
    reason = f"those of {source.path.name}"
    return search(paths, asked, Path(out), origin=source.path, executor=executor, progress=progress, reason=reason)


def _origin(source: Ladder) -> dict[str, str]:
    data = source.facts["data"]
    return {
        "data": "+".join(one["name"] for one in data),
        "hash": "+".join(one["hash"] for one in data),
        "ladder": hash_file(source.path / LADDER),
    }


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
        there = settings.origin["data"]
        raise ClewError(f"{where}: it holds tickets of {there} itself: give the ladder of there.")
    if not set(settings.methods) & set(OWNERS):
        raise ClewError(f"{where}: it holds no tickets of {' or '.join(OWNERS)}.")
    for name, asked, known in (("level", levels, settings.levels), ("seed", seeds, settings.seeds)):
        for one in asked:
            if one not in known:
                raise ClewError(f"{where} has no {name} {one:g}. It has: {', '.join(f'{k:g}' for k in known)}.")
