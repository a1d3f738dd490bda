"""What a step trains on: images and targets of some positions, made on the CPU or where the network is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clew.training.augmentations import Mix, parse_augmentation
from clew.training.blended import blend_batch
from clew.training.choices import Choices
from clew.training.data import Samples
from clew.training.on_device import (
    CropSource,
    DeviceAugmentation,
    DeviceCrops,
    StreamedCrops,
    bytes_needed,
    fits,
    supported,
)
from clew.training.settings import TrainSettings

Batch = tuple[Tensor, Tensor]  # images (B, 3, H, W) in [0, 1]; targets (B,) or soft ones (B, K)


class Feed(Protocol):
    """Makes batches: the same for the same positions and key. `note` says what users should know of it."""

    note: str

    def expect(self, order: Sequence[NDArray[np.int64]]) -> None:
        """Tells what `batch` will be asked for next, in this order."""

    def batch(self, positions: NDArray[np.int64], key: int) -> Batch:
        """The samples at `positions`, augmented by what is drawn from `key`."""

    def close(self) -> None:
        """Lets go of what it holds."""


class CpuFeed:
    """Batches read from the stores and augmented by the CPU, one after the other."""

    note = ""

    def __init__(
        self,
        split: Samples,
        settings: TrainSettings,
        choices: Choices,
        input_size: int,
        outputs: int,
        device: torch.device,
    ) -> None:
        self.split, self.choices, self.input_size, self.outputs = split, choices, input_size, outputs
        self.blend, self.device = settings.blend, device
        self.augmentation = parse_augmentation(settings.augment)

    def expect(self, order: Sequence[NDArray[np.int64]]) -> None:
        """Nothing: what is needed is read when it is."""

    def close(self) -> None:
        """Nothing."""

    def batch(self, positions: NDArray[np.int64], key: int) -> Batch:
        """The samples at `positions`, blended where asked, augmented and mixed by what is drawn from `key`."""
        crops = self.split.crops(positions, self.input_size)
        rng = np.random.default_rng(key)
        targets = self.split.targets[positions]
        if self.blend:
            crops, targets = blend_batch(crops, targets, rng)
        crops = self.augmentation(crops, rng)
        mix = self.augmentation.mix(len(crops), rng)
        images = mixed(self.choices.batch(torch.from_numpy(crops).to(self.device)), mix)
        return images, wanted(targets, mix, self.outputs).to(self.device)


def wanted(targets: NDArray[np.int64], mix: Mix | None, outputs: int) -> Tensor:
    """What the loss compares with: targets (B,), or soft ones (B, K) where the batch is mixed."""
    return torch.from_numpy(targets if mix is None else mix.targets(targets, outputs))


class DeviceFeed:
    """Batches read from the device's memory, or from the stores ahead of time, and augmented on the device."""

    def __init__(
        self,
        split: Samples,
        settings: TrainSettings,
        choices: Choices,
        input_size: int,
        outputs: int,
        device: torch.device,
    ) -> None:
        self.choices, self.outputs, self.device = choices, outputs, device
        self.augmentation = DeviceAugmentation(settings.augment)
        self.targets = torch.from_numpy(split.targets).to(device)
        there = fits(split, input_size, device)
        size = bytes_needed(split, input_size) / 1e9
        self.note = "" if there else f"{size:.1f} GB of crops are too much for the GPU's memory: they are streamed"
        self.source: CropSource = (DeviceCrops if there else StreamedCrops)(split, input_size, device)

    def expect(self, order: Sequence[NDArray[np.int64]]) -> None:
        """Reads ahead what `batch` will be asked for, in this order."""
        self.source.prefetch(order)

    def batch(self, positions: NDArray[np.int64], key: int) -> Batch:
        """The samples at `positions`, augmented and mixed by what is drawn from `key`."""
        crops = self.augmentation(self.source.batch(positions), key)
        images = self.choices.images(crops)
        targets = self.targets[torch.from_numpy(positions).to(self.device, non_blocking=True)]
        mix = self.augmentation.mix(len(positions), key, self.device)
        return (images, targets) if mix is None else (mix.images(images), mix.targets(targets, self.outputs))

    def close(self) -> None:
        """Ends the reading ahead."""
        self.source.close()


def make_feed(
    split: Samples, settings: TrainSettings, choices: Choices, input_size: int, outputs: int, device: torch.device
) -> Feed:
    """The feed for a device: on a GPU the crops and their augmentation stay there, where they have a form there."""
    on_device = device.type != "cpu" and not settings.blend and supported(settings.augment)
    return (DeviceFeed if on_device else CpuFeed)(split, settings, choices, input_size, outputs, device)


def mixed(images: Tensor, mix: Mix | None) -> Tensor:
    """Images (B, 3, H, W), each blended with its partner where the batch is mixed."""
    if mix is None:
        return images
    weight = torch.from_numpy(mix.weight).to(images.device)[:, None, None, None]
    return images * weight + images[torch.from_numpy(mix.partner).to(images.device)] * (1 - weight)
