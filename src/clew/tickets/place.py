"""Where a search works."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clew.tickets.ladder import REWIND, TICKETS, UNFINISHED


@dataclass(frozen=True)
class Place:
    """Where a search works: its ladder's folder, its stores, and given weights to start from, if any."""

    ladder: Path
    stores: tuple[Path, ...]
    weights: Path | None = None
    board: Path | None = None  # where TensorBoard looks, if anywhere
    origin: Path | None = None  # the ladder whose tickets are brought along, if any
    points: tuple[tuple[int, Path], ...] = ()  # further rewind points that dense runs leave: the step, a ladder

    def ticket(self, run: str) -> Path:
        """The ticket file of a run."""
        return self.ladder / TICKETS / f"{run}.safetensors"

    def rewind(self, seed: int) -> Path:
        """The rewind point of a seed."""
        return self.ladder / REWIND / f"seed-{seed}.safetensors"

    def found(self, run: str) -> Path:
        """The mask that a run which finds one leaves until the search is finished."""
        return self.part(run, ".mask.safetensors")

    def part(self, run: str, suffix: str) -> Path:
        """What a run leaves until the search is finished; `.json` comes last and makes the run whole."""
        return self.ladder / UNFINISHED / f"{run}{suffix}"
