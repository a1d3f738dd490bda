"""A ticket in torch: from a file to a network that predicts, and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.base.crops import as_crops
from clew.base.errors import ClewError
from clew.base.packaged import packaged_ticket
from clew.detectors.base import Config
from clew.detectors.build import network_in
from clew.detectors.registry import detectors
from clew.runtime.graph import Graph
from clew.tickets.file import TicketFile, read_ticket, write_ticket
from clew.tickets.header import graph_in
from clew.tickets.masks import Mask, sparsity
from clew.tickets.tracing import traced
from clew.training.calibration import Calibration
from clew.training.class_metrics import class_probabilities
from clew.training.score import BATCH, fake_probability
from clew.training.weights import State, fit_state


@dataclass(frozen=True)
class Ticket:
    """A subnetwork: its file's content, and what can be done with it."""

    content: TicketFile
    where: str = "a ticket"

    @property
    def header(self) -> dict[str, Any]:
        """What the file says of itself."""
        return self.content.header

    @property
    def mask(self) -> Mask:
        """Prunable tensor name -> bool of its shape."""
        return self.content.mask

    @property
    def sparsity(self) -> float:
        """Share of the prunable weights that are zero, counted in the mask."""
        return sparsity(self.mask)

    @property
    def config(self) -> Config:
        """What builds the network again."""
        try:
            return Config(**self.header["detector"])
        except TypeError:
            raise ClewError(f"{self.where}: its header describes no detector.") from None

    def state(self) -> State:
        """Weights and buffers, pruned weights zero."""
        return state_in(self.content)

    def detector(self) -> nn.Module:
        """The network with the mask applied, in evaluation mode: smaller to keep, no faster to run."""
        config, state = self.config, self.state()
        if config.name in detectors:  # what does not fit is refused before it takes any memory
            with torch.device("meta"):
                fit_state(network_in(config, self.where), state, self.where)
        module = network_in(config, self.where)
        module.load_state_dict(fit_state(module, state, self.where))
        return module.eval()

    def graph(self) -> Graph:
        """The network's inference graph: the header's, or where it has none (format 1) one traced now.

        Raises ClewError when the network does what graphs have no counterpart of.
        """
        found = graph_in(self.header)
        if found is not None:
            return found
        module = self.detector()
        try:
            return traced(module, self.config.input_size)
        except ClewError as error:
            raise ClewError(f"{self.where}: {error}") from None

    @property
    def classes(self) -> list[str]:
        """What the K outputs stand for: real, then fake or the manipulation methods."""
        names = self.header.get("classes") or ["real", "fake"]
        if not isinstance(names, list) or len(names) != self.config.outputs:
            raise ClewError(f"{self.where}: its header names {len(names)} classes, its network has another number.")
        return [str(name) for name in names]

    def predict(self, images: NDArray[Any], calibrated: bool = False) -> NDArray[np.float64]:
        """Probability of fake (B,) of RGB crops (B, H, W, 3), uint8 or float in [0, 1], at any size.

        It is the network's own, as in every table; `calibrated` divides the logits by the ticket's temperature,
        which its operating point is for. Raises ClewError when the ticket has none.
        """
        logits = self.logits(images)
        return self.calibration.fake(logits) if calibrated and len(logits) else fake_probability(logits)

    def probabilities(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Probability (B, K) of each of `classes` for RGB crops as `predict` takes them."""
        return np.asarray(class_probabilities(self.logits(images)), np.float64)

    @property
    def calibration(self) -> Calibration:
        """The calibration that the ticket carries; raises ClewError when it has none."""
        if self.header.get("calibration") is None:
            raise ClewError(f"{self.where} carries no calibration: it was not trained here, or by an earlier version.")
        return Calibration.from_dict(self.header["calibration"], self.where)

    def logits(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Logits (B, K) of RGB crops as `predict` takes them."""
        crops = as_crops(images, self.config.input_size)
        parts = [np.zeros((0, self.config.outputs), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(crops), BATCH):
                batch = torch.from_numpy(crops[start : start + BATCH]).permute(0, 3, 1, 2)
                parts.append(self._module(batch).numpy())
        return np.concatenate(parts)

    @cached_property
    def _module(self) -> nn.Module:
        return self.detector()

    def save(self, path: Path | str) -> None:
        """Writes the ticket file, atomically."""
        write_ticket(Path(path), self.content)


def state_in(content: TicketFile) -> State:
    """The weights and buffers in a ticket file, as torch tensors of their own."""
    return {name: torch.from_numpy(np.array(t)) for name, t in content.tensors.items()}


def load_ticket(path: Path | str | None = None) -> Ticket:
    """Reads a ticket file (None: the packaged one); raises ClewError when it is missing, damaged or no ticket."""
    path = packaged_ticket() if path is None else path
    return Ticket(read_ticket(Path(path)), str(path))
