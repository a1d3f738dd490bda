"""Heatmaps of networks over pictures: ticket after ticket, batch after batch, kept on the disk as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from clew.base.errors import ClewError
from clew.base.progress import Task
from clew.detectors.build import facts_of
from clew.explain.heatmaps import heatmaps
from clew.explain.shelf import Maps, Shelf
from clew.explain.subject import Subject
from clew.explain.targets import Target
from clew.tickets.evaluation.models import Member
from clew.tickets.evaluation.scoring import placed
from clew.training.choices import thread_count


@dataclass(frozen=True)
class Lens:
    """How heatmaps are made: by which method, at which layer, for which class."""

    cam: str
    layer: str
    target: Target

    def key(self, dense: Member) -> list[Any]:
        """What decides a heatmap beside the ticket and the picture; predicted classes are the dense net's."""
        return [self.cam, self.layer, self.target.asked, dense.seal if self.target.number is None else ""]

    def net(self, member: Member) -> nn.Module:
        """The network of a ticket where it is to run, in single precision, as its heatmaps see it."""
        return self.target.head(placed(member.ticket().detector(), member.choices)).eval()

    def __call__(self, net: nn.Module, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Raw heatmaps (B, h, w)."""
        return heatmaps(net, images, targets, self.target.layer(self.layer), self.cam)


def lens_for(member: Member, cam: str, layer: str, target: Target) -> Lens:
    """The lens for a network and its tickets; `layer` "" takes the one that the network's facts name.

    Raises ClewError for an unknown method, and for a layer that is not there or gives no heatmap: it is tried out.
    """
    module = member.ticket().detector()
    facts = getattr(module, "facts", None) or facts_of(str(member.header["detector"]["name"]))
    size = int(member.header["detector"]["input_size"])
    lens = Lens(cam, layer or str(facts.cam_layer or ""), target)
    heatmaps(module, torch.zeros(1, 3, size, size), torch.zeros(1, dtype=torch.int64), lens.layer, cam)
    return lens


def maps_of(
    shelf: Shelf, member: Member, dense: Member, subject: Subject, lens: Lens, targets: NDArray[np.int64], task: Task
) -> Maps:
    """The raw heatmaps (N, h, w) of a ticket for the classes `targets` (N,): a memory map, made where it is not there.

    `task` advances by a step for each picture.
    """
    key = [member.seal, *subject.key, *lens.key(dense)]
    if shelf.has_maps(member.path.stem, key, len(subject)):
        task.advance(len(subject), member.path.stem)
    return shelf.maps(member.path.stem, key, len(subject), lambda: _made(member, subject, lens, targets, task))


def _made(member: Member, subject: Subject, lens: Lens, targets: NDArray[np.int64], task: Task) -> Iterator[Maps]:
    net = lens.net(member)
    device = member.choices.device
    with thread_count(member.choices.threads):
        for positions in subject.batches():
            images, wanted = subject.images(positions), torch.from_numpy(targets[positions])
            found = lens(net, images.to(device), wanted.to(device)).cpu().numpy().astype(np.float32)
            if not np.isfinite(found).all():
                raise ClewError(f"{member.path} gives heatmaps that are NaN or infinite: it cannot be explained.")
            yield found
            task.advance(len(positions), member.path.stem)
