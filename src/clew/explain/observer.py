"""One ticket that looks at crops: their probabilities and raw heatmaps, and how both are told and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.base.errors import ClewError
from clew.base.files import atomic_path
from clew.explain.faces import USUAL, Cutting
from clew.explain.facial_parts import FINDERS, PARTS, canonical_parts, part_energy
from clew.explain.heatmaps import upsampled
from clew.explain.streaming import Lens, lens_for
from clew.explain.targets import target_of
from clew.media.faces.base import Box
from clew.media.overlay import COLOUR_NAME
from clew.media.pictures import Picture
from clew.tickets.evaluation.models import Member, classes_of, member_of
from clew.tickets.ticket import Ticket
from clew.training.score import fake_probability

EXPLANATION = "explanation.json"
FORMAT, THRESHOLD = 1, 0.5
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Observer:
    """One ticket, and how its heatmaps are made."""

    member: Member
    ticket: Ticket
    lens: Lens

    @property
    def size(self) -> int:
        """Height and width of the crops that it takes, in pixels."""
        return self.ticket.config.input_size

    @cached_property
    def _net(self) -> nn.Module:
        return self.lens.net(self.member)

    def see(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float64], Maps]:
        """Fake probability (B,) and raw heatmap (B, h, w) of crops (B, H, W, 3); raises ClewError where not finite."""
        logits = self.ticket.logits(crops)
        device = self.member.choices.device
        images = torch.from_numpy(crops).permute(0, 3, 1, 2).float().div(255).to(device)
        targets = torch.from_numpy(self.lens.target.numbers(logits)).to(device)
        maps = self.lens(self._net, images, targets).cpu().numpy().astype(np.float32)
        if not np.isfinite(maps).all():
            raise ClewError(f"{self.member.path} gives heatmaps that are NaN or infinite: it cannot be explained.")
        return fake_probability(logits), maps

    def facts(self) -> dict[str, Any]:
        """Which ticket it is."""
        header = self.member.header
        search = header["search"] if isinstance(header["search"], dict) else {}
        return {
            "file": str(self.member.path),
            "detector": self.ticket.config.name,
            "method": str(search.get("method", "")),
            "level": float(search.get("level") or 0.0),
            "seed": self.member.seed,
            "sparsity": self.ticket.sparsity,
            "protocol": str(header["protocol"]),
        }

    def heat_facts(self, maps: Maps, scale: float) -> dict[str, Any]:
        """How its heatmaps (N, h, w) were made, and the one scale that all of them are drawn on."""
        lens = self.lens
        target = "the predicted class" if lens.target.number is None else lens.target.text
        heat = {"method": lens.cam, "layer": lens.layer, "target": target, "side": list(maps.shape[1:])}
        return {**heat, "colours": COLOUR_NAME, "scale": scale}


def observer_of(ticket: Path, cam: str, layer: str, target: str) -> Observer:
    """The observer for a ticket file; raises ClewError for a damaged one and an unfit method, layer or target."""
    member = member_of(ticket)
    return Observer(member, member.ticket(), lens_for(member, cam, layer, target_of(target, classes_of(member.header))))


def folder_for(out: Path | str) -> Path:
    """The folder to write to; raises ClewError where a file has its name."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ClewError(f"{folder} is a file, not a folder: choose another --out.")
    return folder


def verdict_facts(box: Box | None, prob: float, heat: Maps) -> dict[str, Any]:
    """What is told of a crop: {"box", "probability", "fake" (at 0.5), "empty" (no heat), "peak" (highest value)}."""
    return {
        "box": None if box is None else [box.x, box.y, box.width, box.height],
        "probability": prob,
        "fake": prob >= THRESHOLD,
        "empty": not bool((heat > 0).any()),
        "peak": float(heat.max()),
    }


def part_shares(maps: Maps, size: int, cutting: Cutting) -> NDArray[np.float64]:
    """The share of each heatmap (N, h, w) in each part of an upright face: (N, 9), NaN for one without heat."""
    large = upsampled(torch.from_numpy(maps), size).numpy()
    finder = cutting.finder if cutting.finder in FINDERS else USUAL
    return part_energy(large, canonical_parts(size, cutting.scale, finder))


def parts_told(shares: NDArray[np.float64]) -> dict[str, float] | None:
    """Shares (9,) by the names of the parts; None where there is no heat."""
    return dict(zip(PARTS, shares.tolist(), strict=True)) if np.isfinite(shares).all() else None


def parts_said(parts: Mapping[str, float]) -> str:
    """Where most of the heat lies, in words."""
    best = sorted(parts, key=lambda name: -parts[name])[:2]
    return "most of the heat lies on " + " and ".join(f"{name} ({100 * parts[name]:.0f} %)" for name in best)


def png_bytes(picture: Picture) -> bytes:
    """A picture (H, W, 3) as a PNG file."""
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ClewError(f"a picture of shape {picture.shape} cannot be written as PNG.")
    return data.tobytes()


def keep_raw(path: Path, values: Maps) -> None:
    """Writes raw heatmaps as .npy, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.save(handle, values, allow_pickle=False)
