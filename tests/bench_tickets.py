"""Tickets to measure: tiny, with a graph, some of their weights gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from clew.detectors.base import Config
from clew.detectors.build import initial_state
from clew.tickets.file import read_ticket, write_ticket
from clew.tickets.importing import import_weights
from sealed_tickets import format_1

SIZE = 32


def small_ticket(path: Path, sparsity: float = 0.0, detector: str = "meso4", scale: float = 1.0) -> Path:
    """A ticket of a detector at 32 pixels, its weights untrained and scaled, about that share of them pruned."""
    path.unlink(missing_ok=True)
    weights = path.with_suffix(".pth")
    torch.save(initial_state(Config(detector, SIZE, 2), 1), weights)
    import_weights(weights, detector, path, SIZE)
    weights.unlink()
    content, draw = read_ticket(path), np.random.default_rng(0)
    mask = {name: draw.random(kept.shape) >= sparsity for name, kept in content.mask.items()}
    values = {
        name: np.where(mask[name], np.float32(scale) * value, np.float32(0)) for name, value in content.values.items()
    }
    kept = sum(int(one.sum()) for one in mask.values()) / sum(one.size for one in mask.values())
    counts = {**content.header["sparsity"], "sparsity": 1 - kept, "macs_sparsity": sparsity / 2}
    write_ticket(path, replace(content, header={**content.header, "sparsity": counts}, mask=mask, values=values))
    return path


def as_format_1(path: Path) -> None:
    """Makes a ticket as earlier versions wrote it, without its graph."""
    path.write_bytes(format_1(read_ticket(path)))
