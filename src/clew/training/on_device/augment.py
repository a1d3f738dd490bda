"""`--augment` on the device: the same specs and distributions as on the CPU, all of a batch at once.

What is small (which crops, how strongly) is drawn on the host from a key and sent in one copy, so that every shape
is known without asking the device; what is large (noise) is drawn on the device. Nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.base.errors import ClewError
from clew.base.hashing import stable_seed
from clew.training.augmentations import augmentations, parse_augmentation
from clew.training.augmentations.base import Family
from clew.training.augmentations.standard import SHARE
from clew.training.on_device.forms import FORMS, Apply, Numbers, Shape, noised, to_levels
from clew.training.on_device.jpeg import quantisation, through_jpeg
from clew.training.on_device.linear import gaussians
from clew.training.on_device.transfer import to_device, together


@dataclass(frozen=True)
class Task:
    """One change of some crops of a batch."""

    apply: Apply
    chosen: NDArray[np.int64]  # (M,) positions in the batch
    numbers: Numbers  # (M, n)


@dataclass(frozen=True)
class DeviceMix:
    """As `Mix`, on a device: each sample becomes `weight` of itself and the rest of its partner."""

    partner: Tensor  # (B,) int64
    weight: Tensor  # (B,) float32

    def images(self, images: Tensor) -> Tensor:
        """Float images (B, 3, H, W), each blended with its partner."""
        return images.index_select(0, self.partner).lerp(images, self.weight[:, None, None, None].to(images.dtype))

    def targets(self, labels: Tensor, classes: int) -> Tensor:
        """The soft labels (B, K) of labels (B,), mixed as the samples are."""
        hard = (labels[:, None] == torch.arange(classes, device=labels.device)).float()
        return hard.index_select(0, self.partner).lerp(hard, self.weight[:, None])


class DeviceAugmentation:
    """What happens to the crops of a batch on their device; everything follows from the spec, the key and B, H, W.

    Equal keys give equal crops on equal devices; the noise differs between kinds of device, the choices do not.
    """

    def __init__(self, spec: str) -> None:
        """Raises ClewError for a wrong spec, and for one with a step that has no form on tensors."""
        if not supported(spec):
            known = ", ".join(name for name in augmentations if _on_tensors(augmentations.get(name)))
            raise ClewError(f"--augment {spec}: expected steps with a form on tensors, found another; known: {known}.")
        self.spec = spec
        self._plan = _plan(spec)

    def __call__(self, images: Tensor, key: int) -> Tensor:
        """Crops (B, 3, H, W) uint8 after each step, new and channels last in memory, or those handed in as they are.

        They are never changed in place.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images: expected uint8 (B, 3, H, W), found {images.dtype} {tuple(images.shape)}")
        shape = (int(images.shape[2]), int(images.shape[3]))
        tasks = [t for t in self._plan(len(images), shape, np.random.default_rng(key)) if len(t.chosen)]
        if not tasks:
            return images
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return _run(images, tasks, stable_seed("noise of the augmentation", key))

    def mix(self, count: int, key: int, device: torch.device) -> DeviceMix | None:
        """How the `count` samples of a batch are mixed, or None."""
        drawn = parse_augmentation(self.spec).mix(count, np.random.default_rng([key, 1]))
        if drawn is None:
            return None
        return DeviceMix(to_device(drawn.partner, device), to_device(drawn.weight, device))


def supported(spec: str) -> bool:
    """Whether all steps of an augmentation run on tensors; raises ClewError where the spec is wrong."""
    parsed = parse_augmentation(spec)
    return all(_on_tensors(family) for _, family in parsed.steps)


def _on_tensors(family: Family) -> bool:
    return family in _FORMS or family.mix is not None


def _run(images: Tensor, tasks: list[Task], seed: int) -> Tensor:
    sent = together([a for t in tasks for a in (t.chosen.astype(np.float32), t.numbers)], images.device)
    generator = torch.Generator(images.device).manual_seed(seed)
    crops = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)  # (B, H, W, 3)
    for task, chosen, numbers in zip(tasks, sent[::2], sent[1::2], strict=True):
        rows = chosen.long()
        changed = task.apply(crops.index_select(0, rows).permute(0, 3, 1, 2), numbers, generator)
        crops.index_copy_(0, rows, changed.permute(0, 2, 3, 1))
    return crops.permute(0, 3, 1, 2)


Plan = Callable[[int, Shape, np.random.Generator], list[Task]]
_FORMS = {augmentations.get(name): form for name, form in FORMS.items()}


def _plan(spec: str) -> Plan:
    parsed = parse_augmentation(spec)
    steps = [(probability, _FORMS[family]) for probability, family in parsed.steps if family in _FORMS]

    def listed(count: int, shape: Shape, rng: np.random.Generator) -> list[Task]:
        tasks = []
        for probability, form in steps:
            chosen = np.flatnonzero(rng.random(count) < probability)
            tasks.append(Task(form.apply, chosen, form.draw(len(chosen), shape, rng)))
        return tasks

    return _standard if spec == "standard" else listed


def _standard(count: int, shape: Shape, rng: np.random.Generator) -> list[Task]:
    """The choices of `standard` on the CPU, draw for draw."""
    flip, kind, strength = rng.random((count, 3)).T
    jpeg, blur, noise = (np.flatnonzero((kind >= i * SHARE) & (kind < (i + 1) * SHARE)) for i in range(3))
    flipped = np.flatnonzero(flip < 0.5)
    return [
        Task(FORMS["flip"].apply, flipped, np.empty((len(flipped), 0), np.float32)),
        Task(_standard_jpeg, jpeg, quantisation(50 + (45 * strength[jpeg]).astype(np.int64))),
        Task(FORMS["blur"].apply, blur, gaussians(0.3 + 0.7 * strength[blur])),
        Task(_standard_noise, noise, (1 + 4 * strength[noise, None]).astype(np.float32)),
    ]


def _standard_jpeg(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    """`standard` hands its crops to the encoder with red and blue exchanged, and back; recorded trainings did."""
    return to_levels(through_jpeg(crops.flip(1), numbers).flip(1))


def _standard_noise(crops: Tensor, numbers: Tensor, generator: torch.Generator) -> Tensor:
    """`standard` rounds down."""
    return noised(crops, numbers, generator).clamp_(0, 255).to(torch.uint8)
