"""Pictures that stand for those a ticket will see: int8 forms take the ranges of their numbers from them.

Real crops are the ones to give. Where there are none, pictures are drawn whose statistics are those of faces in the
roughest sense: amplitudes that fall as one over the frequency (Field, "Relations between the statistics of natural
images and the response properties of cortical cells", J. Opt. Soc. Am. A 4, 1987), grey for the most part, in the
brightness and warmth of skin.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clew.base.crops import as_crops, check_crops
from clew.base.errors import ClewError

COUNT, MOST = 64, 512  # pictures drawn; pictures taken of those given
MEAN, SPREAD = (0.52, 0.43, 0.38), (0.10, 0.30)  # of a picture's channels; its standard deviation, from and to
COLOUR = 0.25  # of the amplitude that each channel has for itself


def as_network(images: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Crops (N, H, W, 3), uint8 or float in [0, 1], as the network takes them: (N, 3, size, size) in [0, 1].

    Of more than MOST some are taken, evenly over their order. Raises ClewError for none, and for what are no crops.
    """
    images = np.asarray(images)
    check_crops(images)
    if not len(images):
        raise ClewError("expected representative crops to take ranges from, found none: leave them out to draw some.")
    some = np.unique(np.linspace(0, len(images) - 1, min(len(images), MOST)).round().astype(np.int64))
    return np.ascontiguousarray(as_crops(images[some], size).transpose(0, 3, 1, 2))


def hash_of(images: NDArray[np.float32]) -> str:
    """The SHA-256 of pictures, in hex."""
    return hashlib.sha256(images.tobytes()).hexdigest()


def drawn(size: int, count: int = COUNT) -> NDArray[np.float32]:
    """Pictures (N, 3, size, size) in [0, 1] of natural statistics, the same every time."""
    draw = np.random.default_rng(0)
    spectrum = 1 / np.maximum(np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)), 1 / size)
    noise = np.fft.irfft2(np.fft.rfft2(draw.standard_normal((count, 4, size, size))) * spectrum, (size, size))
    noise -= noise.mean((2, 3), keepdims=True)
    noise /= noise.std((2, 3), keepdims=True) + 1e-12
    channels = (1 - COLOUR) * noise[:, :1] + COLOUR * noise[:, 1:]
    brightness = draw.normal(0, 0.12, (count, 1, 1, 1))
    spread = draw.uniform(*SPREAD, (count, 1, 1, 1))
    return np.clip(np.reshape(MEAN, (1, 3, 1, 1)) + brightness + spread * channels, 0, 1).astype(np.float32)
