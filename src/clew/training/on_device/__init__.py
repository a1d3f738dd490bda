"""Crops and their augmentation on the device that trains, so that no GPU waits for a CPU.

`self-blending` and the H.264 round trip `recompress` have no form on tensors: they stay with the CPU.
"""

from clew.training.on_device.augment import DeviceAugmentation, DeviceMix, supported
from clew.training.on_device.crops import CropSource, DeviceCrops, StreamedCrops, bytes_needed, fits

__all__ = [
    "CropSource",
    "DeviceAugmentation",
    "DeviceCrops",
    "DeviceMix",
    "StreamedCrops",
    "bytes_needed",
    "fits",
    "supported",
]
